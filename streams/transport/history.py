"""What stands on the bus already, in the order it came: partitions are read side by side and merged by their stamps."""

from collections.abc import AsyncGenerator, Mapping
from heapq import heapify, heappop, heapreplace

from streams.kernel.record import Record
from streams.transport.bus import Bus, Place


async def in_order(bus: Bus, ends: Mapping[Place, int]) -> AsyncGenerator[Record, None]:
    """Yield every record before the ends, by stamp; of equal stamps those of the place named first.

    The order within a partition is kept: a stamp below one before it counts as that one. So a replay of what is yielded reads each record
    where the live worker's clock stood, as far as stamps tell.
    """
    readers = [_one_by_one(bus, *place, end) for place, end in ends.items()]
    first = [(number, await anext(reader, None)) for number, reader in enumerate(readers)]
    heads = [(record.timestamp, number, record) for number, record in first if record is not None]
    heapify(heads)
    while heads:
        stamp, number, record = heads[0]
        yield record
        following = await anext(readers[number], None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (max(stamp, following.timestamp), number, following))


async def _one_by_one(bus: Bus, topic: str, partition: int, end: int) -> AsyncGenerator[Record, None]:
    async for batch in bus.read(topic, partition, 0, end):
        for record in batch:
            yield record
