"""The courier of one sink: reads the outputs of the partitions this worker owns, tells what is new, notes how far it is."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256

import orjson
from aiokafka.errors import KafkaError

from governance.config import Config
from governance.identity import event_id
from streams.config_event import now_ms
from streams.jobs import Jobs
from streams.journal import say
from streams.kernel.publishing import publish
from streams.kernel.record import Record
from streams.settings import Settings
from streams.sinks.bookmark import Bookmark, read_bookmark
from streams.sinks.channel import Channel, UndeliveredError
from streams.sinks.notice import JOB, OVER, TOPICS, Notice, Reader, SinkReader
from streams.topics import on_bus, sink_log
from streams.transport.bus import Bus, BusError, Message

WAIT_S = 1.0
PAUSE_S = 5.0  # after a bus that does not answer
BACKOFF_S = 2.0  # before the first retry; four times as long before each further one


@dataclass(frozen=True, slots=True)
class Errand:
    """What a courier is sent out with; `partitions` are those the worker owns now, `now` the wall clock in ms."""

    bus: Bus
    settings: Settings
    config: Config
    jobs: Jobs
    partitions: Callable[[], Collection[int]]
    now: Callable[[], int] = now_ms
    backoff_s: float = BACKOFF_S


class Courier:
    """Tells one sink, for ever. Of what it cannot deliver the fold never hears but through `jobs`, under the name of its job."""

    def __init__(self, name: str, channel: Channel, errand: Errand, reader: Reader, max_age: int) -> None:
        self.name = name
        self._channel, self._errand, self._reader, self._max_age = channel, errand, reader, max_age
        self._retries = errand.config.incidents.retry_limit
        self._plain = {on_bus(errand.settings, topic): topic for topic in TOPICS}
        self._log = sink_log(errand.settings)
        self._marks: dict[int, Bookmark] = {}
        self._skipped = 0

    async def run(self) -> None:
        """Follow the outputs; what partitions are owned may change at any time, and the bus may be away."""
        while True:
            owned = frozenset(self._errand.partitions())
            try:
                await (self._follow(owned) if owned else asyncio.sleep(WAIT_S))
            except (BusError, KafkaError) as error:
                say("sink_waits", sink=self.name, why=type(error).__name__)
                await asyncio.sleep(PAUSE_S)

    async def _follow(self, owned: frozenset[int]) -> None:
        bus = self._errand.bus
        self._marks = {number: await read_bookmark(bus, self._log, number, self.name) for number in owned}
        starts = {(name, number): mark.offsets.get(plain, 0) for number, mark in self._marks.items() for name, plain in self._plain.items()}
        say("sink_follows", sink=self.name, partitions=",".join(map(str, sorted(owned))))
        async with aclosing(bus.follow(starts, WAIT_S)) as batches:
            async for batch in batches:
                if frozenset(self._errand.partitions()) != owned:
                    return
                await self._take(batch, owned)

    async def _take(self, batch: Sequence[Record], owned: frozenset[int]) -> None:
        """Tell what a batch of one log has to tell, in its order; then note its end."""
        for record in batch:
            if frozenset(self._errand.partitions()) != owned:
                return
            await self._one(self._plain[record.topic], record)
        if batch:
            topic, mark = self._plain[batch[-1].topic], self._marks[batch[-1].partition]
            await self._note(batch[-1].partition, [mark.move(topic, batch[-1].offset + 1)])
        if self._skipped:
            say("sink_skipped", sink=self.name, older_than_s=self._max_age // 1000, records=self._skipped)
            self._skipped = 0

    async def _one(self, topic: str, record: Record) -> None:
        mark = self._marks[record.partition]
        old = self._is_old(record.timestamp)
        notice = None if old else self._reader.notice(topic, record, mark.told)
        self._skipped += old and topic == "escalations"
        if notice is not None and not self._is_old(notice.at) and mark.is_new(topic, notice):
            delivered = await self._deliver(notice)
            self._errand.jobs.ended(JOB + self.name, ok=delivered)
            if not delivered:
                await self._bury(record)
            await self._note(record.partition, [mark.tell(topic, notice), mark.move(topic, record.offset + 1)])
        if topic == "incidents" and mark.told:
            await self._note(record.partition, mark.forget(ended(record)))

    def _is_old(self, at: int) -> bool:
        return at < self._errand.now() - self._max_age

    async def _deliver(self, notice: Notice) -> bool:
        """Try, and try again after a while, as often as the config allows; return whether it arrived."""
        for number in range(self._retries + 1):
            began = time.monotonic()
            try:
                await self._channel.send(notice)
            except UndeliveredError as error:
                say("sink_failed", sink=self.name, tried=number + 1, why=str(error), after_s=round(time.monotonic() - began, 1))
                if number < self._retries:
                    await asyncio.sleep(self._errand.backoff_s * 4**number)
            else:
                say("sink_told", sink=self.name, event_id=notice.id)
                return True
        return False

    async def _bury(self, record: Record) -> None:
        """Leave a dead letter of what could not be delivered: where the event stands, not what it says."""
        value, topic = record.value or b"", self._plain[record.topic]
        data = {
            "reason_code": "undelivered",
            "topic": topic,
            "partition": record.partition,
            "offset": record.offset,
            "length": len(value),
            "sha256": sha256(value).hexdigest(),
            "error_path": f"sinks.{self.name}",
        }
        identity = event_id("dead-letter", topic, record.partition, record.offset, self.name)
        letter = publish("dead-letters", "dead-letter", None, identity, topic, record.timestamp, data)
        place = on_bus(self._errand.settings, "dead-letters"), record.partition
        await self._errand.bus.append(*place, [Message(None, letter.value, letter.timestamp)])

    async def _note(self, partition: int, messages: list[Message]) -> None:
        if messages:
            await self._errand.bus.append(self._log, partition, messages)


def sink_courier(name: str, channel: Channel, errand: Errand) -> Courier:
    """Return the courier of a sink of the config."""
    return Courier(name, channel, errand, SinkReader(name, errand.config), errand.config.sinks[name].max_age)


def ended(record: Record) -> str:
    """Return the incident that a record of `incidents` says is over, nothing otherwise."""
    data = orjson.loads(record.value or b"null")["data"]
    return str(data["incident_id"]) if data["state"] in OVER else ""
