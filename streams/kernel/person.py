"""One subject in the experiments of one initiative: what was seen of it while its windows are open, and the seats it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from detectors.cell import REVENUE, Counts
from governance.contribution import exact, plain, written
from governance.message.engagement import Engagement
from governance.message.kind import Kind
from streams.kernel.rows import pack, unpack

SEEN_MOST = 500  # events of one subject in one commit kept apart; a machine that sends more has the rest merged
MICRO = 1_000_000
FIRST = "first"
FALLBACKS = {"no_consent": "consent_fallbacks", "technical": "technical_fallbacks", "no_match": "no_match_fallbacks"}


class Seen(NamedTuple):
    """One event whose window is open; `limit` is its stamp - allowed lateness, `name` a count or a fallback, propensity in millionths."""

    time: int
    limit: int
    name: str
    number: int = 1
    value: int = 0
    currency: str = ""
    experiment: str = ""
    arm: str = ""
    profile: str = ""
    channel: str = ""
    propensity: int = -1

    def plain(self, digest: str) -> tuple[Any, ...]:
        """Return it as JSON values behind the digest of whose it is."""
        if self.experiment and not self.value:
            return digest, *self
        time, limit, name, number, value, currency, *rest = self
        return digest, time, limit, name, number, written(value), currency, *(rest if self.experiment else ())

    def order(self) -> tuple[Any, ...]:
        """Order by time, exposures first: a goal of the same millisecond follows them."""
        return self.time, not self.experiment, self.arm, self.channel, self.profile, self.propensity, self.name, self.limit


REST = Seen(0, 0, "")[6:]  # what `plain` leaves out of an event that is no exposure


def seen_again(plain: Sequence[Any]) -> Seen:
    """Return the event `plain` gave."""
    _, time, limit, name, number, value, currency, *rest = plain
    return Seen._make((time, limit, name, number, int(value), currency, *(rest or REST)))


def in_order(seen: list[Seen]) -> list[Seen]:
    """Return events by time, then by `order`: what only times tell apart, nearly always, is not asked for more."""
    if len(seen) < 2:
        return seen
    found = sorted(seen, key=itemgetter(0))
    return found if len({one.time for one in seen}) == len(seen) else sorted(seen, key=Seen.order)


@dataclass(slots=True)
class Seat:
    """A subject's place in one experiment; times in ms, 0 for none. `counted` counts towards the readout, `late` of it is in no preview."""

    arm: str
    first: int
    last: int
    second: int = 0
    matured: bool = False
    added: bool = False
    counted: Counts = field(default_factory=dict)
    late: Counts = field(default_factory=dict)

    def plain(self) -> list[Any]:
        """Return it as JSON."""
        return [self.arm, self.first, self.last, self.second, self.matured, self.added, plain(self.counted), plain(self.late)]

    def early(self) -> Counts:
        """Return what the preview shows of it."""
        return {name: number - self.late.get(name, 0) for name, number in self.counted.items()} if self.late else self.counted


def seated(arm: str, first: int, last: int, second: int, matured: bool, added: bool, *counts: Mapping[str, int | str]) -> Seat:
    """Return the seat of JSON values."""
    return Seat(arm, first, last, second, matured, added, *map(exact, counts))


@dataclass(slots=True)
class Person:
    """One subject in one initiative; `listed` is the time the agenda has for it, 0 for none."""

    initiative: str
    listed: int = 0
    seats: dict[str, Seat] = field(default_factory=dict)

    @classmethod
    def read(cls, value: bytes) -> "Person":
        """Return the person of a row."""
        initiative, listed, seats = unpack(value)
        return cls(initiative, listed, {name: seated(*seat) for name, seat in seats.items()})

    def pack(self) -> bytes:
        """Return the row's value."""
        return pack(self.initiative, self.listed, {name: seat.plain() for name, seat in self.seats.items()})


def keep(seen: list[Seen], one: Seen) -> None:
    """Add an event to those of one subject and window."""
    if len(seen) >= SEEN_MOST:
        same = (one.name, one.currency, one.experiment, one.arm)
        for place, known in enumerate(seen):
            if (known.name, known.currency, known.experiment, known.arm) == same:
                time, number, value = min(known.time, one.time), known.number + one.number, known.value + one.value
                seen[place] = known._replace(time=time, number=number, value=value)
                return
    seen.append(one)


def seen_of(kind: Kind, event: Engagement | None, time: int, limit: int) -> Seen | None:
    """Return what a subject's event is to experiments, None for an exposure outside of them; `event` is one that may bring money."""
    if kind.type != "exposure":
        return Seen(time, limit, kind.type + "s", 1, (event and event.value_minor) or 0, (event and event.currency) or "")
    if kind.experiment_id is None:
        return None
    name = "exposures" if kind.fallback is None else FALLBACKS[kind.fallback]
    micro = -1 if kind.propensity is None else round(kind.propensity * MICRO)
    profile, channel, _, variant = kind.cell
    return Seen(time, limit, name, 1, 0, "", kind.experiment_id, variant, profile, channel, micro)


def goal(one: Seen) -> Counts:
    """Return what an event counts towards a readout: a fallback is an exposure too, money goes by its currency."""
    found = {one.name: one.number}
    if one.experiment and one.name != "exposures":
        found["exposures"] = one.number
    if one.currency and one.value:
        found[REVENUE + one.currency] = one.value
    return found


def first(one: Seen) -> Counts:
    """Return what a first exposure adds to the ratio test: the user, where, and 1/p and 1/p² of a logged probability, in millionths."""
    found = {FIRST: 1, f"channel.{one.channel}": 1, f"profile.{one.profile}": 1}
    if one.propensity > 0:
        found |= {"logged": 1, "inverse": MICRO**2 // one.propensity, "squares": MICRO**3 // one.propensity**2}
    return found
