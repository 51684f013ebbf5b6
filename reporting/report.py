"""The report: every part of it in the order of the plan, as one JSON-able document that depends on the snapshot alone."""

from typing import Any
from uuid import uuid5

from governance.identity import NAMESPACE, compact
from governance.message.instant import format_instant
from reporting.backlog import backlog
from reporting.checklist import governance
from reporting.coverage import coverage
from reporting.issues import ACTIVE, issues, owner_of
from reporting.memo import experiments
from reporting.performance import performance, split_of
from reporting.plan import plan
from reporting.review import SIGN_OFFS, fault_of, review
from reporting.sight import detection
from reporting.snapshot import Snapshot


def build(snapshot: Snapshot) -> dict[str, Any]:
    """Return the canonical report; equal snapshots give equal documents. Raises InvalidThresholdError for an unknown key figure."""
    parts = split_of(snapshot)
    performed = performance(snapshot, parts)
    counts = performed["totals"]["counts"]
    gathered = {"governance": governance(snapshot, counts), "experiments": experiments(snapshot)}
    found = issues(snapshot, performed)
    owners = {role: owner["person"] if (owner := owner_of(snapshot, role)) else None for role, _ in SIGN_OFFS}
    active = {fault_of(issue["check"], issue["key"]) for issue in found if issue["state"] in ACTIVE}
    return {
        "report_id": report_id(snapshot),
        "initiative": snapshot.initiative,
        "title": snapshot.title,
        "request": dict(snapshot.request),
        "period": {
            "from": format_instant(snapshot.period_from),
            "to": format_instant(snapshot.period_to),
            "watermark": format_instant(snapshot.watermark),
            "unit": snapshot.unit,
            "rows": len(snapshot.rows),
            "partial": any(row.partial for row in snapshot.rows),
        },
        "performance": performed,
        **gathered,
        "issues": found,
        "backlog": backlog(snapshot, found),
        "plan": plan(snapshot, gathered, found),
        "coverage": {**coverage(snapshot, counts, parts), "detection": detection(snapshot)},
        "review": review({"performance": performed, **gathered}, owners, active, to=snapshot.to),
    }


def report_id(snapshot: Snapshot) -> str:
    """Return the report's id: the same request over the same period of the same initiative is the same report."""
    content = ["report", snapshot.initiative, dict(snapshot.request), snapshot.period_from, snapshot.period_to]
    return str(uuid5(NAMESPACE, compact(content)))
