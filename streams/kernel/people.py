"""People in experiments: what an intake shard remembers of one subject in one initiative, and what it adds when its time comes.

    j [end, bucket, commit]   what one commit saw of people in the window ending at `end`: initiative -> [digest, event …]
    u + digest                [initiative, listed, seats], of those who have a seat

seats   per experiment: the arm of the earliest exposure, the earliest exposure of any other arm, and what counts towards the readout

Nothing is decided on arrival. When the watermark passes the end of an event's window, every exposure that could come before it is
known: exposures take seats in order of event time, goals go to the seats they follow. A user adds

    at the end of the window of the first exposure          `first`: the ratio test
    at its maturity (first exposure + attribution)          n, sums (governance/contribution)
    at the end of the window of a second arm's exposure     `mixed`; what was added before is taken back
    until then, at the end of each goal's window            the same sums under `soon.`: a preview, which enters no verdict

by the config in force before the end of the window of the first exposure: a cap or a metric is fixed before a user is seen. So what a
user adds is a function of event times, stamps and configs, and never of the tick at which it is sent. An exposure that comes late
takes no seat; a goal counts if its stamp - allowed lateness precedes maturity, and is in the preview if it came in time. A seat goes
when its experiment has ended by `ends_at`, else `erase_after` after its last exposure. Neither consent nor erasure is looked at: that
would select after treatment.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

from detectors.cell import REVENUE, Counts, add
from detectors.kpi import Ratio
from detectors.window import end_of
from governance.config import Config, Experiment
from governance.config.section import Timing
from governance.contribution import SOON, cap_of, contribution, exact, negative, plain, ratios_of, written
from governance.message.engagement import Engagement
from streams.kernel.agenda import Agenda
from streams.kernel.bulletin import Adds
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack

PEOPLE = b"u"
SEEN = b"j"
BUCKETS = 64  # of one window, by digest: people of one bucket are settled in one commit, however many a window has
SEEN_MOST = 500  # events of one subject in one commit kept apart; a machine that sends more has the rest merged
SEATS_MOST = 200  # experiments of one initiative one subject can be in at a time
PUT_OFF_MOST = 20  # times a planned end is followed to where a later config has moved it
MICRO = 1_000_000
FIRST, MIXED = "first", "mixed"
FALLBACKS = {"no_consent": "consent_fallbacks", "technical": "technical_fallbacks", "no_match": "no_match_fallbacks"}

NOTHING: Mapping[str, int] = MappingProxyType({})

ConfigAt = Callable[[int], Config]


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

    def plain(self) -> list[Any]:
        """Return it as JSON."""
        found: list[Any] = [*self] if self.experiment else [*self[:6]]
        found[4] = written(self.value)
        return found

    def order(self) -> tuple[Any, ...]:
        """Order by time, exposures first: a goal of the same millisecond follows them."""
        return self.time, not self.experiment, self.arm, self.channel, self.profile, self.propensity, self.name, self.limit


def seen_again(time: int, limit: int, name: str, number: int, value: int | str, *more: Any) -> Seen:
    """Return the event `plain` gave."""
    return Seen(time, limit, name, number, int(value), *more)


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


def seen_of(event: Engagement, limit: int) -> Seen | None:
    """Return what a subject's event is to experiments, None for an exposure outside of them."""
    if event.type != "exposure":
        return Seen(event.occurred_at, limit, event.type + "s", 1, event.value_minor or 0, event.currency or "")
    if event.experiment_id is None:
        return None
    name = "exposures" if event.fallback is None else FALLBACKS[event.fallback]
    micro = -1 if event.propensity is None else round(event.propensity * MICRO)
    return Seen(event.occurred_at, limit, name, 1, 0, "", event.experiment_id, event.variant, event.profile, event.channel, micro)


