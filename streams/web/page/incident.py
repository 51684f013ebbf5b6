"""Incidents on the page: the row of each, and the one that is opened, with what to do above its evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.config import Config
from governance.message.alert_threshold import parse_alert_threshold
from governance.message.instant import format_instant, parse_instant
from reporting.figure import age, moment
from reporting.issues import SUSPECTS
from reporting.wording import (
    DETECTED,
    ROLES,
    STEPS,
    amount,
    breached_windows,
    count_of,
    label,
    off,
    sentence,
    state,
    steps,
    suspected,
    title,
    undoing,
    where,
)
from streams.read_model.situation import Published, Situation, Story
from streams.web.page.comparison import compare
from streams.web.page.desk import offered
from streams.web.page.evidence import evidence, explained
from streams.web.page.suspect import near

CHIPS = {  # state: its icon and colour
    "open": ("fail", "bad"),
    "reopened": ("fail", "bad"),
    "pending": ("pending", "wait"),
    "acknowledged": ("pass", "info"),
    "resolved": ("pass", "good"),
    "closed": ("pass", "plain"),
    "retracted": ("none", "plain"),
}
ASKING = ("opened", "escalated", "reopened")
HIGHEST = 3
STEPS_SHOWN = 12
BREACHES_SHOWN = 2


def bound_of(incident: Published, config: Config) -> dict[str, Any] | None:
    """Return the bound an incident is about as `kpi, op, value, reason`, from its check's name and the config; None where it has none."""
    kind, _, name = incident["check"].partition(":")
    own = config.initiatives.get(incident["initiative"])
    if kind == "threshold" and own is not None:
        for rule in own.thresholds:
            if rule.id == name:
                return {"kpi": rule.kpi, "op": rule.op, "value": rule.value, "reason": rule.reason, "window": rule.window}
    if kind == "request":
        condition = parse_alert_threshold(name)[0]
        return {"kpi": condition.kpi, "op": condition.op, "value": condition.value, "reason": "asked for in a report", "window": None}
    return None


def title_of(incident: Published, config: Config) -> str:
    """Return what, how much, where."""
    return title({**incident, "threshold": bound_of(incident, config)})


def row(story: Story, config: Config, now: int, retracted: int = 0) -> dict[str, Any]:
    """Return one line of the list; `retracted` of a consent incident's violations were taken back."""
    data, today = story.now, format_instant(now)
    shape, colour = CHIPS.get(data["state"], ("none", "plain"))
    person, why = owner(data.get("owner"))
    unowned = story.active and not data.get("owner")
    return {
        "id": data["incident_id"],
        "active": story.active,
        "level": data["level"],
        "title": title_of(data, config),
        "key": f"{data['check']}, {where(data['key'])}: {_extent(data, retracted)}",
        "state": "Unowned" if unowned else state({**data, "kind": "incident"}),
        "shape": "warn" if unowned else shape,
        "colour": "bad" if unowned else colour,
        "owner": person,
        "why": why,
        "since": moment(data["opened_at"], today),
        "age": age(now - parse_instant(data["opened_at"])) if story.active else f"ended {moment(data['updated_at'], today)}",
    }


def _extent(data: Published, retracted: int) -> str:
    if data["check"] == "consent_violation":
        return count_of(data["occurrences"], "exposure") + (f", {retracted} retracted" if retracted else "")
    return f"{count_of(breached_windows(data), 'window')} breached"


