"""A report in brief: what a page says of the latest one without loading it."""

from collections.abc import Mapping
from typing import Any

from reporting.issues import ACTIVE, DEPLOYED

CHANGES = 20
CHECKS = 60
EXPERIMENTS = 20
SERIES = ("watched", "learning", "too_small")


def brief_of(request_id: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the brief of a report."""
    governance, watched = report["governance"], report.get("coverage", {}).get("detection", ())
    return {
        "request_id": request_id,
        "title": report.get("title") or report["initiative"],
        "period": {name: report["period"][name] for name in ("from", "to", "watermark")},
        "window": report["request"].get("window"),
        "issues": len(report["issues"]),
        "active": sum(issue["state"] in ACTIVE for issue in report["issues"]),
        "backlog": len(report["backlog"]),
        "changes": [change for change in governance.get("changes", ()) if change.get("action") in DEPLOYED][-CHANGES:],
        "suspects": {issue["id"]: issue["suspects"] for issue in report["issues"] if issue.get("suspects")},
        "checklist": {
            "status": governance.get("status"),
            "why": governance.get("why"),
            "checks": list(governance.get("checks", ()))[:CHECKS],
            "pending": len(governance.get("pending_approvals", ())),
        },
        "consent": governance.get("consent"),
        "series": {state: sum(row.get(state, 0) for row in watched) for state in SERIES},
        "experiments": list(report["experiments"])[:EXPERIMENTS],
    }
