"""People with their consent histories: who may be shown personalised content at a time, and what they say next.

A history is kept in the order of its times. Whatever a person says takes effect at least `PATIENCE` after the moment that
prompted it, so that no exposure already decided is overtaken by a record with an earlier time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from detectors.window import DAY, HOUR, MINUTE, SECOND
from streams.simulation.scenario import PROFILES, Profile
from streams.simulation.season import MONDAY, WEEK

PATIENCE = 40 * SECOND
ON_SITE = ("web", "in-app")


@dataclass(frozen=True, slots=True)
class Statement:
    """One consent record to be published, and what it means to the program itself."""

    at: int
    state: str
    channels: tuple[str, ...] | None = None
    expires_at: int | None = None
    source: str = "cmp"

    def covers(self, channel: str) -> bool:
        """Return whether the record speaks about the channel and settles anything (a prompt does not)."""
        return self.state not in ("requested", "deferred") and (self.channels is None or channel in self.channels)


@dataclass(slots=True)
class Person:
    """One subject: an opaque id, fixed properties, and what was said so far."""

    id: str
    profile: Profile
    cohort: str
    arm: float  # uniform in [0, 1): picks the variant of every program, always the same one
    said: list[Statement] = field(default_factory=list)

    def allows(self, channel: str, at: int) -> bool:
        """Return whether personalised content may be shown on the channel at a time in ms."""
        for statement in reversed(self.said):
            if statement.at <= at and statement.covers(channel):
                return statement.state in ("given", "renewed") and (statement.expires_at is None or at < statement.expires_at)
        return False


def cohort(time: int) -> str:
    """Return the ISO week of a time in ms.

    >>> cohort(1_794_182_400_000)
    '2026-W46'
    """
    year, week, _ = datetime.fromtimestamp(time / 1000, UTC).isocalendar()
    return f"{year}-W{week:02d}"


class Population:
    """The people of each week's cohort; a person exists from the first time it is met."""

    def __init__(self, size: int, rng: Random) -> None:
        self._size = size
        self._rng = rng
        self._week = -1
        self._cohort = ""
        self._people: list[Person | None] = []

    def meet(self, at: int) -> tuple[Person, bool]:
        """Return somebody of the current cohort, and whether for the first time."""
        week = (at - MONDAY) // WEEK
        if week != self._week:
            self._week, self._cohort, self._people = week, cohort(at), [None] * self._size
        number = int(self._rng.random() * self._size)
        person = self._people[number]
        if person is not None:
            return person, False
        self._people[number] = person = self.invent(f"u-{self._cohort[2:]}-{number}")
        return person, True

    def invent(self, name: str) -> Person:
        """Return a new person of the current cohort."""
        draw, profile = self._rng.random(), PROFILES[-1]
        for candidate in PROFILES:
            if draw < candidate.share:
                profile = candidate
                break
            draw -= candidate.share
        return Person(name, profile, self._cohort, self._rng.random())


def welcome(person: Person, at: int, rng: Random) -> tuple[Iterator[Statement], int]:
    """Return what somebody says when first asked at `at`, and when the first page is shown (at most 20 s later)."""
    answered = at + 2 * SECOND + int(rng.random() * 10 * SECOND)
    statements = [Statement(at, "requested")] if rng.random() < 0.3 else []
    draw = rng.random()
    if draw < 0.75:
        statements.append(Statement(answered, "given"))
    elif draw < 0.83:
        statements.append(Statement(answered, "given", channels=ON_SITE))
    elif draw < 0.86:
        statements.append(Statement(answered, "given", expires_at=answered + HOUR + int(rng.random() * 2 * DAY)))
    elif draw < 0.95:
        statements.append(Statement(answered, "refused"))
    elif draw < 0.98:
        statements.append(Statement(answered, "deferred"))
    person.said.extend(statements)
    return iter(statements), answered + SECOND + int(rng.random() * 7 * SECOND)


def reconsider(person: Person, at: int, allowed: bool, rng: Random) -> Statement | None:
    """Return what somebody says after an exposure at `at`: now and then a withdrawal, a signal, an erasure or a renewal."""
    if rng.random() > 0.006 or (person.said and person.said[-1].at > at):
        return None
    when = at + PATIENCE + int(rng.random() * 2 * MINUTE)
    if not allowed:
        statement = Statement(when, "renewed" if any(said.state == "given" for said in person.said) else "given")
    else:
        draw = rng.random()
        statement = Statement(when, "withdrawn", source="gpc" if draw < 0.2 else "cmp") if draw < 0.9 else Statement(when, "revoked")
    person.said.append(statement)
    return statement
