"""When which row of an intake shard is looked at again: lists by due time, so that a tick reads only what is due.

    v [due, sequence]    rows to look at when the watermark reaches `due`
    f [hour, sequence]   [due, row] pairs of a later hour; they move to lists of the first kind when the hour begins

A row may stand in several lists; it knows itself for which due it is listed, and a list that is older is passed over.
"""

from collections.abc import Callable, Iterator

from detectors.window import HOUR
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack

SOON, LATER = b"v", b"f"


class Agenda:
    """The lists as one step changes them; `next` is the least time at which something is due, 0 for never."""

    def __init__(self, draft: Draft, watermark: int, next_at: int) -> None:
        self._draft = draft
        self._hour = watermark // HOUR
        self._soon: dict[int, list[str]] = {}
        self._later: dict[int, list[list[int | str]]] = {}
        self.next = next_at

    def add(self, due: int, row: bytes) -> None:
        """Look at a row when the watermark reaches `due`, ms."""
        if due // HOUR <= self._hour:
            self._soon.setdefault(due, []).append(row.hex())
            self._note(due)
        else:
            self._later.setdefault(due // HOUR, []).append([due, row.hex()])
            self._note(due // HOUR * HOUR)

    def _note(self, at: int) -> None:
        self.next = min(self.next, at) if self.next else at

    def due(self, until: int, full: Callable[[], bool]) -> Iterator[bytes]:
        """Yield the rows whose due has come, earliest first, until the caller is `full`; what is left stays listed, and `next` tells."""
        if not self.next or self.next > until:
            return
        self._hour = until // HOUR
        self._open(until)
        lists = sorted((key_parts(key), key) for key in self._draft.keys(SOON))
        self.next = min([*self._soon, *(hour * HOUR for hour in self._later)], default=0)  # what this step added already
        for hour, _ in (key_parts(key) for key in self._draft.keys(LATER)):
            self._note(hour * HOUR)
        for (due, *_), key in lists:
            if due > until or full():
                self._note(due)
                continue
            (rows,) = unpack(self._draft.get(key) or b"")
            place = 0
            while place < len(rows) and not full():
                yield bytes.fromhex(rows[place])
                place += 1
            if place < len(rows):
                self._draft.put(key, pack(rows[place:]))
                self._note(due)
            else:
                self._draft.drop(key)

    def _open(self, until: int) -> None:
        for key in self._draft.keys(LATER):
            hour, sequence = key_parts(key)
            if hour * HOUR <= until:
                (pairs,) = unpack(self._draft.get(key) or b"")
                by_due: dict[int, list[str]] = {}
                for due, row in pairs:
                    by_due.setdefault(due, []).append(row)
                for due, rows in by_due.items():
                    self._draft.put(row_key(SOON, due, sequence, hour), pack(rows))
                self._draft.drop(key)

    def flush(self, sequence: int) -> None:
        """Write the lists this step added; `sequence` is the step's own number."""
        for due, rows in self._soon.items():
            self._draft.put(row_key(SOON, due, sequence), pack(rows))
        for hour, pairs in self._later.items():
            self._draft.put(row_key(LATER, hour, sequence), pack(pairs))
