"""One partition in memory: records with their offsets, cut by retention, thinned by compaction. Pure: no clock, no loop.

    offsets   0 .. first-1 | first ............ end-1 | end
              forgotten      compacted | tail, whole     next

The tail is never compacted: a batch that is void must stay until a valid one has written its keys again (see kernel/changelog.py).
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from streams.kernel.record import Record

TAIL_BATCHES = 8  # a batch is a commit and may be megabytes; an owner meets a void one at its next commit
THIN_FROM = 1 << 20  # bytes; compaction of less is not worth its walk
OVERHEAD = 240  # bytes of a record beside key and value, about


def size_of(record: Record) -> int:
    """Return about how many bytes a record takes."""
    return OVERHEAD + len(record.key or b"") + len(record.value or b"")


class PartitionLog:
    """The records of one partition; `end` is the next offset, `released` the offset below which no worker reads again."""

    __slots__ = ("_starts", "_thinned", "end", "records", "released", "size", "unread")

    def __init__(self, records: Sequence[Record] = (), end: int = 0) -> None:
        self.records = list(records)
        self.end = end
        self.released = 0
        self.size = sum(map(size_of, self.records))
        self.unread = self.size
        self._starts: deque[int] = deque(maxlen=TAIL_BATCHES)
        self._thinned = 0  # bytes that compaction left

    def append(self, batch: Sequence[Record]) -> None:
        """Append records that begin at or above `end`."""
        self._starts.append(batch[0].offset)
        self.records.extend(batch)
        more = sum(map(size_of, batch))
        self.size += more
        self.unread += more
        self.end = max(self.end, batch[-1].offset + 1)

    def read(self, start: int, most: int) -> list[Record]:
        """Return at most `most` records from an offset on."""
        at = self._index(start)
        return self.records[at : at + most]

    def release(self, before: int) -> None:
        """Note that nothing below `before` is read again."""
        if before <= self.released:
            return
        old, new = self._index(self.released), self._index(before)
        self.unread -= sum(map(size_of, self.records[old:new]))
        self.released = before

    def cut(self, retention_ms: int | None, most: int, *, consumed: bool) -> int | None:
        """Forget what is too old, measured from the newest stamp, or more than `most` bytes; return the first offset kept, None if all is.

        A log whose retention is endless keeps everything; what a worker has not read yet is kept whatever its age.
        """
        if retention_ms is None or self.size <= most:
            return None
        limit = self._index(self.released) if consumed else len(self.records)
        oldest = max(0, self.records[-1].timestamp - retention_ms) if self.records else 0
        number = 0
        while number < limit and (self.size > most or self.records[number].timestamp < oldest):
            self.size -= size_of(self.records[number])
            number += 1
        if number == 0:
            return None
        del self.records[:number]
        return self.records[0].offset if self.records else self.end

    def compact(self) -> list[int]:
        """Forget superseded records before the tail, once they may be half of the log; return their offsets."""
        if self.size < max(THIN_FROM, 2 * self._thinned) or not self._starts:
            return []
        cut = self._index(self._starts[0])
        latest = {record.key: record.offset for record in self.records[:cut]}
        kept: list[Record] = []
        gone: list[Record] = []
        for record in self.records[:cut]:
            alive = latest[record.key] == record.offset and record.value is not None
            (kept if alive else gone).append(record)
        self.records[:cut] = kept
        lost = sum(map(size_of, gone))
        self.size -= lost
        self.unread -= lost
        self._thinned = self.size
        return [record.offset for record in gone]

    def _index(self, offset: int) -> int:
        return bisect_left(self.records, offset, key=lambda record: record.offset)
