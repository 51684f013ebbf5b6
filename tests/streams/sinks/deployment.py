"""A deployment's outputs on a bus in memory, kept in a folder, and couriers that read them; `python -m` runs one courier until killed."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from governance.config import Config, load_config
from streams.event_file import read_events
from streams.jobs import Jobs
from streams.kernel.record import Record
from streams.settings import Settings, read_settings
from streams.sinks import Channel, Errand, channels
from streams.sinks.courier import Courier, sink_courier
from streams.topics import sink_log, wanted
from streams.transport.bus import Bus, Message
from streams.transport.memory_bus import MemoryBus

PARTITIONS = 2
TOLD = ("escalations", "incidents", "reports")


def settings() -> Settings:
    """Return the settings of the deployment."""
    return read_settings(partitions=PARTITIONS)


def outputs(folder: Path) -> list[Record]:
    """Return what a replay wrote to the topics that sinks read, in the order of time."""
    found = read_events([folder / f"{topic}.jsonl" for topic in TOLD], PARTITIONS)
    return [record for record in found if isinstance(record, Record)]


async def publish(bus: Bus, records: Sequence[Record]) -> None:
    """Put outputs on the bus, which gets its topics."""
    await bus.create(wanted(settings()))
    for record in records:
        await bus.append(record.topic, record.partition, [Message(record.key, record.value, record.timestamp)])


@dataclass
class Sent:
    """What a courier was sent out with, and how its jobs went."""

    config: Config
    now: int
    jobs: Jobs
    backoff_s: float = 0.0
    owned: Sequence[int] = tuple(range(PARTITIONS))

    def errand(self, bus: Bus) -> Errand:
        """Return it as the courier takes it."""
        return Errand(bus, settings(), self.config, self.jobs, lambda: self.owned, lambda: self.now, self.backoff_s)


async def tell(bus: Bus, name: str, channel: Channel, sent: Sent) -> None:
    """Run one courier until everything that stands on the bus is behind it; raises what ended it before."""
    await follow(bus, sink_courier(name, channel, sent.errand(bus)), sent)


async def follow(bus: Bus, one: Courier, sent: Sent) -> None:
    """Run one courier until everything that stands on the bus is behind it; raises what ended it before."""
    courier = asyncio.create_task(one.run())
    try:
        while not courier.done() and not await is_done(bus, one.name, sent):
            await asyncio.sleep(0.01)
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)
    if not courier.cancelled():
        courier.result()


async def is_done(bus: Bus, name: str, sent: Sent) -> bool:
    """Return whether a sink has noted the end of every log it reads."""
    from streams.sinks.bookmark import read_bookmark

    ends = await bus.ends([(topic, number) for topic in TOLD for number in sent.owned])
    marks = {number: await read_bookmark(bus, sink_log(settings()), number, name) for number in sent.owned}
    return all(marks[number].offsets.get(topic, 0) == end for (topic, number), end in ends.items())


async def forever(folder: str, config: str, now: int) -> None:
    """Run every courier of a config on the bus of a folder."""
    bus = MemoryBus(f"mem://sinks?dir={folder}")
    await bus.open()
    sent = Sent(load_config(Path(config).read_text(), config), now, Jobs())
    await asyncio.gather(*(sink_courier(name, channel, sent.errand(bus)).run() for name, channel in channels(sent.config).items()))


if __name__ == "__main__":
    asyncio.run(forever(sys.argv[1], sys.argv[2], int(sys.argv[3])))
