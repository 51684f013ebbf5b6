"""One stage of one partition, owned by this worker: takes batches in order, folds them with the kernel, commits. Decides nothing.

    batch ─► continues? ─► step ─► commit ─► (what a step left of the batch) ─► step …
                │no                   │lost
                └► seek back, or drop └► load again, seek all inputs to the stamp
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from governance.message.reading import read
from governance.message.tick import Tick
from streams.inputs import Input, Inputs, Verdict
from streams.journal import say
from streams.kernel import intake, monitor
from streams.kernel.bulletin import SIGNALS
from streams.kernel.monitor import ChannelGapError
from streams.kernel.pending import TICKS
from streams.kernel.record import Commit, Record, Shard
from streams.kernel.rows import Rows
from streams.seat import LostSeatError, Seat

MOST_TICKS = 10_000  # that wait for their inputs; more are refused and sought again later
MOST_RELOADS = 5  # without a commit between: then it is no handover but two workers that both think they own the shard


Committed = Callable[[str, int, int, Commit, Rows], None]  # told of a commit: stage, partition, its number, what it is, rows after it


class Feed(Protocol):
    """What a stage asks of whoever brings its batches; topics by their plain names, the partition is the stage's own."""

    async def seek(self, offsets: Mapping[str, int]) -> None:
        """Continue inputs elsewhere."""

    async def is_empty(self, topic: str, end: int) -> bool:
        """Return whether an input was read up to `end` since it was sought last and had no record."""