class People:
    """The people a step touches; `flush` writes what was seen of them into its draft and says when the next is due."""

    def __init__(self, draft: Draft, watermark: int, agenda: int, timing: Timing | None) -> None:
        self._draft = draft
        self._watermark = watermark
        self._window = timing.window if timing is not None else 1
        self._lateness = timing.allowed_lateness if timing is not None else 0
        self._agenda = Agenda(draft, watermark, agenda)
        self._digests: dict[tuple[bytes, str], bytes] = {}
        self._seen: dict[tuple[int, str, bytes], list[Seen]] = {}

    def take(self, owner: bytes, event: Engagement, stamp: int, adds: Adds) -> None:
        """Remember an event of a subject; a tally adds its people to its own window at once."""
        if event.type == "tally":
            tallied(event, stamp - self._lateness, self._window, adds)
            return
        end = end_of(event.occurred_at, self._window)
        closed = end <= self._watermark  # by a clock's error: it is late whatever its stamp says
        one = seen_of(event, max(stamp - self._lateness, end) if closed else stamp - self._lateness)
        if one is None:
            return
        digest = self._digest(owner, event.initiative)
        if closed and self._draft.get(PEOPLE + digest) is None:
            return  # no exposure before it can still come in time
        keep(self._seen.setdefault((end, event.initiative, digest), []), one)

    def _digest(self, owner: bytes, initiative: str) -> bytes:
        found = self._digests.get((owner, initiative))
        if found is None:
            found = self._digests[owner, initiative] = blake2b(initiative.encode(), key=owner, digest_size=16).digest()
        return found

    def settle(self, until: int, config_at: ConfigAt, adds_of: Callable[[str], Adds], budget: int) -> bool:
        """Let everybody due by the watermark `until` add what is theirs, so many bytes of rows at most; return whether all are done."""
        most = self._draft.size + budget
        settling = Settling(until, self._window, config_at)
        for _, keys in sorted(self._closed(until).items()):
            if self._draft.size > most:
                return False
            for (initiative, digest), seen in self._gather(keys).items():
                self._move_on(PEOPLE + bytes.fromhex(digest), initiative, seen, settling, adds_of)
        for key in self._agenda.due(until, lambda: self._draft.size > most):
            value = self._draft.get(key)
            person = None if value is None else Person.read(value)
            if person is not None and person.listed <= until:
                self._move_on(key, person.initiative, [], settling, adds_of)
        return not self._agenda.next or self._agenda.next > until

    def _closed(self, until: int) -> dict[int, list[bytes]]:
        """Return the rows of events whose windows have closed, by bucket."""
        found: dict[int, list[bytes]] = {}
        for end in sorted(self._draft.rows.firsts(SEEN)):
            if int(end) > until:
                break
            for key in self._draft.group(SEEN, end):
                found.setdefault(key_parts(key)[1], []).append(key)
        return found

    def _gather(self, keys: Iterable[bytes]) -> dict[tuple[str, str], list[Seen]]:
        """Take some rows' events, by initiative and digest."""
        found: dict[tuple[str, str], list[Seen]] = {}
        for key in keys:
            (seen,) = unpack(self._draft.get(key) or b"")
            for initiative, events in seen.items():
                for digest, *one in events:
                    found.setdefault((initiative, digest), []).append(seen_again(*one))
            self._draft.drop(key)
        return found

    def _move_on(self, key: bytes, initiative: str, seen: list[Seen], settling: "Settling", adds_of: Callable[[str], Adds]) -> None:
        """Let one person take in what was seen and add what is due; one without a seat is forgotten."""
        value = self._draft.get(key)
        person = Person(initiative) if value is None else Person.read(value)
        settling.settle(person, seen, adds_of(initiative))
        following = settling.next_due(person)
        if following:
            if person.listed <= settling.until or following < person.listed:
                person.listed = following
                self._agenda.add(following, key)
            self._draft.put(key, person.pack())
        elif value is not None:
            self._draft.drop(key)

    def flush(self, sequence: int) -> int:
        """Write what was seen; return when the next person is due, ms, 0 for never."""
        rows: dict[tuple[int, int], dict[str, list[list[Any]]]] = {}
        for (end, initiative, digest), seen in self._seen.items():
            events = rows.setdefault((end, digest[0] % BUCKETS), {}).setdefault(initiative, [])
            name = digest.hex()
            events.extend([name, *one.plain()] for one in seen)
        for (end, bucket), found in rows.items():
            self._draft.put(row_key(SEEN, end, bucket, sequence), pack(found))
        self._agenda.flush(sequence)
        return self._agenda.next


