"""The plan: what stood behind the report, so that a third party can recompute it: feeds, hashes, order of work, measures.

performance ─┬─ governance ──┬─ merge gate ─ issues ─ backlog
             └─ experiments ─┘               (pattern: diamond)
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from detectors.kpi import BUILT_IN, Ratio
from detectors.window import end_of
from governance.config import Config
from governance.ladder import LEVELS
from governance.message.duration import format_duration
from governance.message.instant import format_instant, parse_instant
from reporting.issues import owner_of
from reporting.snapshot import Snapshot

DEPENDENCIES = {
    "data_engineering": {"provides": ["engagement-events", "rule-changes", "ticks"], "needed_by": ["performance", "issues"]},
    "privacy": {"provides": ["consent-events"], "needed_by": ["governance"]},
    "experimentation": {"provides": ["assignments", "allocation"], "needed_by": ["experiments"]},
}
WHY_NO_LIFT = "no experiment has an interval for its first goal yet"


def standing(config: Config, initiative: str) -> dict[str, Any]:
    """Return what a plan says to measure, to hold to and to report how often: what a change of makes a new version of it."""
    own = config.initiative(initiative)
    figures = {**BUILT_IN, **{name: Ratio(one.numerator, one.denominator, one.better) for name, one in own.kpis.items()}}
    return {
        "metrics": {
            "kpis": {
                name: {"numerator": one.numerator, "denominator": one.denominator, "better": one.better} for name, one in figures.items()
            },
            "goals": {name: list(one.goals) for name, one in own.experiments.items()},
        },
        "thresholds": [one.model_dump(mode="json") for one in own.thresholds],
        "cadences": [one.model_dump(mode="json") for one in own.reports],
    }


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
        **standing(snapshot.config, snapshot.initiative),
        "hashes": {"config": snapshot.config_sha256, "policies": snapshot.policies_sha256},
        "owners": [_owner(snapshot, role) for role in LEVELS],
        "dashboards": [one.model_dump(mode="json") for one in snapshot.config.dashboards],
        "sop": sorted({issue["playbook"]["sop"] for issue in issues if issue["playbook"] and issue["playbook"].get("sop")}),
        "retro": _retro(snapshot),
        "remediation": [{"incident_id": issue["id"], **entry} for issue in issues for entry in issue["remediation"]],
        **_log(snapshot),
    }


def _owner(snapshot: Snapshot, role: str) -> dict[str, Any]:
    owner = owner_of(snapshot, role)
    return {"role": role, "person": owner["person"] if owner else None}


def _retro(snapshot: Snapshot) -> dict[str, Any]:
    """Return how often people look back: with the report that covers most, which is the rarest one."""
    cadences = [one.cadence for one in snapshot.settings.reports]
    if not cadences:
        return {"cadence": None, "next": None, "why": "the config schedules no report"}
    longest = max(cadences)
    return {"cadence": format_duration(longest), "next": format_instant(end_of(snapshot.watermark, longest)), "why": None}


def _log(snapshot: Snapshot) -> dict[str, Any]:
    """Return the plan's version and what changed in it: metrics, thresholds, cadences and the rest of the config, newest last."""
    row = snapshot.plan
    if row is None:
        return {"version": None, "changes": [], "why_no_log": "nothing of this initiative is closed yet"}
    return {"version": row["version"], "changes": [dict(change) for change in row["changes"]], "why_no_log": None}


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
