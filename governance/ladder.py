"""Who is asked to act: testing lead, then personalization architect, then data privacy lead, as they stood when the incident opened."""

from collections.abc import Callable, Collection, Mapping
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


def snapshot(owners: Mapping[Any, Any], covers: Mapping[Any, str], active: Callable[[str], bool]) -> dict[str, list[list[str]]]:
    """Return the ladder as plain values: per role the candidates in order, each [person, substitute for or "", reason].

    A role's own people come first, then those of the role that covers it, and of the role that covers that one; nobody stands in a role
    twice. Who is not `active` any more is left out.
    """
    ladder: dict[str, list[list[str]]] = {}
    for role in LEVELS:
        steps: dict[str, list[str]] = {}
        for one in covering(role, covers):
            for person, instead_of, reason in candidates(owners.get(one), "" if one == role else f"{one} covers {role}"):
                if active(person):
                    steps.setdefault(person, [person, instead_of, reason])
        ladder[role] = list(steps.values())
    return ladder


def covering(role: str, covers: Mapping[Any, str]) -> list[str]:
    """Return a role, the role that covers it, and so on; a circle ends where it began."""
    found = [role]
    while (following := covers.get(found[-1])) is not None and following not in found:
        found.append(following)
    return found


def candidates(owner: Any, why: str) -> list[list[str]]:
    """Return one role's person and substitutes as candidates."""
    if owner is None or not owner.person:
        return []
    own = [[owner.person, "", why or "owner"]]
    return own + [[person, owner.person, why or f"substitute for {owner.person}"] for person in owner.substitutes]


def standing_in(ladder: Mapping[str, list[list[str]]]) -> set[str]:
    """Return everybody on a ladder."""
    return {person for steps in ladder.values() for person, _, _ in steps}


def first_of(ladder: Mapping[str, list[list[str]]], level: int, absent: Collection[str] = ()) -> Owner | None:
    """Return who of those present stands first for one level, None where nobody does."""
    role = LEVELS[level - 1]
    steps = (step for step in ladder.get(role, []) if step[0] not in absent)
    return next((Owner(role, person, instead_of or None, reason) for person, instead_of, reason in steps), None)


def responsible(ladder: Mapping[str, list[list[str]]], level: int, absent: Collection[str]) -> tuple[int, Owner | None]:
    """Return the first level from `level` up that has somebody present, and who; an empty step is skipped, (3, None) means unowned."""
    found = ((reached, first_of(ladder, reached, absent)) for reached in range(level, len(LEVELS) + 1))
    return next(((reached, owner) for reached, owner in found if owner is not None), (len(LEVELS), None))
