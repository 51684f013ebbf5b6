"""The shards this worker owns: which they are, what they want next, and that they let go in time."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from faust.types import TP

from governance.config import Config
from governance.policy import Policy
from streams.config_event import config_message, now_ms, publish_config
from streams.jobs import Jobs
from streams.journal import say
from streams.kernel.bulletin import SIGNALS
from streams.kernel.pending import TICKS
from streams.kernel.record import Shard
from streams.outlet import Outlet
from streams.pulse import Pulse
from streams.read_model.feeder import Feeder
from streams.read_model.memory import MemoryModel
from streams.read_model.model import ReadModel
from streams.seat import Seat, read_changelog
from streams.settings import Settings
from streams.stage import IntakeStage, MonitorStage, Stage
from streams.topics import INTAKE, KEPT_DAYS, MONITOR, changelog, inputs, on_bus
from streams.transport.bus import Bus
from streams.transport.coalescing import RecordBatch

CLOSE_S = 5.0  # that a rebalance waits for a commit in flight; what lands later is judged by the log


class Consumer(Protocol):
    """What the shards ask of the consumer."""

    def is_current(self, batch: RecordBatch) -> bool:
        """Return whether a batch was fetched after the last seek and rebalance."""

    async def seek_back(self, offsets: Mapping[TP, int]) -> None:
        """Continue partitions elsewhere."""

    async def is_empty(self, tp: TP, end: int) -> bool:
        """Return whether a partition was read up to `end` since it was sought last and had no record."""

    async def is_coming(self, tp: TP, wanted: int) -> bool:
        """Return whether the record at `wanted` is given to an agent already, or still to be fetched."""

    def known_end(self, tp: TP) -> int | None:
        """Return where a partition ended at its last fetch, None where nothing is known of it or it is not held."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every shard of a worker stands on; `policies` come with the config."""

    settings: Settings
    config: Config
    bus: Bus
    subject_key: bytes
    pulse: Pulse
    policies: Sequence[Policy] = ()
    model: ReadModel = field(default_factory=MemoryModel)
    jobs: Jobs = field(default_factory=Jobs)


@dataclass(frozen=True, slots=True)
class PartitionFeed:
    """The inputs of one partition as its stages name them."""

    consumer: Callable[[], Consumer]
    bus_names: Mapping[str, str]
    partition: int

    async def seek(self, offsets: Mapping[str, int]) -> None:
        """Continue inputs elsewhere."""
        await self.consumer().seek_back({TP(self.bus_names[topic], self.partition): offset for topic, offset in offsets.items()})

    async def is_empty(self, topic: str, end: int) -> bool:
        """Return whether an input was read up to `end` since it was sought last and had no record."""
        return await self.consumer().is_empty(TP(self.bus_names[topic], self.partition), end)


