"""The plan: what stood behind the report, so that a third party can recompute it: feeds, hashes, order of work, measures.

performance ─┬─ governance ──┬─ merge gate ─ issues ─ backlog
             └─ experiments ─┘               (pattern: diamond)
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from governance.message.instant import format_instant, parse_instant
from reporting.snapshot import Snapshot

DEPENDENCIES = {
    "data_engineering": {"provides": ["engagement-events", "rule-changes", "ticks"], "needed_by": ["performance", "issues"]},
    "privacy": {"provides": ["consent-events"], "needed_by": ["governance"]},
    "experimentation": {"provides": ["assignments", "allocation"], "needed_by": ["experiments"]},
}
WHY_NO_LIFT = "no experiment has an interval for its first goal yet"
WHY_NO_LOG = "the log of config changes is kept with the plan's row, which is not part of this build"


def plan(snapshot: Snapshot, parts: Mapping[str, Any], issues: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the report's `plan`; `parts` are its governance and experiments, gathered before the gate."""
    unjudged = [name for name in ("governance", "experiments") if not _judged(parts[name])]
    return {
        "initiative": snapshot.initiative,
        "header": {
            "pattern": "diamond",
            "steps": ["performance", ["governance", "experiments"], "merge_gate", "issues", "backlog"],
            "merge_gate": {
                "waits_for": ["governance", "experiments"],
                "passed_at": format_instant(snapshot.watermark),
                "blocked_by": [],
                "not_evaluated": unjudged,
            },
        },
        "feeds": [dict(feed) for feed in sorted(snapshot.feeds, key=lambda feed: (feed["topic"], feed["partition"]))],
        "dependencies": DEPENDENCIES,
        "error_handling": {
            "retry_limit": snapshot.config.incidents.retry_limit,
            "unreadable": "dead-letters",
            "then": "job_failed climbs the ladder",
        },
        "success_metrics": _measured(parts["governance"]["consent"], parts["experiments"], issues),
        "hashes": {"config": snapshot.config_sha256, "policies": None},
        "sop": sorted({issue["playbook"]["sop"] for issue in issues if issue["playbook"] and issue["playbook"].get("sop")}),
        "retro": {"cadence": None, "status": "not_evaluated", "why": "the config names no retro cadence"},
        "remediation": [{"incident_id": issue["id"], **entry} for issue in issues for entry in issue["remediation"]],
        "changes": [],
        "changes_status": {"status": "not_evaluated", "why": WHY_NO_LOG},
    }


def _judged(part: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bool:
    """A list of experiments is judged when each is, and an empty one has nothing open."""
    if isinstance(part, Mapping):
        return bool(part["status"] != "not_evaluated")
    return all(entry["status"] != "not_evaluated" for entry in part)


def _measured(consent: Mapping[str, Any], experiments: Sequence[Mapping[str, Any]], issues: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    waits = sorted(wait for issue in issues if (wait := _wait_ms(issue)) is not None)
    judged = consent["judged"]
    return {
        "lift_percent": _lift(experiments),
        "incident_response_s": {
            "value": median(waits) / 1000 if waits else None,
            "incidents": len(waits),
            "why": None if waits else "no incident of the period was acknowledged",
        },
        "consent_adherence": {
            "value": (judged - consent["violations"]) / judged if judged else None,
            "judged": judged,
            "why": consent["why"],
        },
    }


def _lift(experiments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the lift on the first goal of the experiment with most matured users: of the arm decided on, else of the best one."""
    found = []
    for one in experiments:
        metrics = (one["readout"] or {"metrics": []})["metrics"]
        arms = {arm: shown for arm, shown in metrics[0]["arms"].items() if shown["ci"] is not None} if metrics else {}
        chosen = [arm for arm in (one["decision"] or {"arms": []})["arms"] if arm in arms] or list(arms)
        lifts = [(arms[arm]["lift"], arm) for arm in chosen if arms[arm]["lift"] is not None]
        if lifts:
            found.append((one["readout"]["matured"], one["id"], *max(lifts)))
    if not found:
        return {"value": None, "why": WHY_NO_LIFT}
    _, name, lift, arm = max(found)
    return {"value": lift * 100, "why": f"first goal of {name}, {arm} against control"}


def _wait_ms(issue: Mapping[str, Any]) -> int | None:
    """Return the time from opening to the first acknowledgement."""
    for step in issue["timeline"]:
        if step["step"] == "acknowledged":
            return parse_instant(step["at"]) - parse_instant(issue["opened_at"])
    return None
