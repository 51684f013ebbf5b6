"""The backlog: what is left to do after the issues, each with one owner, a priority and a date; the same work keeps its id."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid5

from detectors.window import DAY, HOUR
from governance.identity import NAMESPACE, compact
from governance.message.instant import format_instant, parse_instant
from reporting.issues import ACTIVE, owner_of
from reporting.snapshot import Snapshot
from reporting.wording import acceptance, task

DUE_MS = {1: 4 * HOUR, 2: 3 * DAY, 3: 7 * DAY}  # now: within the shift; this week: before its end; next: the next planning
ROLES = ("testing_lead", "testing_lead", "personalization_architect", "data_privacy_lead")  # by level, 0 not yet an incident


def backlog(snapshot: Snapshot, issues: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one item per issue that is not done, by priority, then due date; ids depend on the issue alone."""
    items = [_item(snapshot, issue) for issue in issues if not _done(issue)]
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


def priority(issue: Mapping[str, Any]) -> int:
    """Return 1 (now) for what is active at level 2 and up or critical, 2 (this week) for what else is active, 3 (next) for what is over."""
    if issue["state"] not in ACTIVE or issue["state"] == "pending":
        return 3
    return 1 if issue["level"] > 1 or issue["severity"] == "critical" else 2
