"""One partition of both stages, fed by hand: what the benchmarks of the kernel measure, with the process time each stage took."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from sys import platform
from time import process_time_ns
from typing import Any

import orjson

from governance.config import Config
from streams import clockwork
from streams.kernel import intake, monitor
from streams.kernel.bulletin import SIGNALS
from streams.kernel.pending import TICKS
from streams.kernel.record import Commit, Outgoing, Record, Shard
from streams.kernel.rows import Rows

START = 1_795_305_600_000  # 2026-11-22T00:00:00Z
EVENTS = "engagement-events"


def record_of(offset: int, at: int, event: dict[str, Any]) -> Record:
    """Return an engagement event as the record of its partition, stamped at its own time in ms."""
    value = orjson.dumps({"event_id": f"e-{offset}", "occurred_at": at, **event})
    return Record(EVENTS, 0, offset, at, str(event.get("subject_id", "feed")).encode(), value)


class Station:
    """The only shard of a deployment; counts what it sent, and keeps its largest commit and the time per stage."""

    def __init__(self, config: Config) -> None:
        self.shard = Shard(0, 1, b"benchmark")
        self.intake, self.monitor = Rows(), Rows()
        self.sent: Counter[str] = Counter()
        self.spent_ns: Counter[str] = Counter()
        self.largest_commit = 0
        self._tick = config.timing.tick
        self._ticks = self._signals = self._next = 0
        value = orjson.dumps({"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []})
        self.take([Record("monitor-config", 0, 0, 0, config.sha256.encode(), value)])

    def take(self, batch: Sequence[Record]) -> None:
        """Fold records of one input topic."""
        topic = batch[0].topic
        while batch:
            commit = self._timed("step" if topic != TICKS else "tick", intake.step, self.intake, batch)
            position = intake.position(self.intake, topic)
            batch = [record for record in batch if record.offset >= position]
            self._hear([message for message in commit.outbox if message.topic == SIGNALS])

    def tick(self, at: int, *, drain: bool = False) -> None:
        """Fold one tick at `at` (ms); the monitor closes what is due by then."""
        ends = {EVENTS: self._next}
        self.take([clockwork.tick_record(0, self._ticks, at, ends, drain=drain)])
        self._ticks += 1

    def feed(self, records: Iterable[Record], every: int) -> None:
        """Feed records in the order of their stamps with a tick each `every` ms, as they would come in live."""
        for at, batch in stretches(records, every):
            self._next = batch[-1].offset + 1
            self.take(batch)
            self.tick(at + self._tick)

    def _hear(self, messages: Sequence[Outgoing]) -> None:
        batch = [
            Record(SIGNALS, 0, self._signals + number, message.timestamp, message.key, message.value)
            for number, message in enumerate(messages)
        ]
        self._signals += len(batch)
        while batch or monitor.pending(self.monitor, self.shard):
            self._timed("monitor", monitor.step, self.monitor, batch)
            position = monitor.position(self.monitor)
            batch = [record for record in batch if record.offset >= position]

    def _timed(self, stage: str, step: Any, rows: Rows, batch: Sequence[Record]) -> Commit:
        start = process_time_ns()
        commit: Commit = step(rows, self.shard, batch)
        rows.apply(commit)
        self.spent_ns[stage] += process_time_ns() - start
        taken = sum(len(key) + len(value or b"") for key, value in commit.rows.items())
        self.largest_commit = max(self.largest_commit, taken + sum(len(message.value) for message in commit.outbox))
        for message in commit.outbox:
            self.sent[message.topic] += 1
        return commit


def stretches(records: Iterable[Record], every: int) -> Iterator[tuple[int, list[Record]]]:
    """Yield (end in ms, records) of each stretch of `every` ms that holds any."""
    batch: list[Record] = []
    end = 0
    for record in records:
        if batch and record.timestamp >= end:
            yield end, batch
            batch = []
        if not batch:
            end = (record.timestamp // every + 1) * every
        batch.append(record)
    if batch:
        yield end, batch


def rows_bytes(rows: Rows) -> tuple[int, int, int]:
    """Return how many rows there are, the bytes of their keys and values, and the bytes of the largest."""
    sizes = [len(key) + len(value) for key, value in rows.items()]
    return len(sizes), sum(sizes), max(sizes, default=0)


def resident_bytes() -> int:
    """Return the memory this process holds now, in bytes; the most it ever held where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak_bytes()
    return int(statm.read_text().split()[1]) * 4096


def peak_bytes() -> int:
    """Return the most memory this process ever held, in bytes."""
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    return peak if platform == "darwin" else peak * 1024
