"""What is remembered for a while: event ids already counted, and where a subject was counted on a day in a cell.

    k [hour, sequence]   [mark, until, …], [mark, place, …]    what one commit added, by the hour of event time in which it may go

A commit writes one row of marks an hour and never touches it again; to ask for a mark costs a look into the index of all of them, and to
forget an hour drops its rows. A mark is 8 bytes of a keyed hash: nobody without the key gets back from it to a subject.
"""

from hashlib import blake2b

from detectors.window import HOUR
from streams.kernel.rows import Draft, pack, row_key, unpack

MARKS = b"k"
SWEEP_ROWS = 500  # dropped a tick, and SWEEP_MORE for each commit since the last: more than commits can write, so that none pile up
SWEEP_MORE = 8


def mark_of(owner: bytes, text: bytes) -> int:
    """Return the 63-bit number a text of an owner is remembered by; of n marks two are the same once in 10^19 / n^2."""
    return int.from_bytes(blake2b(text, key=owner, digest_size=8).digest(), "big") >> 1


class Known:
    """All marks of a shard: `ids` mark -> until when it stands, ms; `places` mark -> where it was counted."""

    __slots__ = ("ids", "places")

    def __init__(self) -> None:
        self.ids: dict[int, int] = {}
        self.places: dict[int, int] = {}

    def add(self, key: bytes, value: bytes) -> None:
        """Take in a row: of two entries of one mark the one that stands longer counts, and the earlier place."""
        ids, places = unpack(value)
        until = dict(zip(ids[::2], ids[1::2], strict=True))
        if not self.ids.keys().isdisjoint(until):
            until = {mark: max(time, self.ids.get(mark, time)) for mark, time in until.items()}
        self.ids.update(until)
        for mark, place in zip(places[::2], places[1::2], strict=True):
            self.places[mark] = earlier(place, self.places.get(mark, 0))

    def remove(self, key: bytes, value: bytes) -> None:
        """Forget a row; all rows of one place go in the same hour."""
        ids, places = unpack(value)
        for mark, until in zip(ids[::2], ids[1::2], strict=True):
            if self.ids.get(mark) == until:
                del self.ids[mark]
        for mark in places[::2]:
            self.places.pop(mark, None)


class Marks:
    """The marks of a step over those of the shard; `flush` writes what it added."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._known = draft.rows.index(MARKS, Known)
        self._ids: dict[int, int] = {}
        self._places: dict[int, int] = {}
        self._hours: dict[int, int] = {}

    def repeated(self, mark: int, stamp: int, until: int) -> bool:
        """Return whether `mark` was counted and still stands at `stamp`; if not, it is counted now and stands until `until`."""
        stands = self._ids.get(mark)
        if stands is None:
            stands = self._known.ids.get(mark, -1)
        if stamp <= stands:
            return True
        self._ids[mark] = until
        return False

    def place(self, mark: int) -> int | None:
        """Return where the day and cell behind `mark` was counted: a window end, 0 for the day only, None for not yet."""
        found = self._places.get(mark)
        return self._known.places.get(mark) if found is None else found

    def set_place(self, mark: int, place: int, until: int) -> None:
        """Remember where the day and cell behind `mark` is counted, until `until`: always the same for one mark."""
        self._places[mark] = place
        self._hours[mark] = hour_after(until)

    def flush(self, sequence: int) -> None:
        """Write what was added, under the commit's number."""
        rows: dict[int, tuple[list[int], list[int]]] = {}
        for mark, until in self._ids.items():
            rows.setdefault(hour_after(until), ([], []))[0].extend((mark, until))
        for mark, place in self._places.items():
            rows.setdefault(self._hours[mark], ([], []))[1].extend((mark, place))
        for hour, (ids, places) in rows.items():
            self._draft.put(row_key(MARKS, hour, sequence), pack(ids, places))


def earlier(one: int, other: int) -> int:
    """Return the earlier of two places; 0, the day only, is later than all."""
    return min(one, other) if one and other else one or other


def hour_after(time: int) -> int:
    """Return the hour (since the epoch) at whose beginning a time (ms) has passed."""
    return time // HOUR + 1


def sweep(draft: Draft, watermark: int, swept: int, commits: int) -> int:
    """Forget marks the watermark has passed, so many rows a tick; return the hour up to which nothing is left.

    `swept` is what the last call returned, `commits` how many there were since.
    """
    hour = watermark // HOUR
    if hour <= swept:
        return swept
    budget = SWEEP_ROWS + SWEEP_MORE * commits
    for due in sorted(first for first in draft.rows.firsts(MARKS) if isinstance(first, int) and first <= hour):
        for key in draft.group(MARKS, due):
            if budget <= 0:
                return swept
            draft.drop(key)
            budget -= 1
    return hour
