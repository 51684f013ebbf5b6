"""The ticker: writes the clock into the log, for the partitions whose intake this worker owns.

Each owner ticks for its own partitions, rather than one leader for all: a partition whose owner is gone cannot fold ticks anyway, its
successor begins to tick when it takes over, and nobody waits for an election. Two owners that both think so write ticks that are merely
early or late: a tick never moves a watermark back, and the ends in it are true whoever writes it.

Where nobody ticked for an hour or more (no worker ran), the first tick says since when: what was due meanwhile is made once (`gap`).

A tick says: every record stamped before `at` stands below `ends`. So the ends are asked for after `at` has passed, and `at` is a multiple
of the tick, so that all partitions speak of the same times.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping

from detectors.window import HOUR, end_of
from governance.message.reading import read
from governance.message.tick import Tick
from streams import clockwork
from streams.config_event import last_record
from streams.jobs import Jobs
from streams.journal import say
from streams.kernel.pending import TICKS
from streams.transport.bus import AppendError, Bus, BusUnreachableError, Message


class Ticker:
    """Ticks every `tick_ms` until cancelled. `inputs` are the plain names of the intake's topics by their names on the bus.

    One of its partitions is also told how `jobs` went.
    """

    def __init__(self, bus: Bus, inputs: Mapping[str, str], tick_ms: int, partitions: Callable[[], Collection[int]], jobs: Jobs) -> None:
        self._bus, self._tick_ms, self._partitions, self._jobs = bus, tick_ms, partitions, jobs
        self._inputs = {name: plain for name, plain in inputs.items() if plain != TICKS}
        (self._ticks,) = (name for name, plain in inputs.items() if plain == TICKS)
        self._told: dict[int, int] = {}  # the last tick of each partition that is owned since

    async def run(self) -> None:
        """Tick; a bus that does not answer costs ticks, not the worker: the next one covers what the missing ones would have."""
        while True:
            now = time.time() * 1000
            at = end_of(int(now), self._tick_ms)
            await asyncio.sleep((at - now) / 1000)
            try:
                await self.tick(at)
            except (AppendError, BusUnreachableError) as error:
                say("tick_missed", why=str(error))

    async def tick(self, at: int) -> None:
        """Write one tick at `at` (ms) to every partition owned."""
        partitions = sorted(self._partitions())
        if not partitions:
            return
        ends = await self._bus.ends([(name, partition) for name in self._inputs for partition in partitions])
        told = await asyncio.gather(*(self._last(partition) for partition in partitions))
        self._told = dict(zip(partitions, told, strict=True))
        jobs = self._jobs.take()
        first, *others = partitions
        try:
            await asyncio.gather(self._write(first, at, ends, jobs), *(self._write(partition, at, ends, {}) for partition in others))
        except BaseException:
            self._jobs.give_back(jobs)  # told twice rather than never
            raise

    async def _last(self, partition: int) -> int:
        """Return the time of the last tick of a partition, ms, 0 where there is none that can be read; the log is asked once."""
        if self._told.get(partition):
            return self._told[partition]
        record = await last_record(self._bus, self._ticks, partition)
        found = None if record is None else read(TICKS, record.key, record.value or b"")
        return found.at if isinstance(found, Tick) else 0

    async def _write(self, partition: int, at: int, ends: Mapping[tuple[str, int], int], jobs: clockwork.Jobs) -> None:
        own = {plain: ends[name, partition] for name, plain in self._inputs.items()}
        before = self._told[partition]
        missed = before if 0 < before <= at - HOUR else None
        record = clockwork.tick_record(partition, 0, at, own, drain=False, jobs=jobs, missed=missed)
        await self._bus.append(self._ticks, partition, [Message(record.key, record.value, record.timestamp)])
        self._told[partition] = at
