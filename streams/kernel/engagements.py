"""Engagement events in the intake: each is counted in its cell, its subject once a day and cell, and what hangs on it is put by.

    record ─► kind ─► admit (in_future, too_old, repeated) ─► lot (kind and row) ─► subject of the day ─► people ─► waits for its verdict

What events of one kind have in common is worked out for the first of a step and stands in its lot (see `counting`).
"""

from detectors.cell import add
from detectors.window import DAY, end_of
from governance.config.section import Timing
from governance.identity import keyed_hash
from governance.message.engagement import Engagement
from governance.message.kind import Kind, Occurrence
from streams.kernel.bulletin import Address, Adds, address, day_address
from streams.kernel.counting import Lot, amounts
from streams.kernel.fields import Carried
from streams.kernel.marks import Marks, mark_of
from streams.kernel.people import People, name_of, tallied
from streams.kernel.record import Record, Shard
from streams.kernel.rows import Draft
from streams.kernel.shown import Exposure, Shape, Waiting
from streams.kernel.stamp import IntakeStamp
from streams.kernel.subject import Waits
from streams.kernel.verdict_line import inapplicable_line
from streams.kernel.verdicts import NOT_APPLICABLE, verdict_address


class Individual:
    """One subject of a step: the keyed hash that stands for it, its name in each initiative, and where it was counted."""

    __slots__ = ("days", "hex", "names", "owner")

    def __init__(self, owner: bytes) -> None:
        self.owner, self.hex = owner, owner.hex()
        self.names: dict[str, str] = {}
        self.days: dict[bytes, int] = {}

    def name(self, initiative: str) -> str:
        """Return what the subject is called in an initiative."""
        found = self.names.get(initiative)
        if found is None:
            found = self.names[initiative] = name_of(self.owner, initiative)
        return found