class Shards:
    """All stages of all partitions owned, by (stage, partition)."""

    def __init__(self, ground: Ground, consumer: Callable[[], Consumer]) -> None:
        self._ground, self._consumer = ground, consumer
        settings = ground.settings
        self.inputs = inputs(settings, ground.config)
        self.signals = on_bus(settings, SIGNALS)
        self.plain_names: Mapping[str, str] = {**self.inputs, self.signals: SIGNALS}
        self.stages: dict[tuple[str, int], Stage] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bus_names = {plain: name for name, plain in self.plain_names.items()}
        self._outlet = Outlet(ground.bus, KEPT_DAYS, settings.topic_prefix, settings.partitions)
        self._feeder = Feeder(ground.model)
        self._config = config_message(ground.config, ground.policies)
        self._started_ms = now_ms()
        self._tasks: set[asyncio.Task[None]] = set()

    def _tps(self, stage: Stage, offsets: Mapping[str, int]) -> dict[TP, int]:
        return {TP(self._bus_names[topic], stage.shard.number): offset for topic, offset in offsets.items()}

    def positions(self) -> dict[TP, int]:
        """Return the next offset wanted of every input of every shard."""
        return {tp: offset for stage in self.stages.values() for tp, offset in self._tps(stage, stage.positions()).items()}

    def changelog_ends(self) -> dict[TP, int]:
        """Return where the changelog of every shard ends for its owner."""
        return {TP(stage.seat.topic, number): stage.seat.place.base for (_, number), stage in self.stages.items()}

    def partitions(self) -> list[int]:
        """Return the partitions whose intake is owned."""
        return [number for name, number in self.stages if name == INTAKE]

    def lag(self) -> dict[str, int]:
        """Return how many offsets behind the known ends the shards are, by plain topic."""
        found = Counter[str]()
        for stage in self.stages.values():
            for topic, wanted in stage.positions().items():
                end = self._consumer().known_end(TP(self._bus_names[topic], stage.shard.number))
                found[topic] += 0 if end is None else max(0, end - wanted)
        return dict(found)

    def monitored(self) -> list[int]:
        """Return the partitions whose monitor is owned."""
        return [number for name, number in self.stages if name == MONITOR]

    async def take(self, batch: RecordBatch) -> None:
        """Give a batch to its stage; one for a shard that is not ours is dropped, whoever owns it reads it."""
        plain = self.plain_names[batch.tp.topic]
        stage = self.stages.get((MONITOR if plain == SIGNALS else INTAKE, batch.tp.partition))
        if stage is None or self.failure.done():
            return
        await stage.take(plain, batch.records, partial(self._consumer().is_current, batch))
        for topic in {plain, TICKS} & set(stage.topics):  # ticks that waited for this batch were folded with it
            self._ground.bus.release(self._bus_names[topic], batch.tp.partition, stage.position(topic))

    def fail(self, error: BaseException) -> None:
        """End the worker: nothing more may be folded."""
        if not self.failure.done():
            self.failure.set_exception(error)

    async def own(self, name: str, partitions: Collection[int]) -> None:
        """Own exactly these partitions of a stage: drop what went, keep what is still true, load what is new or has gone on without us."""
        for place in [place for place in self.stages if place[0] == name and place[1] not in partitions]:
            del self.stages[place]
            self._feeder.gone(*place)
        say("shards_owned", stage=name, partitions=",".join(map(str, sorted(partitions))))
        log = changelog(self._ground.settings, name)
        ends = await self._ground.bus.ends([(log, number) for number in partitions])
        await asyncio.gather(*(self._own_one(name, number, ends[log, number]) for number in partitions))

    async def _own_one(self, name: str, number: int, end: int) -> None:
        old = self.stages.get((name, number))
        if old is not None and old.seat.place.base == end:
            old.reopen(old.seat)
            return
        seat = await self._load(name, number)
        if name == INTAKE:
            await self._publish_config(number)
        if old is not None:
            old.reopen(seat)
            return
        shard = Shard(number, self._ground.settings.partitions, self._ground.subject_key)
        reload, feed = partial(self._load, name, number), PartitionFeed(self._consumer, self._bus_names, number)
        if name == INTAKE:
            self.stages[name, number] = IntakeStage(shard, seat, self.inputs.values(), reload, feed, self._feeder.committed)
        else:
            self.stages[name, number] = MonitorStage(shard, seat, [SIGNALS], reload, feed, self._feeder.committed)

    async def _load(self, name: str, number: int) -> Seat:
        log = changelog(self._ground.settings, name)
        loaded = await read_changelog(self._ground.bus, log, number)
        self._ground.pulse.touch()  # a large shard holds up the loop while it is taken in
        place = loaded.place
        say("shard_opened", stage=name, partition=number, commit=place.number - 1, rows=place.held, foreign=len(place.foreign))
        seat = Seat(self._ground.bus, self._outlet, log, number, loaded, self._ground.pulse.check)
        if name == MONITOR:
            await self._feeder.opened(number, place.number - 1, loaded.rows)
        return seat

    async def _publish_config(self, number: int) -> None:
        settings = self._ground.settings
        topic, by_log = on_bus(settings, "monitor-config"), settings.clock == "log"
        await publish_config(self._ground.bus, topic, number, self._config, started_ms=self._started_ms, by_log=by_log)

    def finish(self) -> None:
        """Let the monitors do what their owners before left undone; once the group is settled."""
        for stage in self.stages.values():
            stage.committed_s = time.monotonic()  # what it could not do while others were loaded is no standstill
            if isinstance(stage, MonitorStage):
                self._start(stage.finish())

    def _start(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # of any kind: it ends the worker, with its own exit code
                self.fail(error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def nudge(self) -> None:
        """Seek back what is behind and has been quiet."""
        consumer = self._consumer()
        for stage in list(self.stages.values()):
            wanted = {self.plain_names[tp.topic]: (tp, offset) for tp, offset in self._tps(stage, stage.positions()).items()}
            ends = {topic: end for topic, (tp, _) in wanted.items() if (end := consumer.known_end(tp)) is not None}
            behind = [topic for topic, end in ends.items() if wanted[topic][1] < end]
            await stage.nudge(ends, {topic for topic in behind if await consumer.is_coming(*wanted[topic])})

    async def close(self) -> None:
        """Finish the commits in flight and take nothing more until the shards are owned again."""
        await asyncio.gather(*(stage.close(CLOSE_S) for stage in self.stages.values()))
