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

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeAlias

from detectors.window import end_of
from governance.config.section import Timing
from governance.message.engagement import Engagement
from governance.message.kind import Kind
from streams.kernel.agenda import Agenda
from streams.kernel.bulletin import Adds
from streams.kernel.person import FIRST, SEEN_MOST, Person, Seen, keep, seen_again, seen_of
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.settling import ConfigAt, Settling

PEOPLE = b"u"
SEEN = b"j"
Sightings: TypeAlias = list[tuple[str, int, int]]  # of one step and what is alike: who, time, limit
BUCKETS = 64  # of one window, by digest: people of one bucket are settled in one commit, however many a window has


class People:
    """The people a step touches; `flush` writes what was seen of them into its draft and says when the next is due."""

    def __init__(self, draft: Draft, watermark: int, agenda: int, timing: Timing) -> None:
        self._draft = draft
        self.watermark = watermark
        self._window = timing.window
        self._agenda = Agenda(draft, watermark, agenda)
        self._seen: dict[tuple[int, str], dict[tuple[Any, ...], Sightings]] = {}

    def lot(self, kind: Kind, end: int) -> Sightings | None:
        """Return where the punctual events of a kind in a window go; None where they are nothing to experiments, or it has closed."""
        one = seen_of(kind, None, end - 1, end - 1)
        return None if one is None or end <= self.watermark else self._lot(end, kind.initiative, one)

    def _lot(self, end: int, initiative: str, one: Seen) -> Sightings:
        return self._seen.setdefault((end, initiative), {}).setdefault(one[2:], [])

    def take(self, name: str, kind: Kind, event: Engagement | None, time: int, limit: int) -> None:
        """Remember any event of a person: a late one, one that brings money."""
        end = end_of(time, self._window)
        if end <= self.watermark:  # by a clock's error: it is late whatever its stamp says
            limit = max(limit, end)
            if self._draft.get(PEOPLE + bytes.fromhex(name)) is None:
                return  # no exposure before it can still come in time
        one = seen_of(kind, event, time, limit)
        if one is not None:
            self._lot(end, kind.initiative, one).append((name, time, limit))

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
                for one in events:
                    found.setdefault((initiative, one[0]), []).append(seen_again(one))
            self._draft.drop(key)
        return found

    def _move_on(self, key: bytes, initiative: str, seen: list[Seen], settling: Settling, adds_of: Callable[[str], Adds]) -> None:
        """Let one person take in what was seen and add what is due; one without a seat is forgotten."""
        value = self._draft.get(key)
        person = Person(initiative) if value is None else Person.read(value)
        following = settling.settle(person, seen, adds_of(initiative))
        if following:
            if person.listed <= settling.until or following < person.listed:
                person.listed = following
                self._agenda.add(following, key)
            self._draft.put(key, person.pack())
        elif value is not None:
            self._draft.drop(key)

    def flush(self, sequence: int) -> int:
        """Write what was seen; return when the next person is due, ms, 0 for never."""
        rows: dict[tuple[int, int], dict[str, list[Any]]] = {}
        for (end, initiative), lots in self._seen.items():
            events_of: dict[str, list[Any]] = {}  # by name, those of one bucket share a list
            busy: dict[str, list[Any]] = {name: [] for name in busiest(lots)}
            for one, seen in lots.items():
                rest = Seen(0, 0, *one).plain("")[3:]
                for name, time, limit in seen:
                    events = events_of.get(name)
                    if events is None:
                        bucket = int(name[:2], 16) % BUCKETS
                        shared = rows.setdefault((end, bucket), {}).setdefault(initiative, [])
                        events = events_of[name] = busy.get(name, shared)
                    events.append((name, time, limit, *rest))
            for name, events in busy.items():
                rows[end, int(name[:2], 16) % BUCKETS][initiative].extend(merged(name, events))
        for (end, bucket), found in rows.items():
            self._draft.put(row_key(SEEN, end, bucket, sequence), pack(found))
        self._agenda.flush(sequence)
        return self._agenda.next


def name_of(owner: bytes, initiative: str) -> str:
    """Return what a subject is called in one initiative."""
    return blake2b(initiative.encode(), key=owner, digest_size=16).hexdigest()


def tallied(event: Engagement, limit: int, window: int, adds: Adds) -> None:
    """Add the people of a tally to its own window; one that comes late, or knows no people, enters no readout."""
    end = end_of(event.occurred_at, window)
    if event.experiment_id is None or not event.subjects or limit >= end:
        return
    counts = {FIRST: event.subjects, f"channel.{event.channel}": event.subjects, f"profile.{event.profile}": event.subjects}
    if event.converted_subjects is not None:
        counts |= {"n": event.subjects, "converted": event.converted_subjects, "tallied": event.subjects}
    adds.experiment(end, end, event.experiment_id, event.variant, {name: number for name, number in counts.items() if number})


def busiest(lots: Mapping[tuple[Any, ...], Sightings]) -> list[str]:
    """Return who was seen more often than is kept apart."""
    if sum(map(len, lots.values())) <= SEEN_MOST:
        return []
    return [name for name, number in Counter(name for seen in lots.values() for name, _, _ in seen).items() if number > SEEN_MOST]


def merged(name: str, events: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield the events of one person, those beyond what is kept apart merged."""
    seen: list[Seen] = []
    for one in events:
        keep(seen, seen_again(one))
    yield from (one.plain(name) for one in seen)
