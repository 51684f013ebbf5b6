"""Event files onto the bus. With the log's clock also the ticks a replay of the same files would make, so that history runs live.

    records ─► batches by partition ─► where a tick is due: everything sent and acknowledged, then the ends, then the tick

A tick names the ends of its partition's inputs as the bus has them, whatever stood there before.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from governance.config import Config
from governance.message.reading import read
from governance.message.tick import Tick
from streams import clockwork
from streams.event_file import BrokenLine
from streams.kernel.pending import TICKS
from streams.kernel.record import Record
from streams.replay import COMMANDS, STRETCH_RECORDS, STRETCH_TICKS
from streams.settings import Settings
from streams.topics import inputs
from streams.transport.bus import Bus, Message, Place, TooLargeError

BATCH_BYTES = 256 << 10
BATCH_RECORDS = 1_000
FLUSH_RECORDS = 20_000  # held at most, over all partitions
OVERHEAD = 60


class TooOldError(Exception):
    """The file lies further back than a monitor on the wall clock takes."""


@dataclass(slots=True)
class Sent:
    """What was sent: records by topic, ticks, and what was not: broken lines, records larger than a message may be, topics not ours."""

    records: Counter[str] = field(default_factory=Counter)
    ticks: int = 0
    broken: int = 0
    too_large: int = 0
    ignored: Counter[str] = field(default_factory=Counter)


class Producing:
    """One run of files onto the bus; `speed` is event time over wall time, None as fast as it goes."""

    def __init__(self, bus: Bus, settings: Settings, config: Config, *, speed: float | None = None, own_ticks: bool = False) -> None:
        self.sent = Sent()
        self._bus, self._config, self._speed = bus, config, speed
        self._partitions = settings.partitions
        self._by_log = settings.clock == "log"
        self._names = {plain: name for name, plain in inputs(settings, config).items()}
        self._own_ticks = own_ticks
        self._tick_ms = config.timing.tick
        self._stretch = STRETCH_TICKS if speed is None else 1
        self._waiting: dict[Place, list[Message]] = defaultdict(list)
        self._held = 0
        self._since_tick = 0
        self._tick = 0
        self._last = 0
        self._asked: int | None = None
        self._start: tuple[int, float] | None = None  # event time and wall time of the first record

    async def run(self, records: Iterable[Record | BrokenLine], *, drain: bool) -> Sent:
        """Send everything; raises TooOldError before anything is sent, and what the bus raises."""
        for record in records:
            if isinstance(record, BrokenLine):
                self.sent.broken += 1
            elif record.topic == TICKS:
                if self._by_log:  # on the wall clock there is a ticker
                    await self._forward_tick(record)
            elif record.topic in self._names:
                await self._take(record)
            else:
                self.sent.ignored[record.topic] += 1
        await self.flush()
        if self._by_log and not self._own_ticks and self._last:
            await self._run_to(clockwork.after(self._last, self._tick_ms))
            ticks = list(clockwork.drain(self._last, self._config)) if drain else []
            if ticks:
                await self._write_ticks(ticks[-1], drain=True)
        return self.sent

    async def _take(self, record: Record) -> None:
        if self._start is None:
            self._begin(record.timestamp)
        if self._by_log and not self._own_ticks:
            await self._advance(record)
        if self._speed is not None:
            await self._wait_for(record.timestamp)
        self._last = max(self._last, record.timestamp)
        place = (self._names[record.topic], record.partition)
        self._waiting[place].append(Message(record.key, record.value, record.timestamp))
        self.sent.records[record.topic] += 1
        self._held += 1
        self._since_tick += 1
        if self._held >= FLUSH_RECORDS:
            await self.flush()

    def _begin(self, timestamp: int) -> None:
        now = time.time()
        horizon = self._config.timing.dedup_horizon
        if not self._by_log and timestamp < now * 1000 - horizon:
            raise TooOldError(
                f"the file begins more than dedup_horizon ({horizon // 1000} s) ago and would be refused as too old; "
                "a worker and a producer with PMON_CLOCK=log take history"
            )
        self._start = (timestamp, now)

    async def _wait_for(self, timestamp: int) -> None:
        assert self._start is not None
        assert self._speed is not None
        first, began = self._start
        ahead = began + (timestamp - first) / 1000 / self._speed - time.time()
        if ahead > 0.02:
            await self.flush()
            await asyncio.sleep(ahead)

    async def _advance(self, record: Record) -> None:
        """Write a tick where the stretch is full or a command wants to be answered: the rule of a replay of the same records."""
        covered = record.timestamp // self._tick_ms * self._tick_ms
        if not self._tick:
            self._tick = covered
        if self._asked is not None and covered >= self._asked:
            await self._run_to(self._asked)
            self._asked = None
        long = covered - self._tick >= self._stretch * self._tick_ms or self._since_tick >= STRETCH_RECORDS
        if covered > self._tick and long:
            await self._run_to(covered)
        if record.topic == COMMANDS:
            self._asked = clockwork.after(record.timestamp, self._tick_ms)

    async def _run_to(self, at: int) -> None:
        if at > self._tick:
            self._tick = at
            await self._write_ticks(at, drain=False)

    async def _write_ticks(self, at: int, *, drain: bool) -> None:
        await self.flush()
        self._since_tick = 0
        found = await self._ends(range(self._partitions))
        await asyncio.gather(*(self._write_tick(number, at, found[number], drain=drain) for number in range(self._partitions)))

    async def _forward_tick(self, record: Record) -> None:
        """Send a tick of the file, its ends as they are on this bus."""
        await self.flush()
        tick = read(TICKS, record.key, record.value or b"")
        if not isinstance(tick, Tick):
            self.sent.broken += 1
            return
        found = await self._ends([record.partition])
        await self._write_tick(record.partition, tick.at, found[record.partition], drain=tick.drain)

    async def _ends(self, partitions: Iterable[int]) -> dict[int, dict[str, int]]:
        numbers = list(partitions)
        names = {plain: name for plain, name in self._names.items() if plain != TICKS}
        ends = await self._bus.ends([(name, number) for name in names.values() for number in numbers])
        return {number: {plain: ends[name, number] for plain, name in names.items()} for number in numbers}

    async def _write_tick(self, partition: int, at: int, ends: dict[str, int], *, drain: bool) -> None:
        record = clockwork.tick_record(partition, 0, at, ends, drain=drain)
        await self._bus.append(self._names[TICKS], partition, [Message(record.key, record.value, record.timestamp)])
        self.sent.ticks += 1

    async def flush(self) -> None:
        """Send what waits and wait until it has arrived."""
        waiting, self._waiting, self._held = self._waiting, defaultdict(list), 0
        await asyncio.gather(*(self._send(place, messages) for place, messages in waiting.items()))

    async def _send(self, place: Place, messages: list[Message]) -> None:
        batch: list[Message] = []
        size = 0
        for one in messages:
            more = len(one.key or b"") + len(one.value or b"") + OVERHEAD
            if batch and (size + more > BATCH_BYTES or len(batch) >= BATCH_RECORDS):
                await self._append(place, batch)
                batch, size = [], 0
            batch.append(one)
            size += more
        await self._append(place, batch)

    async def _append(self, place: Place, batch: list[Message]) -> None:
        try:
            await self._bus.append(*place, batch)
        except TooLargeError:
            if len(batch) > 1:
                raise
            self.sent.too_large += 1
