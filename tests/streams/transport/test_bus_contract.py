"""One contract, two buses: what the commit protocol and the drivers rely on holds in memory, in a file and on Apache Kafka."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from streams.kernel.record import Record
from streams.transport.bus import Bus, BusError, Message, TooLargeError, Topic
from tests.streams.transport.conftest import Make


def with_bus(make: Make, use: Callable[[Bus, str], Awaitable[None]], **options: object) -> None:
    """Open the bus with one topic of two partitions and use it."""

    async def go() -> None:
        bus, name = make(), f"contract-{uuid4().hex[:12]}"
        await bus.open()
        try:
            await bus.create([Topic(name, 2, **options)])  # type: ignore[arg-type]
            await use(bus, name)
        finally:
            await bus.close()

    asyncio.run(go())


def messages(*texts: str) -> list[Message]:
    return [Message(text.encode(), f"value of {text}".encode(), 1_000 + index) for index, text in enumerate(texts)]


async def whole(bus: Bus, topic: str, partition: int, start: int = 0) -> list[Record]:
    """Return a partition from an offset to where it ends now."""
    end = (await bus.ends([(topic, partition)]))[topic, partition]
    return [record async for batch in bus.read(topic, partition, start, end) for record in batch]


def test_a_batch_stands_whole_at_the_offset_that_was_returned(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        assert [await bus.append(topic, 1, messages("a", "b", "c")), await bus.append(topic, 1, messages("d"))] == [0, 3]
        found = await whole(bus, topic, 1)
        assert [(one.offset, one.partition, one.key, one.value, one.timestamp) for one in found] == [
            (0, 1, b"a", b"value of a", 1_000),
            (1, 1, b"b", b"value of b", 1_001),
            (2, 1, b"c", b"value of c", 1_002),
            (3, 1, b"d", b"value of d", 1_000),
        ]
        assert await bus.ends([(topic, 0), (topic, 1)]) == {(topic, 0): 0, (topic, 1): 4}

    with_bus(make, use)


def test_reading_begins_and_ends_where_it_is_told(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        await bus.append(topic, 0, messages(*"abcdef"))
        found = [record.offset async for batch in bus.read(topic, 0, 2, 5) for record in batch]
        assert found == [2, 3, 4]
        assert [batch async for batch in bus.read(topic, 0, 6, 6)] == []

    with_bus(make, use)


def test_null_keys_and_values_come_back_as_null(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        await bus.append(topic, 0, [Message(None, b"", 1), Message(b"", None, 2)])
        assert [(one.key, one.value) for one in await whole(bus, topic, 0)] == [(None, b""), (b"", None)]

    with_bus(make, use)


def test_batches_of_many_writers_never_mix(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        batches = [messages(*(f"{writer}.{index}" for index in range(50))) for writer in range(20)]
        bases = await asyncio.gather(*(bus.append(topic, 0, batch) for batch in batches))
        by_offset = {record.offset: record.key for record in await whole(bus, topic, 0)}
        assert sorted(by_offset) == list(range(1_000))
        for base, batch in zip(bases, batches, strict=True):
            assert [by_offset[base + index] for index in range(50)] == [one.key for one in batch]

    with_bus(make, use)


def test_batches_appended_one_after_the_other_keep_their_order_without_waiting(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        tasks = [asyncio.create_task(bus.append(topic, 0, messages(str(number)))) for number in range(40)]
        assert [await task for task in tasks] == list(range(40))

    with_bus(make, use)


def test_following_yields_what_comes_and_tells_of_quiet(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        await bus.append(topic, 0, messages("a"))
        seen: list[bytes | None] = []
        written = False
        async for batch in bus.follow({(topic, 0): 0, (topic, 1): 0}, 0.2):
            seen += [record.key for record in batch]
            if not batch and written:
                break
            if not batch:
                await bus.append(topic, 1, messages("b"))
                written = True
        assert seen == [b"a", b"b"]

    with_bus(make, use)


def test_a_batch_that_is_too_large_is_refused_and_leaves_no_trace(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        with pytest.raises(TooLargeError):
            await bus.append(topic, 0, [Message(b"a", b"x" * 300_000)])
        assert await bus.append(topic, 0, messages("b")) == 0

    with_bus(make, use, largest_batch=200_000)


def test_the_broker_stamps_where_the_topic_says_so(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        await bus.append(topic, 0, messages("a"))
        assert (await whole(bus, topic, 0))[0].timestamp > 1_600_000_000_000

    with_bus(make, use, stamps="append")


def test_topics_are_described_as_they_were_created_and_created_once(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        await bus.append(topic, 0, messages("a"))
        await bus.create([Topic(topic, 7)])
        found = (await bus.describe([topic, "no-such-topic"]))[topic]
        assert (found.partitions, found.retention_ms, found.compacted, found.stamps) == (2, 86_400_000, False, "append")
        assert (await bus.ends([(topic, 0)]))[topic, 0] == 1

    with_bus(make, use, retention_ms=86_400_000, stamps="append")


def test_a_place_that_is_not_there_is_an_error(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        with pytest.raises(BusError):
            await bus.ends([("no-such-topic", 0)])

    with_bus(make, use)


def test_two_users_see_one_bus(make: Make) -> None:
    async def use(bus: Bus, topic: str) -> None:
        other = make()
        await other.open()
        try:
            await other.append(topic, 0, messages("a"))
            assert [one.key for one in await whole(bus, topic, 0)] == [b"a"]
        finally:
            await other.close()

    with_bus(make, use)