def owner(holder: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return who has it, and as what."""
    if not holder:
        return "Nobody", "available at any level"
    role = ROLES.get(holder["role"], str(holder["role"]))
    absent = holder.get("substitute_for")
    return sentence(str(holder["person"])), f"for {sentence(str(absent))}, {role}" if absent else role


def opened(story: Story, situation: Situation, config: Config, changes: Sequence[Published], now: int) -> dict[str, Any]:
    """Return what an opened incident shows."""
    data = story.now
    bound = bound_of(data, config)
    suspects = suspects_of(story, situation, changes)
    playbook = data.get("playbook") or {}
    return {
        "undo": undoing(suspects) if story.active else None,
        "action": data.get("recommended_action"),
        "commands": offered(data),
        "reason": bound["reason"] if bound else None,
        "evidence": evidence(story, situation, config, bound, suspects),
        "explained": explained(data, config.privacy.minimum_subjects),
        "compare": compare(story, situation, config, bound),
        "timeline": timeline(story, config, suspects, now),
        "suspects": [
            {"change": suspect["change_id"], "said": suspected(suspect).removeprefix(str(suspect["change_id"]))} for suspect in suspects
        ],
        "playbook": {
            "title": playbook.get("title"),
            "steps": [{"what": step, "taken": taken} for step, taken in steps(data, format_instant(now))],
            "links": [(name, link) for name, link in (("Runbook", playbook.get("runbook")), ("SOP", playbook.get("sop"))) if _safe(link)],
        },
        "remediation": [_entry(entry, format_instant(now)) for entry in data.get("remediation", ())],
    }


def _entry(entry: Mapping[str, Any], today: str) -> dict[str, str]:
    return {"at": moment(entry["at"], today), "who": sentence(str(entry["actor"])), "what": str(entry["action"])}


def _safe(link: object) -> bool:
    return isinstance(link, str) and link.startswith(("https://", "http://"))


def suspects_of(story: Story, situation: Situation, changes: Sequence[Published]) -> Sequence[Mapping[str, Any]]:
    """Return the changes close to an incident: from its own explanation, else from those known here, else from the latest report."""
    explained = (story.now.get("explanation") or {}).get("suspects")
    report = situation.overview.report or {}
    found = explained or near(changes, story.now) or report.get("suspects", {}).get(story.now["incident_id"], ())
    return list(found)[:SUSPECTS]


def timeline(story: Story, config: Config, suspects: Sequence[Mapping[str, Any]], now: int) -> list[dict[str, str]]:
    """Return what happened in order, and the next step with its condition."""
    data, today = story.now, format_instant(now)
    found: list[tuple[int, str, str, str]] = []
    for suspect in suspects[:1]:
        if suspect.get("at"):
            what = f"{suspect['change_id']} {str(suspect.get('action', 'deployed')).replace('_', ' ')}"
            found.append((parse_instant(suspect["at"]), "change", what, _carrier(suspect)))
    for number, window in enumerate(data["windows"][:BREACHES_SHOWN], 1):
        found.append((parse_instant(window["end"]), "breach", f"Breach {number}", _observed(window, data)))
    steps = [step for step in story.steps if step["step"] != "occurrence"][:STEPS_SHOWN]
    for step in steps:
        asks = step["step"] in ASKING
        what = STEPS.get(step["step"], sentence(str(step["step"]))) + (f", L{step['level']}" if asks else "")
        person, why = owner(step.get("owner"))
        found.append((parse_instant(step["at"]), "escalation" if asks else "step", what, f"to {person}, {why}" if asks else ""))
    told = [
        {"at": moment(format_instant(at), today), "kind": kind, "what": what, "detail": detail}
        for at, kind, what, detail in sorted(found, key=lambda item: item[0])
    ]
    return told + _next(story, config, today)


def _next(story: Story, config: Config, today: str) -> list[dict[str, str]]:
    data = story.now
    asked = [step for step in story.steps if step["step"] in ASKING]
    if data["state"] not in ("open", "reopened") or not asked:
        return []
    if data["level"] >= HIGHEST:
        return [{"at": "", "kind": "next", "what": "Highest level", "detail": "resolves once its windows stay clear"}]
    at = parse_instant(asked[-1]["at"]) + config.incidents.ack_timeout
    detail = "unless acknowledged, or breached twice more before"
    return [{"at": moment(format_instant(at), today), "kind": "next", "what": f"Next: L{data['level'] + 1}", "detail": detail}]


def _carrier(suspect: Mapping[str, Any]) -> str:
    version = f" v{suspect['version']}" if suspect.get("version") is not None else ""
    channels = f" on {', '.join(suspect['channels'])}" if suspect.get("channels") else ""
    return f"{suspect.get('rule_id', '')}{version}{channels}"


def _observed(window: Mapping[str, Any], data: Published) -> str:
    kpi, value = data["key"].get("kpi"), window.get("observed")
    if kpi is None or value is None:
        return ""
    if data["check"] in DETECTED:
        return off(value, window["expected"]) if window.get("expected") else ""
    return amount(kpi, value)


def pending(finding: Published, today: str) -> str:
    """Return a first breach in a sentence, with what a second one does."""
    kpi = finding["key"].get("kpi")
    observed, expected = finding.get("observed"), finding.get("expected")
    seen = f" at {amount(kpi, observed)}" if kpi and observed is not None else ""
    if finding["check"] in DETECTED:
        seen = f", {off(observed, expected)}" if observed is not None and expected else ""
    name = label(kpi) if kpi else finding["check"]
    start, end = (parse_instant(finding["window"][name]) for name in ("start", "end"))
    at, then = (moment(format_instant(time), today) for time in (end, 2 * end - start))
    return f"{name}, {where(finding['key'])}, breached once{seen}, at {at}. A second breach at {then} opens an incident."