class Engagements:
    """The engagement events of one step, read from the topic `feed`."""

    def __init__(
        self, draft: Draft, shard: Shard, timing: Timing, waits: Waits, stamp: IntakeStamp, feed: str, adds: dict[str, Adds]
    ) -> None:
        self._draft, self._shard, self._timing, self._waits, self._feed = draft, shard, timing, waits, feed
        self._marks = Marks(draft)
        self._waiting = Waiting(draft, waits.base)
        self._people = People(draft, stamp.watermark, stamp.agenda, timing)
        self._lots: dict[tuple[Kind, int | Address], Lot] = {}
        self._more: list[tuple[Engagement, Lot]] = []  # events that add other numbers than one
        self._individuals: dict[bytes, Individual] = {}
        self._adds = adds
        self.keys: set[bytes] = set()  # of subjects

    def take(self, record: Record, occurrence: Occurrence) -> str | None:
        """Count one event; return the code of what is wrong with its time, None where it was counted or had been before."""
        kind, event_id, time, latency, event = occurrence
        stamp, key, timing = record.timestamp, record.key or b"", self._timing
        if time > stamp + timing.max_future_skew:
            return "in_future"
        if stamp - time > timing.dedup_horizon:
            return "too_old"
        who = self._individuals.get(key)
        if who is None:
            who = self._individuals[key] = Individual(keyed_hash(self._shard.subject_key, key))
        mark = mark_of(who.owner, b"e" + event_id.encode())
        if self._marks.repeated(mark, stamp, (stamp if stamp > time else time) + timing.dedup_horizon):
            return None
        limit, end = stamp - timing.allowed_lateness, end_of(time, timing.window)
        lot = self._lots.get((kind, end)) if limit < end else None
        if lot is None:
            lot = self._lot(kind, time, stamp)
        lot.number += 1
        if time > lot.last:
            lot.last = time
        if latency is not None:
            lot.latencies.append(latency)
        if event is not None:
            self._more.append((event, lot))
            if event.type == "tally":
                self._tally(event, lot, stamp, limit)
                return None
        known = who.days.get(lot.place)
        if known is None or not (lot.late or 0 < known <= end):
            self._subject(key, who, lot, stamp)
        if lot.seen is not None and event is None:
            lot.seen.append((who.name(kind.initiative), time, limit))
        elif lot.apart or event is not None:
            self._people.take(who.name(kind.initiative), kind, event, time, limit)
        if lot.shown is not None:
            lot.shown.append((who.hex, time, time, event_id, record.offset))
        elif kind.type == "exposure":
            self._verdict(who, lot, event_id, time, record)
        return None

    def _lot(self, kind: Kind, time: int, stamp: int) -> Lot:
        where = address(time, stamp, self._timing.allowed_lateness, self._timing.window)
        at = (kind, where[1] if where[0] == "m" else where)
        lot = self._lots.get(at)
        if lot is None:
            lot = self._lots[at] = Lot(kind, where, self._adds.setdefault(kind.initiative, Adds()), end_of(time, DAY), self._feed)
            if not lot.late:
                lot.seen = self._people.lot(kind, where[1])
                lot.apart = where[1] <= self._people.watermark
                lot.shown = self._waiting.lot(lot.shape, where[1]) if lot.shape is not None else None
        return lot

    def _tally(self, event: Engagement, lot: Lot, stamp: int, limit: int) -> None:
        """Count people and verdicts of what was counted elsewhere."""
        tallied(event, limit, self._timing.window, lot.adds)
        self._inapplicable(lot, event.occurred_at, stamp, event.exposures)

    def _inapplicable(self, lot: Lot, time: int, stamp: int, number: int) -> None:
        """Count exposures that need no consent."""
        if number:
            at = verdict_address(time, stamp if lot.late else time, lot.late, self._waits)
            add(lot.adds.counts(at, lot.kind.cell), {NOT_APPLICABLE: number})

    def _verdict(self, who: Individual, lot: Lot, event_id: str, time: int, record: Record) -> None:
        """Let a late personalised exposure wait for its verdict; a fallback needs none."""
        tau = record.timestamp if lot.late else time
        if lot.shape is not None:
            self._waiting.add(who.hex, lot.shape, time, tau, event_id, record.offset)
            return
        if lot.late:
            self._inapplicable(lot, time, tau, 1)  # of those in time the lot knows the number
        if self._shard.verdicts:
            shown = Exposure(unasked(lot.kind, record.topic), who.hex, time, tau, event_id, record.offset)
            self._draft.send(inapplicable_line(shown, record.partition))

    def _subject(self, key: bytes, who: Individual, lot: Lot, stamp: int) -> None:
        """Count the subject once per day and cell: in the window of its earliest punctual event, in the day alone while all are late."""
        self.keys.add(key)
        mark = mark_of(who.owner, lot.place)
        old, new = self._marks.place(mark), 0 if lot.late else lot.where[1]
        if old is not None and (new == 0 or (old and old <= new)):
            who.days[lot.place] = old
            return
        for end, number in ((new, 1), (old, -1)):
            if end is None:
                continue
            at = ("m", end, end) if end else day_address(lot.day, stamp, self._timing.allowed_lateness, self._timing.window)
            add(lot.adds.counts(at, lot.kind.cell), {"subjects": number})
        self._marks.set_place(mark, new, lot.day + self._timing.dedup_horizon)
        who.days[lot.place] = new

    def flush(self, sequence: int, carried: Carried) -> int:
        """Write what was counted, under the commit's number; return when somebody in an experiment is due next, ms, 0 for never."""
        for lot in self._lots.values():
            lot.count(carried, self._timing.window)
            if lot.shape is None and lot.kind.type == "exposure" and not lot.late:
                self._inapplicable(lot, lot.where[1] - 1, 0, lot.number)
        for event, lot in self._more:
            add(lot.adds.counts(lot.where, lot.kind.cell), amounts(event))
        self._marks.flush(sequence)
        self._waiting.flush(sequence)
        return self._people.flush(sequence)


def unasked(kind: Kind, feed: str) -> Shape:
    """Return the shape of an exposure that needs no consent."""
    return Shape(kind.initiative, kind.cell, "-", False, feed)
