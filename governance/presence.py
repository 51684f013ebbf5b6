"""Who is there and who is away, as people said by command: a statement holds from when it was taken until its `until`, then its opposite.

Somebody nobody speaks of is there. A statement without `until` holds until the next one about the same person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """Whether somebody is there from `since` until `until` (0: until something else is said), both in ms."""

    available: bool
    since: int
    until: int = 0


@dataclass(frozen=True, slots=True)
class Presence:
    """What was said last about each person, by the one name that stands for all of theirs."""

    said: Mapping[str, Statement]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Presence":
        """Return the presence that `plain` gave."""
        return cls({person: Statement(*found) for person, found in value.items()})

    def plain(self) -> dict[str, list[Any]]:
        """Return it as plain values."""
        return {person: [found.available, found.since, found.until] for person, found in sorted(self.said.items())}

    def with_statement(self, person: str, statement: Statement) -> "Presence":
        """Return the presence after one more statement; what has run out into being there is forgotten."""
        kept = {one: found for one, found in self.said.items() if found.available or not 0 < found.until <= statement.since}
        return Presence({**kept, person: statement})

    def away(self, person: str, now: int) -> bool:
        """Return whether somebody is away at `now`, ms; a statement's end is half-open: at `until` its opposite holds.

        >>> noon = Presence({"ana": Statement(available=False, since=0, until=43_200_000)})
        >>> noon.away("ana", 43_199_999), noon.away("ana", 43_200_000)
        (True, False)
        """
        found = self.said.get(person)
        if found is None:
            return False
        over = 0 < found.until <= now
        return found.available if over else not found.available

    def said_at(self) -> set[int]:
        """Return the times at which something was said, ms."""
        return {found.since for found in self.said.values()}

    def ends(self) -> set[int]:
        """Return the times at which what was said turns into its opposite, ms."""
        return {found.until for found in self.said.values() if found.until}
