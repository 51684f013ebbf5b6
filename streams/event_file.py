"""Event files: the bus as JSON Lines. Reads any number of them as one stream of records, in bounded memory.

A record without a broker stamp is given one. A broker's stamps never run backwards and stay near the events' own times, so
the stamp is the largest before it in its file, raised to the event's own time. But one event that claims to be of the
year 2099 must not carry the clock there: a rise of more than a day, and the first time of all, needs a second witness,
the next line that has a time, within a day of it. Until that line is read the lines between are held.

     10:00   10:01   2099    (no time)  10:02          10:00   12 Dec   12 Dec
     10:00   10:01   10:01   10:01      10:02          10:00   12 Dec   12 Dec     stamps
"""

import gzip
import heapq
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

from aiokafka.partitioner import murmur2

from detectors.window import DAY
from streams.event_line import BrokenLineError, Line, OwnTime, own_time, read_line, write_line
from streams.kernel.record import Record

LONGEST_LINE = 16 * 1024 * 1024  # far above any message that may pass, so that a large one is refused by its own name
MOST_HELD = 10_000  # lines that may wait for the next one with a time
MOST_HELD_BYTES = 64 * 1024 * 1024
GZIP = b"\x1f\x8b"


class EventFileError(Exception):
    """A file cannot be read; the message says which, where and what would be right."""


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is no record: where it stands (lines count from 1), its length in bytes and their sha256; nothing of what it holds."""

    path: str
    line_number: int
    length: int
    sha256: str
    timestamp: int  # of the line before it, so that it keeps its place among several files
    reason: str


@dataclass(frozen=True, slots=True)
class _Refused:
    line_number: int
    length: int
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Stamped:
    path: str
    line: Line | _Refused
    stamp: int


def read_events(paths: Sequence[str | Path], partitions: int, own_time: OwnTime = own_time) -> Iterator[Record | BrokenLine]:
    """Return the records of all files merged by stamp, ties in the order of `paths`; the order within a file is kept.

    `-` is standard input; what is gzip is unpacked. Partition is murmur2 of the key where the line has none; offsets are
    counted by topic and partition. `own_time` finds a payload's own time (ms) by topic. A line that is no record comes as
    BrokenLine and stops nothing. Raises EventFileError at once for a missing file, and on the way for a damaged one.
    """
    names = [str(path) for path in paths]
    check_names(names)
    return _numbered([_stamped(name, own_time, partitions) for name in names], partitions)


def check_names(names: Sequence[str]) -> None:
    """Raise EventFileError where a name is none of a file that can be read."""
    if names.count("-") > 1:
        raise EventFileError("-: standard input can be read once only")
    for name in names:
        if name != "-" and not Path(name).exists():
            raise EventFileError(f"{name}: no such file; an event file is JSON Lines, plain or .gz, or - for standard input")
        if Path(name).is_dir():
            raise EventFileError(f"{name}: is a folder; an event file is JSON Lines, plain or .gz")


def write_record(file: IO[bytes], record: Record) -> None:
    """Append one record to a file opened for bytes."""
    file.write(write_line(record))


@lru_cache(maxsize=65_536)
def partition_of(key: bytes | None, partitions: int) -> int:
    """Return where Kafka's default partitioner puts a key; all records without one go together."""
    return int((murmur2(key or b"") & 0x7FFFFFFF) % partitions)


def _numbered(files: list[Iterator[_Stamped]], partitions: int) -> Iterator[Record | BrokenLine]:
    next_offset: dict[tuple[str, int], int] = {}
    for item in heapq.merge(*files, key=lambda item: item.stamp):
        line = item.line
        if isinstance(line, _Refused):
            yield BrokenLine(item.path, line.line_number, line.length, line.sha256, item.stamp, line.reason)
            continue
        partition = partition_of(line.key, partitions) if line.partition is None else line.partition
        place = (line.topic, partition)
        offset = next_offset.get(place, 0) if line.offset is None else line.offset
        next_offset[place] = max(next_offset.get(place, 0), offset + 1)
        yield Record(line.topic, partition, offset, item.stamp, line.key, line.value)


def _stamped(path: str, own_time: OwnTime, partitions: int) -> Iterator[_Stamped]:
    stamps = _Stamps()
    for number, (text, whole_length, digest) in enumerate(texts(path), 1):
        if digest is None and not text.strip():
            continue
        line: Line | _Refused
        try:
            line = _line(text, digest, own_time, partitions)
        except BrokenLineError as error:
            line = _Refused(number, whole_length, digest or sha256(text).hexdigest(), str(error))
        for held, stamp in stamps.take(line, len(text)):
            yield _Stamped(path, held, stamp)
    for held, stamp in stamps.give_up():
        yield _Stamped(path, held, stamp)


