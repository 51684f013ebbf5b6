"""What stands on the bus, dumped: in the order of its stamps, so that a replay of the dump is the run."""

import asyncio

from streams.transport.bus import Message, Topic
from streams.transport.history import in_order
from streams.transport.memory_bus import MemoryBus

PLACES = [("clicks", 0), ("clicks", 1), ("consent", 0), ("consent", 1)]
STAMPS = {("clicks", 0): [3, 9, 4, 12], ("clicks", 1): [1, 1, 7], ("consent", 0): [7, 8, 20], ("consent", 1): []}


def test_partitions_are_merged_by_stamp_and_each_keeps_its_order() -> None:
    """At equal stamps the one named first; a stamp that falls counts as the one before it; what came after the ends is not read."""

    async def dumped() -> list[tuple[str, int, int, int]]:
        bus = MemoryBus("mem://history")
        await bus.open()
        await bus.create([Topic(name, 2, stamps="create") for name in ("clicks", "consent")])
        for (topic, partition), stamps in STAMPS.items():
            for stamp in stamps:
                await bus.append(topic, partition, [Message(b"k", b"v", stamp)])
        ends = await bus.ends(PLACES)
        await bus.append("clicks", 0, [Message(b"k", b"later", 2)])
        found = [(one.topic, one.partition, one.offset, one.timestamp) async for one in in_order(bus, ends)]
        await bus.close()
        return found

    assert asyncio.run(dumped()) == [
        ("clicks", 1, 0, 1),
        ("clicks", 1, 1, 1),
        ("clicks", 0, 0, 3),
        ("clicks", 1, 2, 7),
        ("consent", 0, 0, 7),
        ("consent", 0, 1, 8),
        ("clicks", 0, 1, 9),
        ("clicks", 0, 2, 4),
        ("clicks", 0, 3, 12),
        ("consent", 0, 2, 20),
    ]
