"""The backlog: what is left to do after the issues, each with one owner, a priority and a date; the same work keeps its id."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid5

from detectors.window import DAY, HOUR
from governance.identity import NAMESPACE, compact
from governance.message.instant import format_instant, parse_instant
from governance.policy.row import Row
from governance.rule_book import Change
from reporting.issues import ACTIVE, owner_of
from reporting.snapshot import Snapshot
from reporting.wording import acceptance, task

PENDING_DUE = 3 * DAY  # of an approval nobody set a deadline for: before the end of the week

DUE_MS = {1: 4 * HOUR, 2: 3 * DAY, 3: 7 * DAY}  # now: within the shift; this week: before its end; next: the next planning
ROLES = ("testing_lead", "testing_lead", "personalization_architect", "data_privacy_lead")  # by level, 0 not yet an incident


def backlog(snapshot: Snapshot, issues: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one item per issue that is not done and per check that waits for somebody, by priority, then due date; ids are stable."""
    items = [_item(snapshot, issue) for issue in issues if not _done(issue)]
    items += [_pending(snapshot, change, row) for change, row in pending_rows(snapshot)]
    return sorted(items, key=lambda item: (item["priority"], item["due"], item["id"]))


def _done(issue: Mapping[str, Any]) -> bool:
    """A retracted incident never happened; one that is over and has a remediation on record needs nothing more."""
    return issue["state"] == "retracted" or (issue["state"] not in ACTIVE and bool(issue["remediation"]))


def _item(snapshot: Snapshot, issue: Mapping[str, Any]) -> dict[str, Any]:
    urgency = priority(issue)
    due = parse_instant(issue["opened_at"]) + DUE_MS[urgency]
    return {
        "id": str(uuid5(NAMESPACE, compact(["backlog", snapshot.initiative, issue["id"]]))),
        "title": task(issue),
        "owner": issue["owner"] or owner_of(snapshot, ROLES[issue["level"]]),
        "priority": urgency,
        "due": format_instant(due),
        "overdue": due < snapshot.watermark,
        "source": {"kind": issue["kind"], "id": issue["id"], "check": issue["check"]},
        "acceptance": acceptance(issue),
    }


def pending_rows(snapshot: Snapshot) -> list[tuple[Change, Row]]:
    """Return each check of a change that waits for somebody."""
    changes = snapshot.checklist.changes if snapshot.checklist is not None else ()
    return [(judged.change, row) for judged in changes for row in judged.rows if row.status == "pending"]


def _pending(snapshot: Snapshot, change: Change, row: Row) -> dict[str, Any]:
    """Return the item of a check that waits: the owner who can decide it, else the testing lead, until its own deadline."""
    due = row.deadline if row.deadline is not None else (row.since or snapshot.watermark) + PENDING_DUE
    named = [owner_of(snapshot, role) for role in ROLES[1:]]
    able = next((owner for owner in named if owner is not None and owner["person"] in row.who), named[0])
    source = f"policy:{row.check}"
    return {
        "id": str(uuid5(NAMESPACE, compact(["backlog", snapshot.initiative, source, change.rule_id, change.change_id]))),
        "title": f"Decide {row.check} of change {change.change_id} of rule {change.rule_id}",
        "owner": able,
        "priority": 1 if due < snapshot.watermark + DUE_MS[1] else 2,
        "due": format_instant(due),
        "overdue": due < snapshot.watermark,
        "source": {"kind": "pending_approval", "id": change.change_id, "check": source},
        "acceptance": f"{row.check} passes: {row.expected}",
    }


def priority(issue: Mapping[str, Any]) -> int:
    """Return 1 (now) for what is active at level 2 and up or critical, 2 (this week) for what else is active, 3 (next) for what is over."""
    if issue["state"] not in ACTIVE or issue["state"] == "pending":
        return 3
    return 1 if issue["level"] > 1 or issue["severity"] == "critical" else 2
