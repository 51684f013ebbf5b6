"""What the bus in this process promises beside the contract: memory stays bounded, nothing acknowledged is lost to kill -9."""

import asyncio
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import orjson
import pytest

from streams.kernel.record import Record
from streams.transport.bus import BusUnreachableError, Message, Topic
from streams.transport.memory_broker import KEPT_BYTES, UNREAD_BYTES
from streams.transport.memory_bus import MemoryBus
from streams.transport.memory_log import TAIL_BATCHES, THIN_FROM, PartitionLog

ROOT = Path(__file__).parents[3]
WRITER = """
import asyncio, sys
from streams.transport.bus import Message, Topic
from streams.transport.memory_bus import MemoryBus

async def main():
    bus = MemoryBus(sys.argv[1])
    await bus.open()
    await bus.create([Topic("t", 1)])
    number = 0
    while True:
        bases = await asyncio.gather(*(bus.append("t", 0, [Message(b"%d" % (number + i), b"x" * 100)] * 3) for i in range(5)))
        number += 5
        print(bases[-1] + 3, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9_and_no_batch_is_torn(tmp_path: Path) -> None:
    url = f"mem://kept?dir={tmp_path}"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, cwd=ROOT)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(200)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith(b"\n"))])
    writer.wait()

    async def found() -> list[Record]:
        bus = MemoryBus(url)
        await bus.open()
        end = (await bus.ends([("t", 0)]))["t", 0]
        records = [record async for batch in bus.read("t", 0, 0, end) for record in batch]
        await bus.close()
        return records

    records = asyncio.run(found())
    assert [record.offset for record in records] == list(range(len(records)))
    assert len(records) >= acknowledged
    assert [record.key for record in records] == [b"%d" % (offset // 3) for offset in range(len(records))]


def test_one_process_at_a_time_has_the_folder(tmp_path: Path) -> None:
    url = f"mem://taken?dir={tmp_path}"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, cwd=ROOT)
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        with pytest.raises(BusUnreachableError, match="another worker"):
            asyncio.run(MemoryBus(url).open())
    finally:
        writer.kill()
        writer.communicate()


def test_offsets_go_on_after_everything_was_forgotten(tmp_path: Path) -> None:
    async def go() -> None:
        url = f"mem://forgotten?dir={tmp_path}"
        bus = MemoryBus(url)
        await bus.open()
        await bus.create([Topic("t", 1, retention_ms=1_000, largest_batch=4 << 20)])
        for number in range(24):
            await bus.append("t", 0, [Message(None, b"x" * (1 << 20), number * 10_000)])
        await bus.close()
        await bus.open()
        assert (await bus.ends([("t", 0)]))["t", 0] == 24
        found = [record.offset async for batch in bus.read("t", 0, 0, 24) for record in batch]
        assert found[-1:] == [23]
        assert found[0] > 0
        assert await bus.append("t", 0, [Message(None, b"y")]) == 24
        await bus.close()

    asyncio.run(go())


def test_retention_bounds_memory_and_keeps_what_is_unread() -> None:
    log = PartitionLog()
    for number in range(200):
        log.append([Record("t", 0, number, number * 1_000, None, b"x" * 100_000)])
        log.release(max(0, number - 50))
        log.cut(10_000, 8 << 20, consumed=True)
    assert log.size < 8 << 20
    assert log.read(0, 1)[0].offset <= 150  # nothing unread went
    unread = PartitionLog()
    for number in range(200):
        unread.append([Record("t", 0, number, number * 1_000, None, b"x" * 100_000)])
        unread.cut(10_000, 8 << 20, consumed=True)
    assert unread.read(0, 1)[0].offset == 0


def test_a_topic_keeps_as_much_whatever_its_partitions_and_wherever_its_records_are() -> None:
    async def kept(partitions: int, used: int) -> int:
        bus = MemoryBus(f"mem://share-{partitions}-{used}")
        await bus.open()
        await bus.create([Topic("t", partitions, retention_ms=1_000_000)])
        for number in range(600):
            await bus.append("t", number % used, [Message(None, b"x" * 100_000, number)])
        size = sum(bus.broker.log(("t", number)).size for number in range(partitions))
        await bus.close()
        return size

    for partitions, used in [(1, 1), (8, 1), (8, 8), (64, 64)]:
        assert 0.9 * KEPT_BYTES < asyncio.run(kept(partitions, used)) <= 1.1 * KEPT_BYTES


def test_a_record_kept_holds_no_more_memory_than_it_is_long() -> None:
    """What orjson.dumps returns pins the buffer it was written to: a tick of 90 bytes took 4 KiB for as long as it was kept."""

    async def grown() -> int:
        bus = MemoryBus("mem://slim")
        await bus.open()
        await bus.create([Topic("t", 1)])
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1_000):
            await bus.append("t", 0, [Message(b"", orjson.dumps({"at": number, "ends": {}, "drain": False}))])
        kept = tracemalloc.get_traced_memory()[0] - before
        await bus.close()
        return kept

    tracemalloc.start()
    try:
        assert asyncio.run(grown()) < 1_000 * 500
    finally:
        tracemalloc.stop()


def test_compaction_keeps_the_last_of_every_key_and_the_whole_tail() -> None:
    log = PartitionLog()
    records = 40_000
    for number in range(records):
        value = None if number % 7 == 3 else b"%d" % number
        log.append([Record("c", 0, number, 0, b"%d" % (number % 100), value)])
        log.compact()
    assert log.size < 2 * THIN_FROM
    state: dict[bytes | None, bytes | None] = {}
    for record in log.read(0, log.end):
        state[record.key] = record.value
    last = {number % 100: number for number in range(records)}
    expected = {b"%d" % key: b"%d" % number for key, number in last.items() if number % 7 != 3}
    assert {key: value for key, value in state.items() if value is not None} == expected
    tail = list(range(log.end - TAIL_BATCHES, log.end))
    assert [record.offset for record in log.records[-TAIL_BATCHES:]] == tail


def test_a_compacted_log_of_large_rows_is_bounded_by_what_they_come_to() -> None:
    """Few records, large ones: an outbox is a row of hundreds of kilobytes that every commit overwrites."""
    log = PartitionLog()
    for number in range(3_000):
        log.append([Record("c", 0, number, 0, b"@outbox", b"x" * 100_000)])
        log.compact()
        assert log.size < 3 * TAIL_BATCHES * 100_300
    assert len(log.read(0, log.end)) >= TAIL_BATCHES


def test_an_append_waits_while_the_reader_is_far_behind() -> None:
    async def go() -> None:
        bus = MemoryBus("mem://behind")
        await bus.open()
        await bus.create([Topic("t", 1, consumed=True, largest_batch=UNREAD_BYTES)])
        half = [Message(None, b"x" * (UNREAD_BYTES // 2))]
        for _ in range(2):
            await bus.append("t", 0, half)
        third = asyncio.create_task(bus.append("t", 0, half))
        done, _ = await asyncio.wait([third], timeout=0.05)
        assert not done
        bus.release("t", 0, 2)
        assert await third == 2
        await bus.close()

    asyncio.run(go())
