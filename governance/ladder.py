"""Who is asked to act: testing lead, then personalization architect, then data privacy lead, as they stood when the incident opened."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = ("testing_lead", "personalization_architect", "data_privacy_lead")


@dataclass(frozen=True, slots=True)
class Owner:
    """The person asked, for which role, instead of whom, and why."""

    role: str
    person: str
    substitute_for: str | None
    reason: str


def snapshot(owners: Mapping[Any, Any], covers: Mapping[Any, str]) -> dict[str, list[list[str]]]:
    """Return the ladder as plain values: per role the candidates in order, each [person, substitute for or "", reason]."""
    ladder: dict[str, list[list[str]]] = {}
    for role in LEVELS:
        steps = candidates(owners.get(role), "")
        other = covers.get(role)
        if other is not None and other != role:
            steps += candidates(owners.get(other), f"{other} covers {role}")
        ladder[role] = steps
    return ladder


def candidates(owner: Any, why: str) -> list[list[str]]:
    """Return one role's person and substitutes as candidates."""
    if owner is None or not owner.person:
        return []
    own = [[owner.person, "", why or "owner"]]
    return own + [[person, owner.person, why or f"substitute for {owner.person}"] for person in owner.substitutes]


def first_of(ladder: Mapping[str, list[list[str]]], level: int) -> Owner | None:
    """Return who stands first for one level, None where nobody does."""
    role = LEVELS[level - 1]
    return next((Owner(role, person, instead_of or None, reason) for person, instead_of, reason in ladder.get(role, [])), None)


def responsible(ladder: Mapping[str, list[list[str]]], level: int, absent: Collection[str]) -> tuple[int, Owner | None]:
    """Return the first level from `level` up that has somebody present, and who; an empty step is skipped, (3, None) means unowned."""
    for reached in range(level, len(LEVELS) + 1):
        role = LEVELS[reached - 1]
        for person, instead_of, reason in ladder.get(role, []):
            if person not in absent:
                return reached, Owner(role, person, instead_of or None, reason)
    return len(LEVELS), None
