"""Event files: stamps where none are given, several files as one stream, and lines that are broken."""

import gzip
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import event_file
from streams.event_file import BrokenLine, EventFileError, partition_of, read_events, write_record
from streams.kernel.record import Record

NOON = 1_795_348_800_000  # 22 Nov 2026 12:00 UTC
MINUTE, DAY = 60_000, 86_400_000
NO_TIME = None


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def line(time: int | str | None = NOON, key: str | None = "u-1", **more: object) -> bytes:
    record = {"topic": "engagement-events", "key": key, "value": {"occurred_at": time}} | more
    return orjson.dumps(record) + b"\n"


def file(folder: Path, *lines: bytes, name: str = "events.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(lines))
    return path


def stamps(folder: Path, *lines: bytes) -> list[int]:
    return [record.timestamp for record in read_events([file(folder, *lines)], 8)]


def test_a_given_stamp_is_kept(folder: Path) -> None:
    """The broker's stamp wins over the event's own time, backwards too."""
    assert stamps(folder, line(NOON, timestamp=NOON + 5), line(NOON + MINUTE, timestamp=NOON)) == [NOON + 5, NOON]


def test_a_stamp_is_the_largest_before_it_raised_to_the_own_time(folder: Path) -> None:
    """Events out of order get stamps in order."""
    lines = [line(NOON), line(NOON + MINUTE), line(NOON - MINUTE), line(NOON + DAY)]

    assert stamps(folder, *lines) == [NOON, NOON + MINUTE, NOON + MINUTE, NOON + DAY]


def test_a_given_stamp_carries_those_after_it(folder: Path) -> None:
    """The largest before it, given ones included; a smaller given one lowers nothing."""
    lines = [line(NOON, timestamp=NOON + 5), line(NOON - 1, timestamp=NOON), line(NOON), line(NO_TIME)]

    assert stamps(folder, *lines) == [NOON + 5, NOON, NOON + 5, NOON + 5]


def test_a_far_future_alone_does_not_move_the_clock(folder: Path) -> None:
    """More than a day ahead, and the next line with a time does not confirm it."""
    far = "2099-01-01T00:00:00Z"

    assert stamps(folder, line(NOON), line(NOON), line(far), line(NO_TIME), line(NOON + MINUTE)) == [NOON] * 4 + [NOON + MINUTE]
    assert stamps(folder, line(NOON), line(far), line(NO_TIME), line(NOON + MINUTE)) == [NOON, NOON, NOON, NOON + MINUTE]
    assert stamps(folder, line(NOON), line(NOON + DAY + 1)) == [NOON, NOON]
    assert stamps(folder, line(NOON), line(far), line(NO_TIME)) == [NOON, NOON, NOON]


def test_a_gap_that_the_next_line_confirms_counts(folder: Path) -> None:
    """Three quiet days are three days; lines without a time between the two do not hide it."""
    later = NOON + 3 * DAY
    lines = [line(NOON), line(NOON), line(later), line(NO_TIME), line("yesterday"), line(later - DAY), line(later + 1)]

    assert stamps(folder, *lines) == [NOON, NOON, later, later, later, later, later + 1]
    assert stamps(folder, line(NOON), line(NOON), line(later), line(later - DAY - 1), line(later)) == [NOON] * 5


def test_a_given_stamp_confirms_a_jump(folder: Path) -> None:
    """A broker's stamp is a valid time of its line."""
    later = NOON + 3 * DAY

    assert stamps(folder, line(NOON), line(NOON), line(later), line(NOON, timestamp=later + 5)) == [NOON, NOON, later, later + 5]


def test_a_first_line_needs_a_witness_too(folder: Path) -> None:
    """A wild first time is passed over, and its line gets the first stamp that holds."""
    assert stamps(folder, line("2099-01-01T00:00:00Z"), line(NOON), line(NOON + 1)) == [NOON, NOON, NOON + 1]
    assert stamps(folder, line("2001-01-01T00:00:00Z"), line(NOON), line(NOON + 1)) == [NOON, NOON, NOON + 1]
    assert stamps(folder, line(NO_TIME), line(NOON), line(NOON + 1)) == [NOON, NOON, NOON + 1]
    assert stamps(folder, line("2099-01-01T00:00:00Z"), line(NO_TIME, timestamp=NOON)) == [NOON, NOON]


def test_a_file_of_one_line_has_its_own_time(folder: Path) -> None:
    """There is no other; and none at all is the beginning of time."""
    assert stamps(folder, line(NOON)) == [NOON]
    assert stamps(folder, line(NO_TIME)) == [0]
    assert stamps(folder) == []


@given(st.lists(st.one_of(st.none(), st.integers(-3 * DAY, 3 * DAY).map(lambda ahead: NOON + ahead)), max_size=12))
def test_stamps_made_here_never_run_backwards(times: list[int | None]) -> None:
    """As a broker's do not, and none is later than every event's own time."""
    with TemporaryDirectory() as name:
        made = stamps(Path(name), *[line(time) for time in times])

    assert made == sorted(made)
    assert len(made) == len(times)
    assert all(stamp in {0, *times} for stamp in made)


def test_lines_that_wait_are_bounded(folder: Path) -> None:
    """A jump followed by ever so many lines without a time is settled without its witness."""
    count = event_file.MOST_HELD + 5
    made = stamps(folder, line(NOON), line(NOON), line(NOON + 9 * DAY), *[line(NO_TIME)] * count, line(NOON + 1))

    assert made == [NOON] * (count + 3) + [NOON + 1]


def test_files_are_merged_by_stamp(folder: Path) -> None:
    """Ties in the order the files are named; within a file nothing changes places."""
    first = file(folder, line(key="a1", timestamp=NOON), line(key="a2", timestamp=NOON + 2), line(key="a3", timestamp=NOON + 1), name="a")
    second = file(folder, line(key="b1", timestamp=NOON), line(key="b2", timestamp=NOON + 1), line(key="b3", timestamp=NOON + 9), name="b")

    def keys(*paths: Path) -> list[bytes | None]:
        return [item.key for item in read_events(paths, 8) if isinstance(item, Record)]

    assert keys(first, second) == [b"a1", b"b1", b"b2", b"a2", b"a3", b"b3"]
    assert keys(second, first) == [b"b1", b"a1", b"b2", b"a2", b"a3", b"b3"]


def test_offsets_are_counted_by_topic_and_partition(folder: Path) -> None:
    """A given offset is kept, and counting goes on behind the largest."""
    lines = [line(partition=1), line(partition=2), line(partition=1), line(partition=1, topic="consent-events")]
    lines += [line(partition=1, offset=9), line(partition=1)]

    records = [item for item in read_events([file(folder, *lines)], 8) if isinstance(item, Record)]

    assert [(record.topic[:1], record.partition, record.offset) for record in records] == [
        ("e", 1, 0),
        ("e", 2, 0),
        ("e", 1, 1),
        ("c", 1, 0),
        ("e", 1, 9),
        ("e", 1, 10),
    ]


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)],
)
def test_partitions_are_those_of_kafkas_default_partitioner(key: bytes, hashed: int) -> None:
    """The figures are those of Kafka's own test of murmur2."""
    assert partition_of(key, 1000) == (hashed & 0x7FFFFFFF) % 1000


