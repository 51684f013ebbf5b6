"""A changelog partition in memory: batches land whole, the ack may be of a second copy, and compaction forgets as a broker may."""

from collections.abc import Iterator, Sequence
from random import Random

from streams.kernel.changelog import Entry, expected_at
from streams.kernel.record import STAMP

Pair = tuple[bytes, bytes | None]


class Log:
    """One partition. `twice` is the share of appends that the producer retries though the first copy had landed."""

    def __init__(self, chance: Random, twice: float = 0.0) -> None:
        self._entries: list[Entry] = []
        self._starts: list[int] = []  # offsets at which batches begin: segments hold whole batches
        self._chance, self._twice = chance, twice
        self._compacted = 0
        self.end = 0

    def append(self, records: Sequence[Pair]) -> int:
        """Append a batch whole; return the offset that is acknowledged."""
        for _ in range(1 + (self._chance.random() < self._twice)):
            at = self.end
            self._starts.append(at)
            self._entries += [(at + index, key, value) for index, (key, value) in enumerate(records)]
            self.end += len(records)
        return at

    def read(self, start: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Yield what is still there from `start` up to `end`."""
        upto = self.end if end is None else end
        return ((offset, key, value) for offset, key, value in self._entries if start <= offset < upto)

    def compact(self) -> None:
        """Forget superseded records up to some batch, the last valid one at most: the tail is never compacted."""
        last = self.last_valid()
        upto = self._chance.choice([start for start in self._starts if start <= last] or [0])
        self._compacted = max(self._compacted, upto)
        latest = {key: offset for offset, key, _ in self._entries if offset < self._compacted}
        gone = self._chance.random() < 0.5  # delete markers go too, later
        self._entries = [
            (offset, key, value)
            for offset, key, value in self._entries
            if offset >= self._compacted or (latest[key] == offset and (value is not None or not gone))
        ]

    def last_valid(self) -> int:
        """Return where the last valid batch begins, 0 where there is none."""
        return next((offset for offset, key, value in reversed(self._entries) if key == STAMP and expected_at(value) == offset), 0)