class Settling:
    """Moves people on to the watermark `until`."""

    def __init__(self, until: int, window: int, config_at: ConfigAt) -> None:
        self.until = until
        self._window = window
        self._config_at = config_at
        self._configs: dict[int, Config] = {}
        self._measures: dict[tuple[int, str, str], tuple[dict[str, Ratio], int | None]] = {}

    def _experiment(self, initiative: str, name: str, time: int) -> tuple[Config, Experiment | None]:
        """Return the config in force before the end of the window of `time`, and what it says of an experiment."""
        end = end_of(time, self._window)
        config = self._configs.get(end)
        if config is None:
            config = self._configs[end] = self._config_at(end)
        own = config.initiatives.get(initiative)
        return config, None if own is None else own.experiments.get(name)

    def matures(self, initiative: str, name: str, seat: Seat) -> int:
        """Return the end of the window in which a seat matures, ms, 0 for an experiment without a readout."""
        _, experiment = self._experiment(initiative, name, seat.first)
        return 0 if experiment is None else end_of(seat.first + experiment.attribution, self._window)

    def settle(self, person: Person, seen: Iterable[Seen], adds: Adds) -> None:
        """Digest events whose windows have closed, in order of time, then let seats mature, leave and go."""
        for one in sorted(seen, key=Seen.order):
            if one.experiment:
                self._expose(person, one, adds)
            else:
                for name, seat in person.seats.items():
                    self._count(person.initiative, name, seat, one, adds)
        for name, seat in list(person.seats.items()):
            self._mature(person.initiative, name, seat, adds)
            if self.goes(person.initiative, name, seat) <= self.until:
                del person.seats[name]

    def _expose(self, person: Person, one: Seen, adds: Adds) -> None:
        name, end = one.experiment, end_of(one.time, self._window)
        seat = person.seats.get(name)
        config, experiment = self._experiment(person.initiative, name, one.time)
        if seat is not None and one.time > seat.last + config.privacy.erase_after:
            del person.seats[name]  # gone by then, whether a tick has come by or not
            seat = None
        if one.limit < end and (seat is None or (seat.arm != one.arm and not seat.second)):
            if seat is not None:
                adds.experiment(end, end_of(seat.first, self._window), name, "", {MIXED: 1})
                self._unpreview(person.initiative, name, seat, end, adds)
                seat.second = one.time
                if seat.added:
                    self._add(person.initiative, name, seat, end, adds, negative)
            elif len(person.seats) < SEATS_MOST and not (experiment and experiment.ends_at is not None and one.time >= experiment.ends_at):
                seat = person.seats[name] = Seat(one.arm, one.time, one.time)
                adds.experiment(end, end, name, one.arm, first(one))
                if experiment is not None:
                    self._preview(end, name, seat, self._contribution(person.initiative, name, seat, {}), adds)
        if seat is not None:
            seat.last = max(seat.last, one.time)
            self._count(person.initiative, name, seat, one, adds)

    def _count(self, initiative: str, name: str, seat: Seat, one: Seen, adds: Adds) -> None:
        """Count an event towards a seat's readout if it follows the first exposure in time and is stamped before maturity."""
        _, experiment = self._experiment(initiative, name, seat.first)
        if experiment is None or seat.matured or not seat.first <= one.time < seat.first + experiment.attribution:
            return
        if one.limit >= end_of(seat.first + experiment.attribution, self._window):
            return
        end, more = end_of(one.time, self._window), goal(one)
        if one.limit >= end:
            add(seat.counted, more)
            add(seat.late, more)
        elif seat.second:
            add(seat.counted, more)
        else:
            before = self._contribution(initiative, name, seat, seat.early())
            add(seat.counted, more)
            self._preview(end, name, seat, self._contribution(initiative, name, seat, seat.early()), adds, before)

    def _preview(self, due: int, name: str, seat: Seat, now: Counts, adds: Adds, before: Mapping[str, int] = NOTHING) -> None:
        """Move what the preview shows of a seat."""
        moved = {SOON + key: now.get(key, 0) - before.get(key, 0) for key in {**now, **before} if now.get(key, 0) != before.get(key, 0)}
        if moved:
            adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, moved)

    def _unpreview(self, initiative: str, name: str, seat: Seat, due: int, adds: Adds) -> None:
        """Take a seat out of the preview: at `due`, or at its maturity if that comes first."""
        matures = 0 if seat.matured or seat.second else self.matures(initiative, name, seat)
        if matures:
            self._preview(min(due, matures), name, seat, {}, adds, self._contribution(initiative, name, seat, seat.early()))

    def _mature(self, initiative: str, name: str, seat: Seat, adds: Adds) -> None:
        matures = 0 if seat.matured else self.matures(initiative, name, seat)
        if not matures or matures > self.until:
            return
        self._unpreview(initiative, name, seat, matures, adds)
        seat.matured = True
        leaves = end_of(seat.second, self._window) if seat.second else 0
        if not leaves or leaves > matures:
            seat.added = True
            self._add(initiative, name, seat, matures, adds, dict)
            if leaves:
                self._add(initiative, name, seat, leaves, adds, negative)

    def _add(self, initiative: str, name: str, seat: Seat, due: int, adds: Adds, sign: Callable[[Counts], Counts]) -> None:
        more = self._contribution(initiative, name, seat, seat.counted)
        adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, sign(more))
        if sign is negative:
            seat.added, seat.counted, seat.late = False, {}, {}

    def _contribution(self, initiative: str, name: str, seat: Seat, counted: Counts) -> Counts:
        """Return what these counts of a seat come to, as the config in force at its first exposure has it."""
        at = end_of(seat.first, self._window), initiative, name
        if at not in self._measures:
            config, experiment = self._experiment(initiative, name, seat.first)
            assert experiment is not None, "an experiment without a readout counts nobody"
            self._measures[at] = ratios_of(experiment, config.initiatives[initiative]), cap_of(experiment)
        return contribution(counted, *self._measures[at])

    def goes(self, initiative: str, name: str, seat: Seat) -> int:
        """Return when a seat may go, ms: once its experiment has ended and nobody of it can mature any more, else by age."""
        config, experiment = self._experiment(initiative, name, seat.first)
        aged = end_of(seat.last + config.privacy.erase_after, self._window) + self._window
        if experiment is None or experiment.ends_at is None:
            return aged
        ends = self._end(initiative, name, experiment.ends_at)
        if ends is None:
            return aged
        return min(aged, end_of(max(ends, seat.first) + experiment.attribution, self._window) + self._window)

    def _end(self, initiative: str, name: str, ends: int) -> int | None:
        """Return the planned end as the config in force at it says: it may have been moved since."""
        for _ in range(PUT_OFF_MOST):
            _, experiment = self._experiment(initiative, name, ends)
            if experiment is None or experiment.ends_at is None:
                return None
            if experiment.ends_at <= ends:
                break
            ends = experiment.ends_at
        return ends

    def next_due(self, person: Person) -> int:
        """Return when a person is looked at again, ms, 0 for one of whom nothing is left."""
        times = []
        for name, seat in person.seats.items():
            matures = 0 if seat.matured else self.matures(person.initiative, name, seat)
            times.append(matures or self.goes(person.initiative, name, seat))
        return min(times, default=0)


