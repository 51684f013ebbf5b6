"""What is remembered of one key for a while: event ids already counted, and the days and cells a subject was counted in.

A key's marks live in chunks of about a dozen, so that a subject with a million events costs a million marks and never a million-mark row.
Chunks are added one at a time (linear hashing, Litwin 1980): chunk `n` splits off chunk `n - 2^floor(log2 n)`.

    head row  k + digest            [chunks, sweep hour, ids, days]     chunk 0, and how many chunks there are
    chunk row k + digest + number   [0,      sweep hour, ids, days]

Every row stands in exactly one sweep list (kind x), that of the hour in which it is next looked at; a quiet key is gone after the horizon.
"""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain

from detectors.window import HOUR
from streams.kernel.rows import Draft, pack, row_key, unpack

CHUNK_MARKS = 16  # a touched chunk is rewritten whole, a chunk too small costs a row each; 16 marks are about 600 bytes
MARKS, SWEEPS = b"k", b"x"


def digest(subject_key: bytes, tag: bytes, key: bytes) -> bytes:
    """Return the 16 bytes a key's rows are kept under; without `subject_key` nobody gets back from them to the key."""
    return blake2b(tag + key, key=subject_key, digest_size=16).digest()


def mark_of(text: bytes) -> int:
    """Return the 63-bit number a text is remembered by; two texts of one key collide once in 10^19 / marks^2."""
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


class Chunk:
    """The marks of one row while a step works on it: `ids` mark -> until, `days` mark -> (until, place)."""

    __slots__ = ("chunks", "days", "dirty", "ids", "sweep")

    def __init__(self, value: bytes | None) -> None:
        self.dirty = False
        if value is None:
            self.chunks, self.sweep = 1, 0
            self.ids: dict[int, int] = {}
            self.days: dict[int, tuple[int, int]] = {}
            return
        self.chunks, self.sweep, ids, days = unpack(value)
        self.ids = dict(zip(ids[::2], ids[1::2], strict=True))
        self.days = {days[i]: (days[i + 1], days[i + 2]) for i in range(0, len(days), 3)}

    def pack(self) -> bytes:
        """Return the row's value."""
        ids = list(chain.from_iterable(self.ids.items()))
        days = [number for mark, (until, place) in self.days.items() for number in (mark, until, place)]
        return pack(self.chunks, self.sweep, ids, days)

    def until(self) -> int:
        """Return when the last of its marks may go, in ms; 0 where there is none."""
        return max(chain(self.ids.values(), (until for until, _ in self.days.values())), default=0)

    def expire(self, watermark: int) -> None:
        """Forget what the watermark has passed."""
        self.ids = {mark: until for mark, until in self.ids.items() if until >= watermark}
        self.days = {mark: kept for mark, kept in self.days.items() if kept[0] >= watermark}
        self.dirty = True

    def __len__(self) -> int:
        return len(self.ids) + len(self.days)


class Marks:
    """All marks a step touches; `flush` writes them into its draft."""

    def __init__(self, draft: Draft, watermark: int) -> None:
        self._draft = draft
        self._watermark = watermark
        self._open: dict[bytes, Chunk] = {}
        self._sweeps: dict[int, list[str]] = {}

    def _chunk(self, key: bytes) -> Chunk:
        chunk = self._open.get(key)
        if chunk is None:
            chunk = self._open[key] = Chunk(self._draft.get(key))
        return chunk

    def _home(self, owner: bytes, mark: int) -> tuple[bytes, Chunk]:
        head_key = MARKS + owner
        head = self._chunk(head_key)
        number = address(mark, head.chunks)
        return (head_key, head) if number == 0 else (key := head_key + number.to_bytes(4, "big"), self._chunk(key))

    def repeated(self, owner: bytes, mark: int, stamp: int, until: int) -> bool:
        """Return whether `mark` was counted and still stands at `stamp`; if not, it is counted now and stands until `until`."""
        key, chunk = self._home(owner, mark)
        if stamp <= chunk.ids.get(mark, -1):
            return True
        chunk.ids[mark] = until
        self._touched(owner, key, chunk)
        return False

    def place(self, owner: bytes, mark: int) -> int | None:
        """Return where the day and cell behind `mark` was counted: a window end, 0 for the day only, None for not yet."""
        kept = self._home(owner, mark)[1].days.get(mark)
        return None if kept is None else kept[1]

    def set_place(self, owner: bytes, mark: int, place: int, until: int) -> None:
        """Remember where the day and cell behind `mark` is counted, until `until`."""
        key, chunk = self._home(owner, mark)
        chunk.days[mark] = (until, place)
        self._touched(owner, key, chunk)

    def _touched(self, owner: bytes, key: bytes, chunk: Chunk) -> None:
        chunk.dirty = True
        if len(chunk) > CHUNK_MARKS:
            chunk.expire(self._watermark)
            if len(chunk) > CHUNK_MARKS:
                self._split(owner)

    def _split(self, owner: bytes) -> None:
        head = self._chunk(MARKS + owner)
        new = head.chunks
        old = new - (1 << (new.bit_length() - 1))
        head.chunks = new + 1
        head.dirty = True
        source = self._chunk(chunk_key(owner, old))
        target = self._chunk(chunk_key(owner, new))
        for mark in [mark for mark in source.ids if address(mark, new + 1) == new]:
            target.ids[mark] = source.ids.pop(mark)
        for mark in [mark for mark in source.days if address(mark, new + 1) == new]:
            target.days[mark] = source.days.pop(mark)
        source.dirty = target.dirty = True

    def sweep(self, keys: Iterable[str]) -> None:
        """Look at rows whose hour has come: forget what has passed, delete what is empty, look again later at the rest."""
        for text in keys:
            key = bytes.fromhex(text)
            if self._draft.get(key) is None and key not in self._open:
                continue
            chunk = self._chunk(key)
            chunk.sweep = 0
            chunk.expire(self._watermark)
            if len(key) == 17 and not len(chunk) and self._alone(key, chunk.chunks):
                chunk.chunks = 1

    def _alone(self, head_key: bytes, chunks: int) -> bool:
        others = (head_key + number.to_bytes(4, "big") for number in range(1, chunks))
        return not any(len(self._open[key]) if key in self._open else self._draft.get(key) for key in others)

    def flush(self) -> dict[int, list[str]]:
        """Write what was touched; return the rows to sweep by hour of event time (hours since the epoch)."""
        for key, chunk in self._open.items():
            if not chunk.dirty:
                continue
            if not len(chunk) and chunk.chunks <= 1:
                self._draft.drop(key)
                continue
            if chunk.sweep == 0:
                chunk.sweep = max(chunk.until(), self._watermark) // HOUR + 1
                self._sweeps.setdefault(chunk.sweep, []).append(key.hex())
            self._draft.put(key, chunk.pack())
        return self._sweeps


def address(mark: int, chunks: int) -> int:
    """Return which of `chunks` chunks holds `mark` (linear hashing).

    >>> [address(mark, 3) for mark in range(6)]
    [0, 1, 2, 1, 0, 1]
    """
    if chunks == 1:
        return 0
    level = chunks.bit_length()
    number = mark & ((1 << level) - 1)
    return number if number < chunks else mark & ((1 << (level - 1)) - 1)


def chunk_key(owner: bytes, number: int) -> bytes:
    """Return the row key of one chunk of a key's marks."""
    return MARKS + owner + (number.to_bytes(4, "big") if number else b"")


def sweep_row(hour: int, sequence: int) -> bytes:
    """Return the key of a sweep list."""
    return row_key(SWEEPS, hour, sequence)
