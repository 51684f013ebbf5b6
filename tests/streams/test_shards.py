"""What a worker tells its bus of what its shards have read."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from faust.types import TP

from governance.config import Config
from streams.kernel.pending import TICKS
from streams.kernel.record import Record
from streams.pulse import Pulse
from streams.settings import read_settings
from streams.shards import Consumer, Ground, Shards
from streams.stage import Stage
from streams.topics import INTAKE, prepare
from streams.transport.bus import Message
from streams.transport.coalescing import RecordBatch
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url

EVENTS = "engagement-events"


class Waiting:
    """A stage whose ticks wait for the events: both are read once it has taken an event."""

    topics = (EVENTS, TICKS)

    def __init__(self) -> None:
        self.read = {EVENTS: 0, TICKS: 0}

    async def take(self, topic: str, records: Sequence[Record], current: Callable[[], bool]) -> None:
        if topic == EVENTS:
            self.read = {EVENTS: 1, TICKS: 1}

    def position(self, topic: str) -> int:
        return self.read[topic]


def test_a_tick_that_waited_may_be_forgotten_with_the_batch_it_waited_for() -> None:
    """What a bus in memory keeps is bounded by what is unread."""
    own = read_settings(partitions=1, group="shards")

    async def go() -> list[dict[str, int]]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        await prepare(bus, own, Config(version=1))
        shards = Shards(Ground(own, Config(version=1), bus, b"key", Pulse(None)), lambda: cast(Consumer, Consumed()))
        shards.stages[INTAKE, 0] = cast(Stage, Waiting())
        found = []
        for topic in (TICKS, EVENTS):
            await bus.append(topic, 0, [Message(b"", b"{}")])
        for topic in (TICKS, EVENTS):
            await shards.take(RecordBatch(TP(topic, 0), [Record(topic, 0, 0, 0, b"", b"{}")], 0, 0))
            found.append({name: bus.broker.log((name, 0)).released for name in (EVENTS, TICKS)})
        await bus.close()
        return found

    assert asyncio.run(go()) == [{EVENTS: 0, TICKS: 0}, {EVENTS: 1, TICKS: 1}]


class Consumed:
    """A consumer of which only this is asked."""

    def is_current(self, batch: Any) -> bool:
        return True