class Stage(ABC):
    """What both stages do. `take` and `close` may come at any time; one of them works at a time."""

    name: str

    def __init__(
        self,
        shard: Shard,
        seat: Seat,
        topics: Iterable[str],
        reload: Callable[[], Awaitable[Seat]],
        feed: Feed,
        committed: Committed,
    ) -> None:
        self.shard, self.seat = shard, seat
        self.topics = tuple(topics)
        self.inputs = Inputs()
        self.commits = 0
        self.committed_s = time.monotonic()
        self._reload, self._feed, self._committed = reload, feed, committed
        self._lock = asyncio.Lock()
        self._closed = False
        self._reloads = 0
        self._start_over()

    @abstractmethod
    def position(self, topic: str) -> int:
        """Return the next offset the committed rows want of an input."""

    @abstractmethod
    async def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Fold records that continue what was folded before."""

    def admits(self, topic: str) -> bool:
        """Return whether the shard can take records of an input now."""
        return True

    def _start_over(self) -> None:
        now = time.monotonic()
        self.inputs = Inputs({topic: Input(self.position(topic), now) for topic in self.topics})

    def idle_s(self) -> float:
        """Return how long ago the last commit was; a shard commits at every tick, changed or not."""
        return time.monotonic() - self.committed_s

    def positions(self) -> dict[str, int]:
        """Return the next offset wanted of every input."""
        return {topic: one.wanted for topic, one in self.inputs.of.items()}

    async def take(self, topic: str, records: Sequence[Record], current: Callable[[], bool]) -> None:
        """Take a batch; `current` tells, once it is its turn, whether it was fetched after the last seek and the last rebalance."""
        async with self._lock:
            if self._closed:
                return
            now = time.monotonic()
            if not self.admits(topic):
                self.inputs.refuse(topic, now)
                return
            verdict = self.inputs.judge(topic, records[0].offset, records[-1].offset, now, current=current())
            if verdict is Verdict.SEEK_BACK:
                wanted = self.inputs.of[topic].wanted
                say("hole", stage=self.name, partition=self.shard.number, topic=topic, wanted=wanted, found=records[0].offset)
                await self._feed.seek({topic: wanted})
            if verdict is not Verdict.TAKE:
                return
            try:
                await self.fold(topic, records)
            except LostSeatError as error:
                await self._take_again(str(error))

    async def _take_again(self, why: str) -> None:
        """Load the shard anew and go on from its stamp."""
        self._reloads += 1
        if self._reloads > MOST_RELOADS:
            raise LostSeatError(f"lost {self._reloads} times without a commit between, the last time: {why}")
        say("seat_lost", stage=self.name, partition=self.shard.number, why=why)
        self.seat = await self._reload()
        self._start_over()
        await self._feed.seek(self.positions())

    async def commit(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """Let the kernel make one step over records of an input; return those it did not get to."""
        step = intake.step if self.name == "intake" else monitor.step
        commit = step(self.seat.rows, self.shard, records)
        await self.seat.commit(commit)
        self._committed(self.name, self.shard.number, self.seat.place.number - 1, commit, self.seat.rows)
        self.commits += 1
        self._reloads = 0
        self.committed_s = time.monotonic()
        if self._closed:
            return ()
        position = self.position(topic)
        return [record for record in records if record.offset >= position]

    async def close(self, within_s: float) -> None:
        """Finish the commit in flight and take nothing more until `reopen`."""
        self._closed = True
        try:
            async with asyncio.timeout(within_s), self._lock:
                await self.seat.settle()
        except (TimeoutError, LostSeatError):  # the log decides: whoever comes next finds what landed
            say("closed_late", stage=self.name, partition=self.shard.number)

    def reopen(self, seat: Seat) -> None:
        """Own the shard again, from what is committed."""
        self.seat = seat
        self._start_over()
        self._closed = False

    async def nudge(self, ends: Mapping[str, int], coming: Collection[str]) -> None:
        """Seek back every input that ends further on than was read and has been quiet; of those that are `coming` only after long."""
        if self._closed or self._lock.locked():
            return
        now = time.monotonic()
        late = [
            topic
            for topic, end in ends.items()
            if self.admits(topic) and self.inputs.overdue(topic, end, now, on_its_way=topic in coming)
        ]
        for topic in late:
            say("nudge", stage=self.name, partition=self.shard.number, topic=topic, wanted=self.inputs.of[topic].wanted, end=ends[topic])
        if late:
            await self._feed.seek({topic: self.inputs.of[topic].wanted for topic in late})
        for topic, end in ends.items():
            if topic not in late and self.inputs.was_nudged(topic, end) and await self._feed.is_empty(topic, end):
                say("nothing_there", stage=self.name, partition=self.shard.number, topic=topic, end=end)
                await self.skip(topic, end)

    async def skip(self, topic: str, end: int) -> None:
        """Go on behind offsets at which no record stands."""
        self.inputs.of[topic].wanted = end


class IntakeStage(Stage):
    """The intake of one partition. Ticks wait until the inputs they name were read; before the first config only configs are taken."""

    name = "intake"

    def __init__(self, *owned: Any) -> None:
        self._ticks: list[Record] = []
        self._ticks_refused = False
        self._skipped: dict[str, int] = {}
        self.newest: dict[str, int] = {}  # the largest stamp read of each input, ms
        super().__init__(*owned)

    def position(self, topic: str) -> int:
        """Return the next offset the committed rows want of an input."""
        return intake.position(self.seat.rows, topic)

    def _start_over(self) -> None:
        self._ticks = []
        self._skipped = {}
        super()._start_over()

    def admits(self, topic: str) -> bool:
        """Return whether the shard has a config, and room for what must wait."""
        if topic == TICKS and len(self._ticks) >= MOST_TICKS:
            self._ticks_refused = True
            return False
        return topic == "monitor-config" or intake.configured(self.seat.rows)

    async def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Fold records of one input, then the ticks whose turn has come."""
        position = self.position(topic)
        fresh: Sequence[Record] = [record for record in records if record.offset >= position]
        if topic == TICKS:
            self._ticks += fresh
            await self._fold_ticks()
            return
        if fresh:
            self.newest[topic] = max(self.newest.get(topic, 0), fresh[-1].timestamp)
        configured = intake.configured(self.seat.rows)
        while fresh:
            fresh = await self.commit(topic, fresh)
        if not configured and intake.configured(self.seat.rows):
            await self._feed.seek(self.positions())  # what was refused until now
        await self._fold_ticks()

    async def skip(self, topic: str, end: int) -> None:
        """Go on behind offsets at which no record stands; ticks that wait for them wait no longer."""
        async with self._lock:
            await super().skip(topic, end)
            self._skipped[topic] = end
            try:
                await self._fold_ticks()
            except LostSeatError as error:
                await self._take_again(str(error))

    def _readable(self, tick: Record) -> Record:
        """Return a tick that does not wait for offsets at which no record stands."""
        if not self._skipped or not isinstance(read(TICKS, tick.key, tick.value or b""), Tick):
            return tick
        body = orjson.loads(tick.value or b"")
        body["ends"] = {
            topic: min(end, self.position(topic)) if end <= self._skipped.get(topic, 0) else end for topic, end in body["ends"].items()
        }
        return tick._replace(value=orjson.dumps(body))

    async def _fold_ticks(self) -> None:
        number = 0
        while number < len(self._ticks) and intake.ready(self.seat.rows, self._readable(self._ticks[number])):
            number += 1
        due: Sequence[Record] = self._ticks[:number]
        while due:
            due = await self.commit(TICKS, due)
        self._ticks = self._ticks[number:]
        if self._ticks_refused and len(self._ticks) < MOST_TICKS // 2:
            self._ticks_refused = False
            await self._feed.seek({TICKS: self.inputs.of[TICKS].wanted})


class MonitorStage(Stage):
    """The monitor of one partition."""

    name = "monitor"

    def __init__(self, *owned: Any) -> None:
        self._gap: int | None = None
        super().__init__(*owned)

    def position(self, topic: str) -> int:
        """Return the next offset the committed rows want of the signals."""
        return monitor.position(self.seat.rows)

    async def fold(self, topic: str, records: Sequence[Record]) -> None:
        """Close what is due and read on; raises ChannelGapError where a number is missing in the log itself."""
        position = self.position(topic)
        fresh: Sequence[Record] = [record for record in records if record.offset >= position]
        while fresh or monitor.pending(self.seat.rows, self.shard):
            if self._closed:
                return
            try:
                fresh = await self.commit(topic, fresh)
            except ChannelGapError:
                wanted = self.position(topic)
                if self._gap == wanted:
                    raise
                self._gap = wanted
                say("channel_gap", partition=self.shard.number, wanted=wanted)
                self.inputs.of[topic] = Input(wanted, time.monotonic())
                await self._feed.seek({topic: wanted})
                return

    async def finish(self) -> None:
        """Do what the owner before left undone."""
        async with self._lock:
            try:
                await self.fold(SIGNALS, ())
            except LostSeatError as error:
                await self._take_again(str(error))
