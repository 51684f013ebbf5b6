"""The rows of one subject that consent is judged by, all under its keyed hash: what was shown, and what was allowed.

    h + hash                     head: the base windows with exposures, when to look at the subject next
    w + hash + window + chunk    exposures of one window (of their tau), CHUNK of them a row: judged or waiting
    l + hash                     the consent ledger
    g + hash                     what is left of an erased ledger: a time, so that nothing older is taken in again
    q + time + sequence          whom to look at when the watermark passes a time

tau is an exposure's own time, of a late one its stamp. No row grows with a subject's events, and every row is looked at until it is gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from detectors.cell import Cell
from detectors.window import HOUR, end_of
from governance.ledger import ANY, BEFORE, ERASED, Ledger, goes, ledger_of, plain
from streams.kernel.rows import Draft, pack, unpack

HEADS, EXPOSURES, LEDGERS, BARRIERS, LOOKS = b"h", b"w", b"l", b"g", b"q"
CHUNK = 24  # a touched chunk is rewritten whole: about 4 KB
EVIDENCE_KEPT = 7 * 24 * HOUR  # how long after the last exposure a consent record is still told from one that concerns nothing


@dataclass(slots=True)
class Exposure:
    """One personalised exposure: what was shown, where it was read, and its verdict once it is made.

    `decided` is the number of the consent record behind the verdict, 0 for none; `since` is [due, stamp, number] of what made it a
    violation; `steps` counts its findings published so far.
    """

    time: int
    tau: int
    late: bool
    event_id: str
    initiative: str
    cell: Cell
    purpose: str
    asserted: bool
    topic: str
    offset: int
    verdict: str = ""
    decided: int = 0
    steps: int = 0
    since: list[int] = field(default_factory=list)

    def plain(self) -> list[Any]:
        """Return it as plain values."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def of(cls, value: list[Any]) -> "Exposure":
        """Return the exposure `plain` gave."""
        found = cls(*value)
        profile, channel, cohort, variant = found.cell
        found.cell = (profile, channel, cohort, variant)
        return found


