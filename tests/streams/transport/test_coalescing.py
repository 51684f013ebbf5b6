"""What a consumer knows of a partition that ends behind its last record: empty, or on its way."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.kernel.record import Record
from streams.transport.coalescing import Coalescing

PLACE = TP("engagement-events", 0)


class Driver:
    """A Faust consumer by hand: a poll waits until the test lets it end, its position is what was fetched, told of or not."""

    should_stop = False

    def __init__(self) -> None:
        shards = SimpleNamespace(plain_names={PLACE.topic: PLACE.topic}, positions=lambda: {PLACE: 5})
        monitor = SimpleNamespace(track_tp_end_offset=lambda tp, end: None)
        self.app = SimpleNamespace(consumer_generation_id=1, shards=shards, monitor=monitor, in_recovery=False)
        self.flow_active = True
        self.active = {PLACE}
        self.slept_s = 0.0
        self.patience_s = 0.0
        self.futures: list[Any] = []
        self.at = 0
        self.fetched: asyncio.Queue[dict[TP, list[Record]]] = asyncio.Queue()
        self._buffered_partitions: set[TP] = set()
        self._read_offset: dict[TP, int | None] = {}

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Record]], set[TP]]:
        self.patience_s = timeout
        return await self.fetched.get(), self.active

    def _get_active_partitions(self) -> set[TP]:
        return self.active

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def resume_flow(self) -> None:
        self.flow_active = True

    def add_future(self, work: Any) -> None:
        self.futures.append(work)

    async def position(self, tp: TP) -> int:
        return self.at

    async def seek_wait(self, offsets: Mapping[TP, int]) -> None:
        self.at = offsets[PLACE]

    def assignment(self) -> set[TP]:
        return {PLACE}

    def highwater(self, tp: TP) -> int:
        return 10

    def fetch(self, *offsets: int) -> None:
        """Let the poll that waits end with these records, and stand at the end of the partition."""
        self.at = 10
        records = [Record(PLACE.topic, 0, offset, 0, b"", b"{}") for offset in offsets]
        self.fetched.put_nowait({PLACE: records} if records else {})


class Consumer(Coalescing, Driver):
    def _records(self, found: Any, plain: str) -> list[Record]:
        return list(found)


async def polled(consumer: Consumer) -> list[int]:
    """Return the first offsets of the batches one poll gives."""
    batches: list[Any] = [message.value async for _, message in consumer.getmany(1.0)]
    return [batch.records[0].offset for batch in batches]


async def until_it_waits(task: asyncio.Task[list[int]]) -> None:
    await asyncio.sleep(0)
    assert not task.done()


def test_a_partition_without_a_record_behind_the_seek_is_empty_after_one_more_poll() -> None:
    async def go() -> list[bool]:
        consumer = Consumer()
        await consumer.seek_back({PLACE: 7})
        found = []
        for _ in range(2):
            consumer.fetch()
            await polled(consumer)
            found.append(await consumer.is_empty(PLACE, 10))
        return found

    assert asyncio.run(go()) == [False, True]


def test_records_a_waiting_poll_brings_from_behind_the_seek_are_no_emptiness() -> None:
    """The poll was begun before the seek and still brings what lies behind it: were that called empty, ticks would overtake records."""

    async def go() -> tuple[list[int], bool, bool]:
        consumer = Consumer()
        await consumer.seek_back({PLACE: 3})
        poll = asyncio.create_task(polled(consumer))
        await until_it_waits(poll)
        await consumer.seek_back({PLACE: 7})
        consumer.fetch(7, 8, 9)
        brought = await poll
        at_once = await consumer.is_empty(PLACE, 10)
        consumer.fetch()
        await polled(consumer)
        return brought, at_once, await consumer.is_empty(PLACE, 10)

    assert asyncio.run(go()) == ([7], False, False)


def test_a_position_ahead_of_its_records_is_no_emptiness() -> None:
    """The consumer's thread has fetched and moved on, and nobody has been told of the records yet."""

    async def go() -> list[bool]:
        consumer = Consumer()
        await consumer.seek_back({PLACE: 7})
        poll = asyncio.create_task(polled(consumer))
        await until_it_waits(poll)
        consumer.at = 10
        before = await consumer.is_empty(PLACE, 10)
        consumer.fetch(7, 8, 9)
        await poll
        return [before, await consumer.is_empty(PLACE, 10)]

    assert asyncio.run(go()) == [False, False]


def test_what_was_read_out_before_a_seek_says_nothing_of_what_comes_after() -> None:
    async def go() -> list[bool]:
        consumer = Consumer()
        await consumer.seek_back({PLACE: 7})
        consumer.fetch()
        await polled(consumer)
        found = [await consumer.is_empty(PLACE, 10)]
        await consumer.seek_back({PLACE: 7})
        consumer.fetch()
        await polled(consumer)
        return [*found, await consumer.is_empty(PLACE, 10)]

    assert asyncio.run(go()) == [False, False]


def test_flow_begins_once_the_shards_are_there_and_not_when_faust_would_read_changelogs() -> None:
    """A poll begun while every partition is paused sleeps: Faust asked for it before each takeover, and a second went by."""

    async def go() -> list[tuple[bool, int, int]]:
        consumer = Consumer()
        consumer.flow_active, consumer.app.in_recovery = False, True
        found = []
        for recovering in (True, False):
            consumer.app.in_recovery = recovering
            consumer.resume_flow()
            for work in consumer.futures:
                await work
            found.append((consumer.flow_active, len(consumer.futures), consumer.at))
        return found

    assert asyncio.run(go()) == [(False, 0, 0), (True, 1, 5)]


def test_a_poll_never_outlasts_the_room_its_partitions_have_meanwhile() -> None:
    async def go() -> tuple[float, float, list[int]]:
        consumer = Consumer()
        consumer.active = set()
        assert await polled(consumer) == []
        consumer.active = {PLACE}
        consumer.fetch(7)
        brought = await polled(consumer)
        return consumer.slept_s, consumer.patience_s, brought

    slept_s, patience_s, brought = asyncio.run(go())
    assert (0 < slept_s < 0.5, 0 < patience_s < 0.5, brought) == (True, True, [7])


def test_what_is_not_fetched_yet_is_coming_and_what_was_read_past_is_not() -> None:
    """A broker that is slow, or away, is no hole: to seek would only throw away what it is about to send."""

    async def go() -> list[bool]:
        consumer = Consumer()
        consumer.at = 7
        found = [await consumer.is_coming(PLACE, 7)]
        consumer.at = 10
        found.append(await consumer.is_coming(PLACE, 7))
        consumer.fetch(7, 8, 9)
        await polled(consumer)
        found.append(await consumer.is_coming(PLACE, 7))
        await consumer.seek_back({PLACE: 7})
        consumer.at = 10
        return [*found, await consumer.is_coming(PLACE, 7)]

    assert asyncio.run(go()) == [True, False, True, False]
