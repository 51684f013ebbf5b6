"""The broker of `mem://`: all logs of one name in this process, kept in a folder where one is given. Lives while somebody has it open.

    append ─► (file: queued, written by one thread, several batches a transaction) ─► visible to readers ─► retention, compaction

A record is visible only once it is kept, so nobody acts on what a crash could take back.
"""

import asyncio
import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from streams.kernel.buffer import trimmed
from streams.kernel.record import Record
from streams.transport.bus import AppendError, BusError, Message, Place, TooLargeError, Topic
from streams.transport.memory_file import LogFile
from streams.transport.memory_log import PartitionLog

KEPT_BYTES = 16 << 20  # of a topic whose retention is finite, beyond what is still unread
UNREAD_BYTES = 32 << 20  # of one partition that a worker reads: the next append waits, memory stays bounded
_BROKERS: dict[str, "MemoryBroker"] = {}


def attach(url: str) -> "MemoryBroker":
    """Return the broker of a mem:// address, the same one for everybody in this process who names it; `detach` it later."""
    parts = urlsplit(url)
    if parts.scheme != "mem" or set(parse_qs(parts.query)) - {"dir"}:
        raise BusError("must be mem://NAME or mem://NAME?dir=PATH")
    folder = parse_qs(parts.query).get("dir", [None])[0]
    broker = _BROKERS.get(url)
    if broker is None:
        broker = _BROKERS[url] = MemoryBroker(None if folder is None else LogFile(Path(folder)))
    broker.users += 1
    return broker


async def detach(url: str) -> None:
    """Give a broker back; the last one to do so ends it."""
    broker = _BROKERS[url]
    broker.users -= 1
    if broker.users == 0:
        del _BROKERS[url]
        await broker.close()


def copied(value: bytes | None) -> bytes | None:
    """Return a value without the buffer it was written in."""
    return None if value is None else trimmed(value)


def same(value: bytes | None) -> bytes | None:
    """Return the value itself."""
    return value


class MemoryBroker:
    """Partitioned logs in memory."""

    def __init__(self, file: LogFile | None) -> None:
        self.users = 0
        self.topics: dict[str, Topic] = {}
        self._logs: dict[Place, PartitionLog] = {}
        self._next: dict[Place, int] = {}
        self._file = file
        self._waiting: list[tuple[list[Record], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._broken: str | None = None
        if file is not None:
            self._load(file)

    def _load(self, file: LogFile) -> None:
        self._add(file.topics())
        for place, end in file.ends().items():
            self._logs[place] = PartitionLog(list(file.records(place)), end)
            self._next[place] = end

    def create(self, topics: Sequence[Topic]) -> None:
        """Add topics that are not there yet."""
        new = [topic for topic in topics if topic.name not in self.topics]
        if self._file is not None:
            self._file.add_topics(new)
        self._add(new)

    def _add(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            self.topics[topic.name] = topic
            for partition in range(topic.partitions):
                self._logs[topic.name, partition] = PartitionLog()
                self._next[topic.name, partition] = 0

    def log(self, place: Place) -> PartitionLog:
        """Return a partition; raises BusError where there is none."""
        found = self._logs.get(place)
        if found is None:
            raise BusError(f"{place[0]}: no such topic, or no partition {place[1]}")
        return found

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append a batch; waits while the worker that reads the partition is too far behind."""
        place = (topic, partition)
        log, spec = self.log(place), self.topics[topic]
        if sum(len(one.key or b"") + len(one.value or b"") + 20 for one in messages) > spec.largest_batch:
            raise TooLargeError(f"{topic}: a batch must be at most {spec.largest_batch} bytes")
        while spec.consumed and log.unread > UNREAD_BYTES:
            self._room.clear()
            await self._room.wait()
        if self._broken is not None:
            raise AppendError(self._broken)
        base = self._next[place]
        self._next[place] = base + len(messages)
        now = int(time.time() * 1000) if spec.stamps == "append" else None
        slim = same if spec.compacted else copied  # a changelog's rows are copies already, and shared with the shard's own
        batch = [
            Record(topic, partition, base + index, one.timestamp if now is None else now, one.key, slim(one.value))
            for index, one in enumerate(messages)
        ]
        if self._file is None:
            self._show(batch)
        else:
            await self._keep(batch)
        return base

    async def _keep(self, batch: list[Record]) -> None:
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, kept))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await asyncio.shield(kept)

    async def _write(self) -> None:
        """Write what waits, as many batches a transaction as have gathered meanwhile."""
        assert self._file is not None
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._file.append, [batch for batch, _ in taken])
            except sqlite3.Error as error:  # offsets were given out: nothing may follow on what is not there
                self._broken = f"the bus could not be written: {type(error).__name__}"
                for _, kept in [*taken, *self._waiting]:
                    kept.set_exception(AppendError(self._broken))
                self._waiting = []
                return
            before: list[tuple[str, int, int]] = []
            single: list[tuple[str, int, int]] = []
            for batch, kept in taken:
                for place, first, gone in self._show(batch):
                    before += [(*place, first)] if first is not None else []
                    single += [(*place, offset) for offset in gone]
                if not kept.done():
                    kept.set_result(None)
            if before or single:
                await asyncio.to_thread(self._file.forget, before, single)

    def _show(self, batch: list[Record]) -> list[tuple[Place, int | None, list[int]]]:
        """Make a batch visible; return what retention and compaction took for it: (place, first offset kept, single offsets)."""
        place = (batch[0].topic, batch[0].partition)
        log, spec = self._logs[place], self.topics[place[0]]
        log.append(batch)
        news, self._news = self._news, asyncio.Event()
        news.set()
        gone = log.compact() if spec.compacted else []
        first = None if spec.compacted else log.cut(spec.retention_ms, self._share(spec, log), consumed=spec.consumed)
        return [(place, first, gone)] if gone or first is not None else []

    def _share(self, topic: Topic, log: PartitionLog) -> int:
        """Return how much one partition may keep: what the others leave of the topic's bytes, an equal part at least.

        So a topic with all of its keys in one partition keeps as much as any other, and the number of partitions costs no memory.
        """
        others = sum(self._logs[topic.name, number].size for number in range(topic.partitions)) - log.size
        return max(KEPT_BYTES - others, KEPT_BYTES // topic.partitions)

    def release(self, place: Place, before: int) -> None:
        """Note how far the worker has read."""
        self.log(place).release(before)
        self._room.set()

    async def news(self, places: Collection[Place], after: dict[Place, int], wait_s: float) -> bool:
        """Wait until one of the logs goes on behind the given offsets; False after `wait_s`."""
        until = time.monotonic() + wait_s
        while True:
            news = self._news
            if any(self._logs[place].end > after[place] for place in places):
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(news.wait(), left)
            except TimeoutError:
                return False

    async def close(self) -> None:
        """Write what waits and let go of the file."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self._file is not None:
            self._file.close()
