"""The incident as the world sees it: one plain value per lifecycle step, built from an episode and what surrounds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from governance.breach import Episode
from governance.ladder import LEVELS, Owner
from governance.lifecycle import Step
from governance.message.instant import format_instant, written_bounds
from governance.paging import STORM

SEVERITIES = {1: "warning", 2: "high", 3: "critical"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an incident is about: its check, initiative, key and the length of its windows in ms."""

    check: str
    initiative: str
    key: Mapping[str, str]
    window: int


def owner_data(owner: Owner | None) -> dict[str, Any] | None:
    """Return an owner as it is written, None for nobody."""
    if owner is None:
        return None
    return {"role": owner.role, "person": owner.person, "substitute_for": owner.substitute_for, "reason": owner.reason}


def incident_data(subject: Subject, episode: Episode, step: Step, advice: tuple[dict[str, Any], str]) -> dict[str, Any]:
    """Return the whole incident after a step, without its place in the audit chain."""
    playbook, action = advice
    return {
        "incident_id": episode.incident_id,
        "check": subject.check,
        "initiative": subject.initiative,
        "key": dict(subject.key),
        "state": episode.state,
        "level": episode.level,
        "severity": SEVERITIES[episode.level] if episode.owner is not None else "critical",
        "owner": owner_data(episode.owner),
        "opened_at": format_instant(episode.opened_at),
        "updated_at": format_instant(episode.updated_at),
        "sequence": episode.sequence,
        "step": step,
        "occurrences": episode.occurrences,
        "windows": windows(subject, episode),
        "explanation": None,
        "playbook": playbook,
        "recommended_action": action,
        "remediation": [dict(entry) for entry in episode.remediation],
        "episode": episode.number,
    }


def windows(subject: Subject, episode: Episode) -> list[dict[str, str]]:
    """Return the breached windows an incident lists, as they are written."""
    bounds = (written_bounds(start, end) for start, end in episode.listing.bounds(subject.window))
    return [{"start": start, "end": end} for start, end in bounds]


def escalation_data(
    incident: Mapping[str, Any], owner: Owner | None, reason: str, kind: Literal["responsible", "informed"] = "responsible", level: int = 0
) -> dict[str, Any]:
    """Return the record that asks somebody to act, or tells them: whom, at which level (0: the incident's), the incident as it stands."""
    return {
        "incident_id": incident["incident_id"],
        "kind": kind,
        "level": level or incident["level"],
        "role": owner.role if owner else LEVELS[level - 1] if level else None,
        "person": owner.person if owner else None,
        "substitute_for": owner.substitute_for if owner else None,
        "reason": reason,
        "incident": dict(incident),
    }


def said(subject: Subject, episode: Episode, step: Step, reason: str | None) -> str:
    """Return why somebody is asked: what opened the incident, what has happened since, and that a silence is over."""
    named = step == "opened" or subject.check == STORM  # a storm is another one each time
    why = f"{step}: {reason or subject.check}" if named else f"{step} to level {episode.level}"
    if episode.silenced_until > episode.paged_at and step != "opened":
        why = f"the silence ended {format_instant(episode.silenced_until)} and it is still open: {why}"
    return why if episode.owner is not None else f"unowned, nobody is there to act: {why}"
