"""The changelog of one shard: how commits become record batches of one partition, and how that log alone gives the state back.

    offset  base         base+1 ...                        base+count
            | @stamp     | changed rows (null deletes) ... | @outbox rows |      one commit = one record batch = all or nothing

The stamp comes first and names the offset its writer expected it to land at. A batch that landed elsewhere was written by somebody
who did not know the end of the log, so not by the owner: it is void and every reader skips it. That is the whole fence: no clock, no
membership, the log decides.

A void batch still counts for compaction, which keeps the last record of a key whoever wrote it. Hence every key of a void batch is
written again by the next valid commit: by the writer that met it on landing, or by whoever loaded the log behind it (`Place.foreign`).
Until then compaction must not reach the void batch: the log's tail (Kafka: the active segment) is never compacted. Should it have
happened all the same, `load` cannot be fooled: every stamp names the number of rows held, and a log without a valid stamp is refused.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from streams.kernel.record import STAMP, Commit, Outgoing
from streams.kernel.rows import Rows, RowVersionError

OUTBOX = b"@outbox"
VERSION = 1
_HEAD = struct.Struct(">BQIQQI")  # version, base, records in the batch, commit number, rows held after it, outbox rows
_BOX = struct.Struct(">BQ")  # version, commit number
_MESSAGE = struct.Struct(">HiqiI")  # length of the topic, partition (-1: by key), timestamp, length of the key (-1: none) and of the value
_BOX_BYTES = 256 << 10  # one row of the outbox; larger rows gain nothing, smaller ones cost a record each

Entry = tuple[int, bytes, bytes | None]


class BrokenLogError(Exception):
    """The changelog does not hold what its last valid stamp says it must: nothing may be folded on top of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next commit has to land, and what it carries besides its own changes.

    `number` is the next commit's number, `held` the rows before it, `boxes` the outbox rows of the last commit, `foreign` the keys that
    void batches wrote and no valid one has written since.
    """

    base: int = 0
    number: int = 1
    held: int = 0
    boxes: int = 0
    foreign: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Batch:
    """A commit as the records of one batch, stamp first; `then` is the place of the commit after it, if it lands where it must."""

    records: tuple[tuple[bytes, bytes | None], ...]
    place: Place
    then: Place


@dataclass(frozen=True, slots=True)
class Landed:
    """The commit is durable: apply it, send its outbox, go on at `place`."""

    place: Place


@dataclass(frozen=True, slots=True)
class Again:
    """Only void batches lie between: the writer still is the owner; encode the same commit for `place` and append it again."""

    place: Place


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody who knew the end of the log has written: drop the state and load again, or stop."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a changelog holds: the rows, the messages of the last commit (to be sent again first), and where the next commit goes."""

    rows: Rows
    outbox: tuple[Outgoing, ...]
    place: Place


@dataclass(slots=True)
class _Reading:
    """What the reader of a log knows after the records so far."""

    rows: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)  # by table, as Rows has them: a million are put down once
    boxes: dict[bytes, bytes] = field(default_factory=dict)
    foreign: set[bytes] = field(default_factory=set)
    stamp: "_Stamp | None" = None  # the last valid one
    whole: int = 0  # where the batch of the last stamp seen ends
    missing: int = 0  # records of that batch not seen yet
    void_until: int = 0


@dataclass(frozen=True, slots=True)
class _Stamp:
    base: int
    count: int
    number: int
    held: int
    boxes: int
    stamp: bytes


def encode(commit: Commit, place: Place, rows: Rows) -> Batch:
    """Return the record batch of a commit; `rows` are those it was computed from, the commit not yet applied."""
    changed = dict(commit.rows)
    assert not any(key[:1] == STAMP[:1] for key in changed), "row kind @ belongs to the changelog"
    held = place.held + sum((value is not None) - (rows.get(key) is not None) for key, value in changed.items())
    boxes = list(_boxes(commit.outbox, place.number))
    outbox: dict[bytes, bytes | None] = {_box_key(index): None for index in range(len(boxes), place.boxes)}
    for key in sorted(place.foreign):
        if key.startswith(OUTBOX):
            outbox.setdefault(key, None)
        elif key != STAMP:
            changed.setdefault(key, rows.get(key))
    outbox.update((_box_key(index), box) for index, box in enumerate(boxes))
    count = 1 + len(changed) + len(outbox)
    head = _HEAD.pack(VERSION, place.base, count, place.number, held, len(boxes))
    then = Place(place.base + count, place.number + 1, held, len(boxes))
    return Batch(((STAMP, head + commit.stamp), *changed.items(), *outbox.items()), place, then)


def landing(batch: Batch, landed_at: int, between: Iterable[Entry]) -> Landed | Again | Leave:
    """Return what the acknowledged offset of a batch means; `between` are the records from the expected offset up to that one.

    The offset of a batch is that of its stamp. `between` is read only where the two offsets differ.
    """
    if landed_at == batch.place.base:
        return Landed(batch.then)
    foreign = set(batch.place.foreign)
    for offset, key, value in between:
        if key == STAMP and expected_at(value) == offset:
            return Leave()
        foreign.add(key)
    return Again(replace(batch.place, base=landed_at + len(batch.records), foreign=frozenset(foreign - {STAMP})))


def expected_at(stamp: bytes | None) -> int:
    """Return the offset at which the writer of a stamp expected it to land: its batch is valid if it did, else void."""
    return _read_stamp(stamp).base


