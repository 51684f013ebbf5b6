"""Issues: every incident of the period and every threshold of the request that was breached in it, the most urgent first."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid5

from detectors.cell import DIMENSIONS
from detectors.kpi import breached
from detectors.window import DAY
from governance.config import Initiative
from governance.identity import NAMESPACE, compact
from governance.incident import SEVERITIES
from governance.message.alert_threshold import Condition, parse_alert_threshold
from governance.message.instant import format_instant, parse_instant
from governance.playbook import playbook
from reporting.coverage import people
from reporting.snapshot import Snapshot
from reporting.wording import title

ACTIVE = ("open", "acknowledged", "pending", "reopened")
SUSPECT_LEAD_MS = DAY  # a change older than a day before the first breach is not called close
SUSPECTS = 3
DEPLOYED = ("deployed", "rolled_back")


class InvalidThresholdError(ValueError):
    """A request's threshold names a key figure that the initiative does not have."""


def conditions(snapshot: Snapshot, known: Collection[str]) -> tuple[Condition, ...]:
    """Return the conditions of the request's `alert_threshold`; raises InvalidThresholdError for a key figure that is not `known`."""
    text = snapshot.request.get("alert_threshold")
    found = parse_alert_threshold(text) if text else ()
    for condition in found:
        if condition.kpi not in known:
            raise InvalidThresholdError(f"alert_threshold: {condition.kpi} is no key figure here; known are {', '.join(sorted(known))}")
    return found