def _line(text: bytes, digest: str | None, own_time: OwnTime, partitions: int) -> Line:
    if digest is not None:
        raise BrokenLineError(f"must be at most {LONGEST_LINE} bytes")
    line = read_line(text, own_time)
    if line.partition is not None and line.partition >= partitions:
        raise BrokenLineError(f"partition must be below {partitions}")
    return line


@dataclass(slots=True)
class _Stamps:
    """Gives each line of one file its stamp, in order."""

    largest: int | None = None
    jump: int | None = None  # a time that waits for its witness
    held: list[Line | _Refused] = field(default_factory=list)
    held_bytes: int = 0

    def take(self, line: Line | _Refused, size: int) -> Iterable[tuple[Line | _Refused, int]]:
        """Take the next line; return those whose stamp is certain now."""
        given = line.timestamp if isinstance(line, Line) else None
        own = line.own_time if isinstance(line, Line) else None
        time = own if given is None else given
        done: list[tuple[Line | _Refused, int]] = []
        if self.jump is not None and time is not None:
            done = self._judge_jump(time)
        if given is not None:
            self.largest = given if self.largest is None else max(self.largest, given)
            return [*done, *self._release(), (line, given)]
        if own is not None and (self.largest is None or own > self.largest + DAY):
            self.jump = own
        elif own is not None and self.largest is not None:
            self.largest = max(self.largest, own)
        if self.largest is not None and self.jump is None:
            return [*done, (line, self.largest)]
        self.held.append(line)
        self.held_bytes += size
        if len(self.held) > MOST_HELD or self.held_bytes > MOST_HELD_BYTES:
            return [*done, *self.give_up()]
        return done

    def give_up(self) -> list[tuple[Line | _Refused, int]]:
        """Return what is held: no witness came, so its jump does not count. Where nothing else does, the earliest time counts."""
        self.jump = None
        if self.largest is not None:
            return self._release()
        times = [line.own_time if isinstance(line, Line) else None for line in self.held]
        self.largest = min((time for time in times if time is not None), default=0)
        released = []
        for (line, _), time in zip(self._release(), times, strict=True):
            if time is not None and time <= self.largest + DAY:
                self.largest = max(self.largest, time)
            released.append((line, self.largest))
        return released

    def _judge_jump(self, witness: int) -> list[tuple[Line | _Refused, int]]:
        jump, self.jump = self.jump, None
        if jump is not None and abs(witness - jump) <= DAY:
            self.largest = jump
        return [] if self.largest is None else self._release()

    def _release(self) -> list[tuple[Line | _Refused, int]]:
        assert self.largest is not None
        released = [(line, self.largest) for line in self.held]
        self.held = []
        self.held_bytes = 0
        return released


def texts(path: str) -> Iterator[tuple[bytes, int, str | None]]:
    """Yield each line, its length, and None; of a line that is too long nothing, its length, and the sha256 of all of it.

    Raises EventFileError for a file that cannot be read or is damaged.
    """
    with _opened(path) as file:
        while text := file.readline(LONGEST_LINE + 1):
            if len(text) <= LONGEST_LINE:
                yield text.rstrip(b"\r\n"), len(text.rstrip(b"\r\n")), None
                continue
            yield b"", *_rest(file, text)


def _rest(file: IO[bytes], beginning: bytes) -> tuple[int, str]:
    digest = sha256()
    length = 0
    part = beginning
    while part:
        line = part.removesuffix(b"\n")
        digest.update(line)
        length += len(line)
        if line != part:
            break
        part = file.readline(LONGEST_LINE)
    return length, digest.hexdigest()


def lines_of(path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line) of a file as it stands, plain or gzip, blank lines left out; raises EventFileError for a missing one."""
    if path != "-" and not Path(path).is_file():
        raise EventFileError(f"{path}: no such file; a log is JSON Lines, plain or .gz, or - for standard input")
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    try:
        with ExitStack() as stack:
            plain: IO[bytes] = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            peek = getattr(plain, "peek", None)
            if peek is not None and peek(2)[:2] == GZIP:
                yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=plain, mode="rb")))
            else:
                yield plain
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise EventFileError(f"{path}: is damaged: the gzip data end or break off in the middle") from None
    except OSError as error:
        raise EventFileError(f"{path}: cannot be read: {error.strerror or type(error).__name__}") from None