@dataclass(slots=True)
class Head:
    """A subject's windows with exposures, as end -> [chunks, number of the last consent record applied, -1 while they wait].

    `last` is the time of the last exposure that was dropped, `active` the last window, `look` when the subject is looked at next, all ms.
    """

    windows: dict[int, list[int]] = field(default_factory=dict)
    last: int = BEFORE
    active: int = BEFORE
    look: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things are kept, ms: base window, settling, correction, and a quiet subject."""

    base: int
    settle: int
    correction: int
    quiet: int

    @property
    def settled(self) -> int:
        """Return how long after its end every exposure of a window is settled, in whole base windows."""
        return up(self.settle, self.base)

    @property
    def due(self) -> int:
        """Return how long after its end the verdicts of a window are due: settled, at least one window later (design section 6)."""
        return max(self.settled, self.base)

    @property
    def kept(self) -> int:
        """Return how long after its end the exposures of a window may still be corrected."""
        return max(self.correction, self.settle) + self.base


class Subjects:
    """The subjects a step works on; `flush` writes them into its draft."""

    def __init__(self, draft: Draft, waits: Waits) -> None:
        self._draft = draft
        self._waits = waits
        self._heads: dict[bytes, Head] = {}
        self._ledgers: dict[bytes, Ledger] = {}
        self._chunks: dict[bytes, tuple[int, list[Exposure]]] = {}
        self._changed: set[bytes] = set()
        self._looks: dict[int, list[str]] = {}

    def head(self, owner: bytes) -> Head:
        """Return a subject's head, a new one where there is none."""
        head = self._heads.get(owner)
        if head is None:
            value = self._draft.get(HEADS + owner)
            head = Head()
            if value is not None:
                windows, *rest = unpack(value)
                head = Head({windows[i]: windows[i + 1 : i + 3] for i in range(0, len(windows), 3)}, *rest)
            self._heads[owner] = head
        return head

    def ledger(self, owner: bytes) -> Ledger:
        """Return a subject's ledger, an empty one where there is none."""
        ledger = self._ledgers.get(owner)
        if ledger is None:
            value = self._draft.get(LEDGERS + owner) or self._draft.get(BARRIERS + owner)
            ledger = self._ledgers[owner] = ledger_of(unpack(value)) if value is not None else Ledger()
        return ledger

    def set_ledger(self, owner: bytes, ledger: Ledger) -> None:
        """Keep a subject's ledger; of one that holds nothing but an erasure only the barrier stays, of an empty one nothing."""
        self._ledgers[owner] = ledger
        holds = bool(ledger.rows or ledger.floors or ledger.lost > BEFORE)
        kept = LEDGERS if holds or (ledger.order and ledger.gone is None) else BARRIERS if ledger.gone is not None else None
        for kind in (LEDGERS, BARRIERS):
            if kind == kept:
                self._draft.put(kind + owner, pack(*plain(ledger)))
            else:
                self._draft.drop(kind + owner)

    def chunk(self, owner: bytes, window: int, number: int) -> tuple[int, list[Exposure]]:
        """Return (number of the last consent record applied, exposures) of one chunk."""
        key = chunk_key(owner, window, number)
        found = self._chunks.get(key)
        if found is None:
            value = self._draft.get(key)
            applied, entries = unpack(value) if value is not None else (0, [])
            found = self._chunks[key] = (applied, [Exposure.of(entry) for entry in entries])
        return found

    def set_chunk(self, owner: bytes, window: int, number: int, applied: int, exposures: list[Exposure]) -> None:
        """Keep one chunk."""
        key = chunk_key(owner, window, number)
        self._chunks[key] = (applied, exposures)
        self._changed.add(key)

    def exposures(self, owner: bytes, window: int) -> Iterator[Exposure]:
        """Yield the exposures of one window."""
        for number in range(self.head(owner).windows[window][0]):
            yield from self.chunk(owner, window, number)[1]

    def drop_window(self, owner: bytes, window: int) -> None:
        """Forget the exposures of one window."""
        for number in range(self.head(owner).windows.pop(window)[0]):
            key = chunk_key(owner, window, number)
            self._chunks.pop(key, None)
            self._changed.discard(key)
            self._draft.drop(key)

    def expose(self, owner: bytes, exposure: Exposure, watermark: int) -> None:
        """Keep an exposure until it is settled and can no longer be corrected."""
        head = self.head(owner)
        window = end_of(exposure.tau, self._waits.base)
        found = head.windows.get(window)
        if found is None:
            found = head.windows[window] = [1, -1]
        applied, entries = self.chunk(owner, window, found[0] - 1)
        if len(entries) >= CHUNK:
            found[0] += 1
            applied, entries = self.chunk(owner, window, found[0] - 1)
        entries.append(exposure)
        self.set_chunk(owner, window, found[0] - 1, applied, entries)
        found[1] = -1
        head.active = max(head.active, window)
        self.look(owner, window + self._waits.settled, watermark)

    def look(self, owner: bytes, time: int, watermark: int) -> None:
        """See to it that the subject is looked at when the watermark passes `time`."""
        time = up(time, self._waits.base)
        head = self.head(owner)
        if not head.look or head.look <= watermark or time < head.look:
            head.look = time
            self._looks.setdefault(time, []).append(owner.hex())

    def next_look(self, owner: bytes) -> int | None:
        """Return when the subject must be looked at, None for never; what may wait is looked at by the hour."""
        head, ledger, waits = self.head(owner), self.ledger(owner), self._waits
        times = [window + waits.settled for window, (_, applied) in head.windows.items() if applied < 0]
        times += [up(window + waits.kept, HOUR) for window, (_, applied) in head.windows.items() if applied >= 0]
        if ledger.applied < ledger.order:
            waiting = (row.entry.stamp for row in ledger.all_rows() if row.entry.order > ledger.applied)
            times.append(end_of(min(waiting, default=ledger.stamp), waits.base))
        if ledger.order:
            times.append(up(max(ledger.stamp, head.active) + waits.quiet, HOUR))
        times += [goes(row.entry, waits.correction) for row in ledger.rows.get((ANY, ANY), ()) if row.state == ERASED]
        if head.last > BEFORE:
            times.append(up(head.last + EVIDENCE_KEPT, HOUR))
        return min(times, default=None)

    def flush(self) -> dict[int, list[str]]:
        """Write what was touched and forget it; return whom to look at, by time."""
        for key in self._changed:
            applied, entries = self._chunks[key]
            self._draft.put(key, pack(applied, [entry.plain() for entry in entries]))
        for owner, head in self._heads.items():
            if self.next_look(owner) is None:
                self._draft.drop(HEADS + owner)
            else:
                windows = [number for window in sorted(head.windows) for number in (window, *head.windows[window])]
                self._draft.put(HEADS + owner, pack(windows, head.last, head.active, head.look))
        looks, self._looks = self._looks, {}
        self._heads, self._ledgers, self._chunks, self._changed = {}, {}, {}, set()
        return looks


def up(time: int, size: int) -> int:
    """Return the first multiple of `size` at or after a time."""
    return -(-time // size) * size


def chunk_key(owner: bytes, window: int, number: int) -> bytes:
    """Return the row key of one chunk of exposures."""
    return EXPOSURES + owner + window.to_bytes(8, "big", signed=True) + number.to_bytes(4, "big")


def look_key(time: int, sequence: int) -> bytes:
    """Return the row key of a list of subjects to look at; keys sort by time."""
    return LOOKS + time.to_bytes(8, "big") + sequence.to_bytes(8, "big")


def time_of(key: bytes) -> int:
    """Return the time of a list of subjects to look at, ms."""
    return int.from_bytes(key[1:9], "big")