def issues(snapshot: Snapshot, performance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the report's `issues`: active before past, higher level first, then the oldest."""
    found = [_incident(snapshot, incident) for incident in snapshot.incidents]
    opened = {issue["check"] for issue in found}
    known = (*performance["definitions"], "freshness_s")
    for condition in conditions(snapshot, known):
        issue = _requested(snapshot, performance, condition)
        if issue is not None and issue["check"] not in opened:
            found.append(issue)
    named = [{**issue, "title": title(issue)} for issue in found]
    return sorted(named, key=lambda issue: (issue["state"] not in ACTIVE, -issue["level"], issue["opened_at"], issue["id"]))


def _incident(snapshot: Snapshot, incident: Mapping[str, Any]) -> dict[str, Any]:
    explanation = _published(snapshot, incident.get("explanation"))
    steps = snapshot.timelines.get(incident["incident_id"], ())
    return {
        "id": incident["incident_id"],
        "incident_id": incident["incident_id"],
        "kind": "incident",
        "check": incident["check"],
        "key": dict(incident["key"]),
        "state": incident["state"],
        "level": incident["level"],
        "severity": incident["severity"],
        "owner": incident.get("owner"),
        "opened_at": _instant(incident["opened_at"]),
        "updated_at": _instant(incident["updated_at"]),
        "occurrences": incident.get("occurrences", 1),
        "windows": [_window(window) for window in incident.get("windows", ())],
        "threshold": threshold_of(snapshot.settings, incident["check"]),
        "explanation": explanation,
        "suspects": (explanation or {}).get("suspects") or _suspects(snapshot, incident),
        "playbook": incident.get("playbook"),
        "recommended_action": incident.get("recommended_action"),
        "remediation": list(incident.get("remediation", ())),
        "timeline": [_step(step) for step in steps],
        "hash": incident.get("hash"),
    }


def _published(snapshot: Snapshot, explanation: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an explanation without the segments too small to stand alone; how many were left out is said.

    A segment's counts are of a few windows, so they are small on every day of the period that its place is small on.
    """
    if explanation is None:
        return None
    minimum = snapshot.config.privacy.minimum_subjects
    held = [(segment, _largest_day(snapshot, segment.get("where", {}))) for segment in explanation.get("segments", ())]
    kept = [segment for segment, people_there in held if people_there >= minimum]
    return {**explanation, "segments": kept, "suppressed": len(held) - len(kept)}


def _largest_day(snapshot: Snapshot, where: Mapping[str, str]) -> int:
    """Return the most people a place held in one row of the period."""
    named = [(DIMENSIONS.index(name), value) for name, value in where.items() if name in DIMENSIONS]
    return max(
        (
            sum(people(counts) for cell, counts in row.cells.items() if all(cell[index] == value for index, value in named))
            for row in snapshot.rows
        ),
        default=0,
    )


def _instant(value: str | int) -> str:
    return format_instant(parse_instant(value))


def _window(window: Mapping[str, Any]) -> dict[str, Any]:
    return {**window, "start": _instant(window["start"]), "end": _instant(window["end"])}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sequence": step["sequence"],
        "step": step["step"],
        "at": _instant(step["updated_at"]),
        "level": step["level"],
        "state": step["state"],
        "owner": step.get("owner"),
    }


def threshold_of(settings: Initiative, check: str) -> dict[str, Any] | None:
    """Return the bound of a `threshold:<id>` incident as the config has it now, None where it has none of that id."""
    kind, _, name = check.partition(":")
    if kind != "threshold":
        return None
    for rule in settings.thresholds:
        if rule.id == name:
            return {"kpi": rule.kpi, "op": rule.op, "value": rule.value, "reason": rule.reason}
    return None


def _suspects(snapshot: Snapshot, incident: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the changes that went out in the day before the first breached window ended, the closest to its start first."""
    windows = [parse_instant(window["start"]) for window in incident.get("windows", ())]
    ends = [parse_instant(window["end"]) for window in incident.get("windows", ())]
    first, until = (min(windows), min(ends)) if windows else (parse_instant(incident["opened_at"]),) * 2
    channel = incident["key"].get("channel")
    near = []
    for change in snapshot.rule_changes:
        at = parse_instant(change["occurred_at"])
        channels = change.get("channels")
        reaches = channel is None or not channels or channel in channels
        if change["action"] in DEPLOYED and reaches and first - SUSPECT_LEAD_MS <= at < max(until, first + 1):
            near.append((abs(first - at), change["event_id"], change, at))
    return [
        {
            "change_id": change["change_id"],
            "rule_id": change["rule_id"],
            "version": change.get("version"),
            "previous_version": change.get("previous_version"),
            "action": change["action"],
            "channels": change.get("channels"),
            "at": format_instant(at),
            "before_s": (first - at) // 1000,
        }
        for _, _, change, at in sorted(near, key=lambda item: item[:2])[:SUSPECTS]
    ]


def _requested(snapshot: Snapshot, performance: Mapping[str, Any], condition: Condition) -> dict[str, Any] | None:
    """Return the item of one threshold of the request, None where neither the period nor any day or hour of it breached."""
    kpi, op, bound = condition.kpi, condition.op, condition.value
    whole = performance["totals"]["kpis"].get(kpi)
    eligible = [point for point in performance["trend"] if point["kpis"].get(kpi) is not None and point["counts"]["exposures"] > 0]
    hit = [point for point in eligible if breached(point["kpis"][kpi], op, bound)]
    total_hit = whole is not None and breached(whole, op, bound)
    if not hit and not total_hit:
        return None
    twice = len(eligible) > 1 and all(point in hit for point in eligible[-2:])
    check = condition.check
    advice, action = playbook(check, kpi, snapshot.config.playbooks)
    opened = min(parse_instant(hit[-1]["end"]) if hit else snapshot.period_to, snapshot.period_to)
    return {
        "id": str(uuid5(NAMESPACE, compact(["report-issue", snapshot.initiative, check, format_instant(snapshot.period_to)]))),
        "incident_id": None,
        "kind": "request",
        "check": check,
        "key": {},
        "state": "open" if twice else "pending",
        "level": 1 if twice else 0,
        "severity": SEVERITIES[1],
        "owner": owner_of(snapshot, "testing_lead"),
        "opened_at": format_instant(opened),
        "updated_at": format_instant(snapshot.period_to),
        "occurrences": len(hit),
        "windows": [{"start": point["start"], "end": point["end"], "observed": point["kpis"][kpi]} for point in hit],
        "threshold": {"kpi": kpi, "op": op, "value": bound, "reason": "asked for by the request"},
        "observed": whole,
        "breached_in_total": total_hit,
        "twice": twice,
        "segments": [
            {"key": segment["key"], "observed": segment["kpis"][kpi]}
            for segment in performance["segments"]
            if segment["kpis"].get(kpi) is not None and breached(segment["kpis"][kpi], op, bound)
        ],
        "explanation": None,
        "suspects": [],
        "playbook": advice,
        "recommended_action": action,
        "remediation": [],
        "timeline": [],
        "hash": None,
    }


def owner_of(snapshot: Snapshot, role: str) -> dict[str, Any] | None:
    """Return who stands for a role by the config alone (live availability is the incident's business), None where nobody does."""
    owner = {str(name): owner for name, owner in snapshot.settings.owners.items()}.get(role)
    if owner is None:
        return None
    return {"role": role, "person": owner.person, "substitute_for": None, "reason": "owner in the config"}