def last_stamp(records: Iterable[Entry]) -> bytes | None:
    """Return the shard's stamp of the last valid commit among the records, None where there is none: how far it is, without its rows."""
    found = None
    for offset, key, value in records:
        if key == STAMP and (stamp := _read_stamp(value)).base == offset:
            found = stamp.stamp
    return found


def load(records: Iterable[Entry], end: int) -> Loaded:
    """Return the state a changelog holds; `records` are (offset, key, value) from its start, `end` is its end offset as the broker says."""
    loading = Loading()
    loading.take(records)
    return loading.loaded(end)


class Loading:
    """A changelog as it is read, some records after the other, so that what was overwritten is not held until the end."""

    def __init__(self) -> None:
        self._reading = _Reading()
        self._last = -1

    def take(self, records: Iterable[Entry]) -> None:
        """Read on; gaps left by compaction are fine. Raises RowVersionError where a newer program wrote."""
        reading, tables, foreign, last = self._reading, self._reading.rows, self._reading.foreign, self._last
        for offset, key, value in records:
            assert offset > last, "a changelog is read in the order of its offsets"
            last = offset
            if key[:1] == STAMP[:1] or offset < reading.void_until:
                _take(reading, offset, key, value)
                continue
            if offset < reading.whole:
                reading.missing -= 1
            if foreign:
                foreign.discard(key)
            kind = key[:1]
            table = tables.get(kind)
            if table is None:
                table = tables[kind] = {}
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        self._last = last

    def loaded(self, end: int) -> Loaded:
        """Return the state; raises BrokenLogError where records are missing that the last valid stamp counts."""
        reading = self._reading
        if end == 0 and self._last < 0:
            return Loaded(Rows(), (), Place())
        stamp = reading.stamp
        if stamp is None:
            raise BrokenLogError(f"the changelog ends at {end} and shows no valid stamp: an empty read, or its tail was compacted")
        if reading.missing or reading.whole != end:
            missing = f"its last batch at {reading.whole}, {reading.missing} records of it are missing"
            raise BrokenLogError(f"the changelog ends at {end}, {missing}")
        rows = Rows.of_tables(reading.rows, stamp.stamp)
        if rows.held() != stamp.held:
            raise BrokenLogError(f"the changelog holds {rows.held()} rows, its stamp {stamp.number} counts {stamp.held}")
        place = Place(end, stamp.number + 1, stamp.held, stamp.boxes, frozenset(reading.foreign))
        return Loaded(rows, tuple(_messages(reading.boxes, stamp)), place)


def _take(reading: _Reading, offset: int, key: bytes, value: bytes | None) -> None:
    """Take a stamp, an outbox row, or a record of a void batch."""
    if key == STAMP:
        stamp = _read_stamp(value)
        reading.whole, reading.missing = offset + stamp.count, stamp.count
        if stamp.base == offset:
            reading.stamp = stamp
        else:
            reading.void_until = reading.whole
    if offset < reading.whole:
        reading.missing -= 1
    if key == STAMP:
        return
    if offset < reading.void_until:
        reading.foreign.add(key)
        return
    reading.foreign.discard(key)
    if value is None:
        reading.boxes.pop(key, None)
    else:
        reading.boxes[key] = value


def _read_stamp(value: bytes | None) -> _Stamp:
    if not value:
        raise BrokenLogError("a stamp without a value: no commit writes one")
    if value[0] != VERSION:
        raise RowVersionError(f"a stamp has version {value[0]}, this program reads version {VERSION}: upgrade the program")
    _, base, count, number, held, boxes = _HEAD.unpack_from(value)
    return _Stamp(base, count, number, held, boxes, value[_HEAD.size :])


def _box_key(index: int) -> bytes:
    return OUTBOX + index.to_bytes(4, "big")


def _boxes(outbox: Sequence[Outgoing], number: int) -> Iterator[bytes]:
    """Yield the values of the outbox rows of commit `number`, each about _BOX_BYTES at most (or one message)."""
    head = _BOX.pack(VERSION, number)
    parts, size = [head], 0
    for message in outbox:
        topic, key = message.topic.encode(), message.key
        partition = -1 if message.partition is None else message.partition
        fixed = _MESSAGE.pack(len(topic), partition, message.timestamp, -1 if key is None else len(key), len(message.value))
        parts += (fixed, topic, key or b"", message.value)
        size += len(fixed) + len(topic) + len(key or b"") + len(message.value)
        if size >= _BOX_BYTES:
            yield b"".join(parts)
            parts, size = [head], 0
    if size:
        yield b"".join(parts)


def _messages(boxes: dict[bytes, bytes], stamp: _Stamp) -> Iterator[Outgoing]:
    """Yield the outbox of the commit of `stamp`, in the order it was given."""
    for index in range(stamp.boxes):
        box = boxes.get(_box_key(index))
        if box is None or _BOX.unpack_from(box) != (VERSION, stamp.number):
            raise BrokenLogError(f"outbox row {index} of commit {stamp.number} is missing: its messages may not have been sent")
        at = _BOX.size
        while at < len(box):
            topic, partition, timestamp, key, value = _MESSAGE.unpack_from(box, at)
            at += _MESSAGE.size
            name, at = box[at : at + topic].decode(), at + topic
            own, at = (None, at) if key < 0 else (box[at : at + key], at + key)
            yield Outgoing(name, None if partition < 0 else partition, own, box[at : at + value], timestamp)
            at += value