def goal(one: Seen) -> Counts:
    """Return what an event counts towards a readout: a fallback is an exposure too, money goes by its currency."""
    found = {one.name: one.number}
    if one.experiment and one.name != "exposures":
        found["exposures"] = one.number
    if one.currency and one.value:
        found[REVENUE + one.currency] = one.value
    return found


def first(one: Seen) -> Counts:
    """Return what a first exposure adds to the ratio test: the user, where, and the logged probability of the arm."""
    found = {FIRST: 1, f"channel.{one.channel}": 1, f"profile.{one.profile}": 1}
    if one.propensity > 0:
        found |= {"propensity": one.propensity, "propensities": 1}
    return found


def tallied(event: Engagement, limit: int, window: int, adds: Adds) -> None:
    """Add the people of a tally to its own window; one that comes late, or knows no people, enters no readout."""
    end = end_of(event.occurred_at, window)
    if event.experiment_id is None or not event.subjects or limit >= end:
        return
    counts = {FIRST: event.subjects, f"channel.{event.channel}": event.subjects, f"profile.{event.profile}": event.subjects}
    if event.converted_subjects is not None:
        counts |= {"n": event.subjects, "converted": event.converted_subjects, "tallied": event.subjects}
    adds.experiment(end, end, event.experiment_id, event.variant, {name: number for name, number in counts.items() if number})
