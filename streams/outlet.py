"""Where an outbox goes: messages to their partitions, in their order, as few batches as fit."""

import asyncio
from collections.abc import Collection, Sequence

from streams.event_file import partition_of
from streams.journal import say
from streams.kernel.record import Outgoing
from streams.transport.bus import Bus, Message, Place

OUTBOX_BYTES = 1 << 20  # of one batch of an outbox: 8 MiB at once would hold up what comes after it


class Outlet:
    """Sends outboxes. Topics of `own` get the prefix and have our number of partitions; others (a `reply_to`) stand as they are named."""

    def __init__(self, bus: Bus, own: Collection[str], prefix: str, partitions: int) -> None:
        self._bus, self._own, self._prefix, self._partitions = bus, frozenset(own), prefix, partitions

    async def send(self, outbox: Sequence[Outgoing]) -> None:
        """Send everything and wait until it has arrived; raises what `Bus.append` raises."""
        by_place: dict[Place, list[Message]] = {}
        foreign: dict[str, int | None] = {}
        for one in outbox:
            own = one.topic in self._own
            if not own and one.topic not in foreign:
                there = (await self._bus.describe([one.topic])).get(one.topic)
                foreign[one.topic] = None if there is None else there.partitions
            count = self._partitions if own else foreign[one.topic]
            if count is None:  # nobody made it: the answer stands in `reports` all the same
                say("no_such_topic", named_by="reply_to")
                continue
            partition = partition_of(one.key, count) if one.partition is None else one.partition
            place = (self._prefix + one.topic if own else one.topic, partition)
            by_place.setdefault(place, []).append(Message(one.key, one.value, one.timestamp))
        await asyncio.gather(*(self._send_to(place, messages) for place, messages in by_place.items()))

    async def _send_to(self, place: Place, messages: Sequence[Message]) -> None:
        batch: list[Message] = []
        size = 0
        for one in messages:
            more = len(one.key or b"") + len(one.value or b"") + 40
            if batch and size + more > OUTBOX_BYTES:
                await self._bus.append(*place, batch)
                batch, size = [], 0
            batch.append(one)
            size += more
        await self._bus.append(*place, batch)
