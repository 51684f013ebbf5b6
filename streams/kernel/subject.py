"""The rows of one subject that consent is judged by, under its keyed hash: what it allowed, and when that is looked at again.

    l + hash              the consent ledger, the last day with an exposure, and when the subject is looked at next
    g + hash              what is left of an erased ledger: a time, so that nothing older is taken in again
    q + time + sequence   whom to look at when the watermark passes a time

A subject that never said anything has no row: what it was shown is in `shown`.
"""

from dataclasses import dataclass
from functools import lru_cache

from detectors.window import DAY, HOUR, end_of
from governance.ledger import ANY, BEFORE, ERASED, Ledger, goes, ledger_of, plain
from streams.kernel.rows import Draft, pack, unpack

LEDGERS, BARRIERS, LOOKS = b"l", b"g", b"q"
MOST_READ, LONGEST_READ = 2_048, 2_048  # rows, of so many bytes each, kept as read: who is shown something is shown more in the next window
OWN_BYTES, ROW_BYTES = 300, 150  # of a subject in a commit, and of each row of its ledger with ids of a usual length


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

    @property
    def unjudged(self) -> int:
        """Return how long before now the time may lie of which an exposure that still waits will be judged."""
        return 2 * self.base  # its window ends after now - settled, and settle is less than a base window below that


@dataclass(slots=True)
class Subject:
    """What is known of one subject: `active` is the end of the last day with an exposure, `look` when it is looked at next, both ms.

    `far` is when it is looked at after that, where it was listed before something sooner came: who says something every day would else be
    listed every day until all of it has been quiet for long enough.
    """

    ledger: Ledger
    active: int = BEFORE
    look: int = 0
    far: int = 0


class Subjects:
    """The subjects a step works on; `flush` writes them into its draft, until then `size` is about how many bytes that will be."""

    def __init__(self, draft: Draft, waits: Waits) -> None:
        self._draft = draft
        self._waits = waits
        self._open: dict[bytes, Subject] = {}
        self._changed: set[bytes] = set()
        self._looks: dict[int, list[str]] = {}
        self.size = 0

    def _subject(self, owner: bytes) -> Subject:
        found = self._open.get(owner)
        if found is None:
            value = self._draft.get(LEDGERS + owner) or self._draft.get(BARRIERS + owner)
            found = self._open[owner] = Subject(Ledger()) if value is None else Subject(*row_again(value))
        return found

    def _change(self, owner: bytes, subject: Subject) -> None:
        if owner not in self._changed:
            self._changed.add(owner)
            self.size += OWN_BYTES + ROW_BYTES * sum(map(len, subject.ledger.rows.values()))

    def ledger(self, owner: bytes) -> Ledger:
        """Return a subject's ledger, an empty one where there is none."""
        return self._subject(owner).ledger

    def set_ledger(self, owner: bytes, ledger: Ledger) -> None:
        """Keep a subject's ledger."""
        subject = self._subject(owner)
        subject.ledger = ledger
        self._change(owner, subject)

    def shown(self, owner: bytes, window: int) -> None:
        """Note that a subject with a ledger was shown something in the window that ends at `window`; the day is enough."""
        subject = self._subject(owner)
        if window > subject.active:
            subject.active = end_of(window - 1, DAY)
            self._change(owner, subject)

    def quiet_at(self, owner: bytes) -> int:
        """Return when a subject has been quiet for so long that its ledger goes, ms."""
        subject = self._subject(owner)
        return max(subject.ledger.stamp, subject.active) + self._waits.quiet

    def look(self, owner: bytes, time: int, watermark: int) -> None:
        """See to it that the subject is looked at when the watermark passes `time`, or before and then again."""
        time = up(time, self._waits.base)
        subject = self._subject(owner)
        if subject.look and watermark < subject.look <= time:
            return
        if subject.far and watermark < subject.far <= time:
            subject.look = subject.far
        else:
            subject.far = max(subject.far, subject.look)
            subject.look = time
            self._looks.setdefault(time, []).append(owner.hex())
        self._change(owner, subject)

    def next_look(self, owner: bytes) -> int | None:
        """Return when the subject must be looked at, None for never; what may wait is looked at by the hour."""
        ledger, waits = self.ledger(owner), self._waits
        times = []
        if ledger.applied < ledger.order:
            waiting = (row.entry.stamp for row in ledger.all_rows() if row.entry.order > ledger.applied)
            times.append(end_of(min(waiting, default=ledger.stamp), waits.base))
        if ledger.order:
            times.append(up(self.quiet_at(owner), HOUR))
        barriers = (row.entry for row in ledger.rows.get((ANY, ANY), ()) if row.state == ERASED)
        times += [goes(entry, waits.correction) + waits.unjudged for entry in barriers]
        return min(times, default=None)

    def flush(self) -> dict[int, list[str]]:
        """Write what has changed and forget it; return whom to look at, by time.

        Of a ledger that holds nothing but an erasure only the barrier stays, of an empty one nothing.
        """
        for owner in self._changed:
            subject = self._open[owner]
            ledger = subject.ledger
            holds = bool(ledger.rows or ledger.floors or ledger.lost > BEFORE)
            kept = LEDGERS if holds or (ledger.order and ledger.gone is None) else BARRIERS if ledger.gone is not None else None
            for kind in (LEDGERS, BARRIERS):
                if kind == kept:
                    self._draft.put(kind + owner, pack(*plain(ledger), subject.active, looks_of(subject)))
                else:
                    self._draft.drop(kind + owner)
        looks, self._looks = self._looks, {}
        self._open, self._changed, self.size = {}, set(), 0
        return looks


def looks_of(subject: Subject) -> int | list[int]:
    """Return when a subject is looked at, as its row holds it."""
    return [subject.look, subject.far] if subject.far > subject.look else subject.look


def row_again(value: bytes) -> tuple[Ledger, int, int, int]:
    """Return what a row says of a subject: what `Subject` holds; one that was read before is remembered, if it is small."""
    return remembered(value) if len(value) <= LONGEST_READ else row_of(value)


def row_of(value: bytes) -> tuple[Ledger, int, int, int]:
    """Return the same of any row."""
    *ledger, active, looks = unpack(value)
    look, far = looks if isinstance(looks, list) else (looks, 0)
    return ledger_of(ledger), active, look, far


remembered = lru_cache(maxsize=MOST_READ)(row_of)


def up(time: int, size: int) -> int:
    """Return the first multiple of `size` at or after a time."""
    return -(-time // size) * size


def look_key(time: int, sequence: int) -> bytes:
    """Return the row key of a list of subjects to look at; keys sort by time."""
    return LOOKS + time.to_bytes(8, "big") + sequence.to_bytes(8, "big")


def time_of(key: bytes) -> int:
    """Return the time of a list of subjects to look at, ms."""
    return int.from_bytes(key[1:9], "big")
