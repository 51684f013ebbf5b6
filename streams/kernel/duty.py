"""Who is asked to act in one initiative: its ladder, without the author of a change that is suspected, and who of it is away.

x [initiative]   what people said about being there, `*` for every initiative of the shard
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from detectors.window import end_of
from governance.breach import Episode
from governance.config import Config
from governance.ladder import responsible, snapshot, standing_in
from governance.lifecycle import ESCALATING, Step
from governance.message.command import EVERYWHERE
from governance.policy.people import People
from governance.presence import Presence, Statement
from streams.kernel.bulletin import SYSTEM
from streams.kernel.rows import Draft, pack, row_key, unpack

PRESENCE = b"x"

Ladder = dict[str, list[list[str]]]


class Duty:
    """Answers who is asked, by one config and by what is known of people at a time."""

    def __init__(self, draft: Draft, initiative: str, config: Config) -> None:
        self._draft, self._initiative, self._config = draft, initiative, config

    @cached_property
    def people(self) -> People:
        """Who somebody is under all their names."""
        return People(self._config)

    def ladder(self, authors: Collection[str] = ()) -> Ladder:
        """Return the ladder of an incident that opens now; an initiative without owners has an empty one.

        Who made the change that is suspected is never asked about it, under any of their names. What the monitor says of itself is asked
        of the owners of all initiatives, in the order of the config.
        """
        suspected = {self.people.known_as(author) for author in authors}

        def may_act(person: str) -> bool:
            return self.people.active(person) and self.people.known_as(person) not in suspected

        own = self._config.initiatives
        asked = own.values() if self._initiative == SYSTEM else [own[self._initiative]] if self._initiative in own else []
        return joined([snapshot(found.owners, found.covers, may_act) for found in asked])

    def asked(self, episode: Episode, step: Step, ladder: Ladder, now: int) -> Episode:
        """Return the episode with who is asked after a step at `now`, ms: an empty level is skipped at once, nobody left is None."""
        if step not in ESCALATING or (now < episode.silenced_until and step != "reassigned"):
            return episode
        level, owner = responsible(ladder, episode.level, self.absent(ladder, now))
        return replace(episode, owner=owner, level=level if owner is not None else episode.level)

    def left(self, episode: Episode, ladder: Ladder, now: int) -> bool:
        """Return whether somebody else has to be asked: the owner is away, or there is none; and there is somebody."""
        if episode.state not in ("open", "acknowledged"):
            return False
        absent = self.absent(ladder, now)
        if episode.owner is not None and episode.owner.person not in absent:
            return False
        return responsible(ladder, episode.level, absent)[1] != episode.owner

    def absent(self, ladder: Mapping[str, list[list[str]]], now: int) -> set[str]:
        """Return who of a ladder is away at `now`, ms."""
        said = self._said()
        if not said.said:
            return set()
        return {person for person in standing_in(ladder) if said.away(self.people.known_as(person), now)}

    def _said(self) -> Presence:
        """Return what was said last, here or for everywhere."""
        said: dict[str, Statement] = {}
        for place in (EVERYWHERE, self._initiative):
            for person, statement in presence(self._draft, place).said.items():
                known = said.get(person)
                said[person] = statement if known is None or statement.since >= known.since else known
        return Presence(said)

    def changes(self, base: int) -> set[int]:
        """Return the base window ends at which somebody's coming or going acts, ms: after what was said, and at each `until`."""
        places = [presence(self._draft, place) for place in (EVERYWHERE, self._initiative)]
        said = {end_of(at, base) for place in places for at in place.said_at()}
        return said | {-(-at // base) * base for place in places for at in place.ends()}


def joined(ladders: Sequence[Ladder]) -> Ladder:
    """Return one ladder out of several: per role everybody, those of the first ladder first, nobody twice."""
    found: dict[str, dict[str, list[str]]] = {}
    for ladder in ladders:
        for role, steps in ladder.items():
            for step in steps:
                found.setdefault(role, {}).setdefault(step[0], step)
    return {role: list(found.get(role, {}).values()) for ladder in ladders[:1] for role in ladder}


def presence(draft: Draft, place: str) -> Presence:
    """Return what was said for an initiative, or for everywhere."""
    value = draft.get(row_key(PRESENCE, place))
    return Presence({}) if value is None else Presence.of(unpack(value)[0])


def say(draft: Draft, place: str, person: str, statement: Statement) -> None:
    """Keep what was said about a person, by the name that stands for all of theirs."""
    draft.put(row_key(PRESENCE, place), pack(presence(draft, place).with_statement(person, statement).plain()))