def test_a_broken_line_stops_nothing_and_tells_nothing(folder: Path) -> None:
    """It is named by file, line number, length and hash; the lines around it count."""
    broken = b'{"topic":"engagement-events","key":"secret-person","value":'
    path = file(folder, line(), broken + b"\n", b"\n", b"   \r\n", line(NOON + 1, partition=8), b"\xff\xfe\n", line(NOON + 2)[:-1])

    items = list(read_events([path], 8))

    refused = [item for item in items if isinstance(item, BrokenLine)]
    assert [item.line_number for item in refused] == [2, 5, 6]
    assert (refused[0].path, refused[0].length, refused[0].sha256) == (str(path), len(broken), sha256(broken).hexdigest())
    assert [item.timestamp for item in items] == [NOON, NOON, NOON, NOON, NOON + 2]
    assert "secret" not in repr(refused)


def test_a_line_without_end_is_a_broken_line(folder: Path) -> None:
    """It is never held whole, its hash is of all of it, and the next line counts."""
    long = b"[" * (2 * event_file.LONGEST_LINE + 77)

    items = list(read_events([file(folder, line(), long + b"\n", line())], 8))

    assert [type(item).__name__ for item in items] == ["Record", "BrokenLine", "Record"]
    assert isinstance(items[1], BrokenLine)
    assert (items[1].line_number, items[1].length, items[1].sha256) == (2, len(long), sha256(long).hexdigest())


def test_gzip_is_read_as_what_is_in_it(folder: Path) -> None:
    """Several members one after the other included, as log shippers write them."""
    whole = gzip.compress(line(NOON)) + gzip.compress(line(NOON + 1) * 2)
    path = file(folder, whole, name="events.jsonl.gz")

    assert [item.timestamp for item in read_events([path], 8)] == [NOON, NOON + 1, NOON + 1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "tail"])
def test_damaged_gzip_is_an_error_that_names_the_file(folder: Path, damage: str) -> None:
    """Never a shorter file in silence."""
    whole = gzip.compress(b"".join(line(NOON + number * 7919) for number in range(500)))
    middle = len(whole) // 2
    damaged = {"cut": whole[:middle], "flipped": whole[:middle] + b"\0\0\0\0" + whole[middle + 4 :], "tail": whole + b"rest"}[damage]
    path = file(folder, damaged, name="events.jsonl.gz")

    with pytest.raises(EventFileError, match=r"events\.jsonl\.gz: is damaged"):
        list(read_events([path], 8))


def test_a_missing_file_is_told_before_anything_is_read(folder: Path) -> None:
    """So is a folder, and standard input asked for twice."""
    with pytest.raises(EventFileError, match=r"nowhere\.jsonl: no such file"):
        read_events([folder / "nowhere.jsonl"], 8)
    with pytest.raises(EventFileError, match="is a folder"):
        read_events([folder], 8)
    with pytest.raises(EventFileError, match="once only"):
        read_events(["-", "-"], 8)


def test_what_is_written_is_read_back(folder: Path) -> None:
    """A dump of the bus is an event file."""
    records = [Record("t", 3, 17, NOON, b"k", b'{"a": 1}'), Record("t", 3, 18, NOON, None, None)]
    records += [Record("t", 0, 0, NOON + 1, b"\xff", b"\xff")]
    written = BytesIO()
    for record in records:
        write_record(written, record)

    assert list(read_events([file(folder, written.getvalue())], 8)) == records
