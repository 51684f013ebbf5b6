"""The governance part: what this build can say about consent and changes, and plainly what it cannot."""

from collections.abc import Mapping
from typing import Any

from detectors.kpi import VIOLATIONS
from governance.message.instant import format_instant, parse_instant
from governance.playbook import playbook
from governance.policy.row import Row
from reporting.snapshot import Snapshot

SCHEMA_CHANGE = "schema_change"
SHOWN = 5
WHY_NO_POLICY = "no policy came with the config, so no change was judged"
WHY_NO_CHANGE = "no rule changed in the period, so there was nothing to judge"
WHY_NOT_ASKED = "no check asks anything of the changes of the period"
WHY_NO_CONSENT = "no exposure of the period has a settled consent verdict"


def governance(snapshot: Snapshot, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's `governance`; `counts` are the totals in their public shape."""
    verdicts: Mapping[str, int] = counts["consent"]
    violations = {verdict: verdicts[verdict] for verdict in VIOLATIONS if verdicts.get(verdict)}
    judged = verdicts.get("valid", 0) + sum(violations.values())
    checklist = snapshot.checklist
    changes = checklist.changes if checklist is not None else ()
    rows = checklist.rows() if checklist is not None else []
    fields = _fields(snapshot)
    return {
        "status": "evaluated" if changes else "not_evaluated",
        "why": None if rows else WHY_NO_POLICY if checklist is None else WHY_NOT_ASKED if changes else WHY_NO_CHANGE,
        "checks": [row.plain() for row in (*rows, *fields)],
        "counts": checklist.counts() if checklist is not None else {},
        "violations": [{"verdict": verdict, "exposures": number} for verdict, number in violations.items()],
        "consent": {
            "status": "evaluated" if judged else "not_evaluated",
            "why": None if judged else WHY_NO_CONSENT,
            "judged": judged,
            "violations": sum(violations.values()),
            "verdicts": dict(verdicts),
        },
        "pending_approvals": [
            {"change_id": one.change.change_id, "rule_id": one.change.rule_id, **row.plain()}
            for one in changes
            for row in one.rows
            if row.status == "pending"
        ],
        "diffs": [dict(difference) for difference in snapshot.differences],
        "changes": sorted((_change(change) for change in snapshot.rule_changes), key=lambda change: (change["at"], change["change_id"])),
    }


def _fields(snapshot: Snapshot) -> list[Row]:
    """Return the row of the fields that appeared in or vanished from feeds in the period, none where none did."""
    if not snapshot.field_changes:
        return []
    advice, _ = playbook(SCHEMA_CHANGE, "", snapshot.config.playbooks)
    found = "; ".join(what for _, what in snapshot.field_changes[-SHOWN:])
    more = len(snapshot.field_changes) - SHOWN
    return [
        Row(
            check=SCHEMA_CHANGE,
            status="warn",
            found=f"{found}; {more} before" if more > 0 else found,
            expected="feeds carry the fields they carried before",
            since=min(at for at, _ in snapshot.field_changes),
            reason=str(advice["title"]),
            sop=advice["sop"],
        )
    ]


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": format_instant(parse_instant(change["occurred_at"])),
        "change_id": change["change_id"],
        "rule_id": change["rule_id"],
        "version": change.get("version"),
        "previous_version": change.get("previous_version"),
        "action": change["action"],
        "channels": change.get("channels"),
        "reason": change.get("reason"),
        "evidence": change.get("evidence_at"),
    }
