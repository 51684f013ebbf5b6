"""Replay: the same kernel over files. Every shard in this process, no broker, no clock; the records' stamps make the ticks.

Records are fed by stretches of event time and the ticks of a stretch are folded as one: what is decided does not depend on how it is cut.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import takewhile
from typing import Any

import orjson

from governance.config import Config
from governance.message.config_record import ConfigRecord
from governance.message.reading import read
from governance.message.refusal import Refusal
from governance.policy import Policy
from streams import clockwork
from streams.event_file import EventFileError
from streams.kernel import intake, monitor
from streams.kernel.bulletin import SIGNALS
from streams.kernel.pending import fault_of
from streams.kernel.record import Outgoing, Record, Shard
from streams.kernel.rows import Rows

STRETCH_RECORDS = 20_000
STRETCH_TICKS = 360
COMMANDS = "monitor-commands"
FILE_KEY = b"pmon replay without a key file"  # files are replayed the same by everybody; a deployment has its own secret

Publish = Callable[[Outgoing], None]


@dataclass(slots=True)
class Station:
    """One partition of both stages with its rows, and how far its inputs reach."""

    shard: Shard
    intake: Rows = field(default_factory=Rows)
    monitor: Rows = field(default_factory=Rows)
    ends: dict[str, int] = field(default_factory=dict)
    ticks: int = 0
    waiting: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    signals: list[Record] = field(default_factory=list)
    signalled: int = 0


class Replay:
    """Feeds records to all shards; hands every output to `publish` in the order decided, bulletins (topic `monitor-signals`) included.

    `config` None means the records bring their own, `own_ticks` that they bring their ticks too; with `verdicts` every verdict is
    published, too, on a topic of that name. `policies` come with the config.
    """

    def __init__(
        self,
        partitions: int,
        publish: Publish,
        config: Config | None,
        subject_key: bytes = FILE_KEY,
        *,
        own_ticks: bool = False,
        verdicts: bool = False,
        policies: Sequence[Policy] = (),
    ) -> None:
        self.stations = [Station(Shard(number, partitions, subject_key, verdicts)) for number in range(partitions)]
        self.config = config
        self.records = 0
        self._publish = publish
        self._tick = 0  # the last tick folded
        self._waiting = 0
        self._last = 0
        self._own_ticks = own_ticks
        self._held: list[Record] = []
        self._asked: int | None = None
        if config is not None:
            self._announce(config, [policy.effective() for policy in policies])

    def _announce(self, config: Config, policies: list[Any]) -> None:
        value = orjson.dumps({"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": policies})
        for number in range(len(self.stations)):
            self._put(Record("monitor-config", number, 0, 0, config.sha256.encode(), value))
        self._fold()

    def _put(self, record: Record) -> None:
        station = self.stations[record.partition]
        station.waiting[record.topic].append(record)
        station.ends[record.topic] = record.offset + 1
        self._waiting += 1

    def feed(self, records: Iterable[Record], until: int | None = None) -> None:
        """Feed records in the order of a file; those stamped at `until` (ms) or later end it."""
        for record in records:
            if until is not None and record.timestamp >= until:
                break
            self.records += 1
            if record.topic == "ticks":
                self._take_tick(record)
                continue
            if record.topic == "monitor-config" and self.config is None and record.value is not None:
                self.config = first_config(record)
            self._advance(record)
            if record.topic == COMMANDS:
                self._hold(record)
            else:
                self._put(record)
            self._last = max(self._last, record.timestamp)
        if not self._own_ticks and self._last:
            self._run_to(clockwork.after(self._last, self._timing_tick()))
            self._ask(self._tick)
        self._fold()
        self.check_end()

    def _hold(self, command: Record) -> None:
        """Keep a command back until everything before it is closed, so that its answer ends at its own time and not before the stretch."""
        if self._own_ticks:
            self._fold()
            self._put(command)
            return
        self._held.append(command)
        if self._asked is None:
            self._asked = clockwork.after(command.timestamp, self._timing_tick())

    def _ask(self, at: int) -> None:
        """Let what was held back be read with the tick after `at`."""
        held, self._held, self._asked = self._held, [], None
        for command in held:
            self._put(command)
        if held:
            self._run_to(at + self._timing_tick())

    def _timing_tick(self) -> int:
        return (self.config or Config(version=1)).timing.tick

    def _take_tick(self, record: Record) -> None:
        if self._waiting > STRETCH_RECORDS:
            self._fold()
        self._put(record)

    def _advance(self, record: Record) -> None:
        """Fold what waits where the stretch is full, or where a command wants to be answered at its own time."""
        if self._own_ticks:
            return
        tick = self._timing_tick()
        covered = record.timestamp // tick * tick  # every tick up to here was written before this record
        if not self._tick:
            self._tick = covered
        if self._asked is not None and covered >= self._asked:
            at = self._asked
            self._run_to(at)
            self._ask(at)
        long = covered - self._tick >= STRETCH_TICKS * tick or self._waiting >= STRETCH_RECORDS
        if covered > self._tick and long:
            self._run_to(covered)

    def _run_to(self, at: int, *, drain: bool = False) -> None:
        """Fold everything that waits, then one tick at `at` in every shard."""
        self._fold()
        if at <= self._tick and not drain:
            return
        for station in self.stations:
            ends = {topic: end for topic, end in station.ends.items() if topic != "ticks"}
            self._put(clockwork.tick_record(station.shard.number, station.ticks, at, ends, drain=drain))
            station.ticks += 1
        self._tick = at
        self._fold()

    def drain(self) -> None:
        """Run the clock on until everything is closed; opens no freshness and runs no timeout."""
        if self._own_ticks or not self._last:
            return
        ticks = list(clockwork.drain(self._last, self.config or Config(version=1)))
        if ticks:
            self._run_to(ticks[-1], drain=True)

    def run_until_closed(self, time: int) -> None:
        """Run the clock on just until every window that ends by `time` (ms) is closed."""
        at = closing_tick(time, self.config or Config(version=1))
        if at > self._tick:
            self._run_to(at, drain=True)

    def _fold(self) -> None:
        for station in self.stations:
            for topic in ("monitor-config", *sorted(station.waiting.keys() - {"monitor-config", "ticks"}), "ticks"):
                if topic != "monitor-config" and not intake.configured(station.intake):
                    break
                batch, rest = station.waiting.pop(topic, []), []
                if topic == "ticks":
                    count = sum(1 for _ in takewhile(partial(intake.ready, station.intake), batch))
                    batch, rest = batch[:count], batch[count:]
                while batch:
                    batch = self._intake(station, topic, batch)
                if rest:
                    station.waiting[topic] = rest
        self._waiting = 0
        for station in self.stations:
            self.hear(station)

    def check_end(self) -> None:
        """Raise EventFileError where records still wait: for a config that did not come, or ticks for inputs that are not there."""
        for station in self.stations:
            number = station.shard.number
            if station.waiting and not intake.configured(station.intake):
                raise EventFileError(f"monitor-config: partition {number} has records and no config; a config goes to every partition")
            if station.waiting:
                tick = station.waiting["ticks"][0]
                raise EventFileError(
                    f"ticks, partition {number}, offset {tick.offset}: names ends of inputs that the file does not reach; "
                    "it was cut, or written for another number of partitions (PMON_PARTITIONS)"
                )

    def _intake(self, station: Station, topic: str, batch: list[Record]) -> list[Record]:
        commit = intake.step(station.intake, station.shard, batch)
        station.intake.apply(commit)
        for message in commit.outbox:
            if message.topic == SIGNALS:
                assert message.partition is not None
                to = self.stations[message.partition]
                to.signals.append(Record(SIGNALS, message.partition, to.signalled, message.timestamp, message.key, message.value))
                to.signalled += 1
            self._publish(message)
        position = intake.position(station.intake, topic)
        return [record for record in batch if record.offset >= position]

    def hear(self, station: Station) -> None:
        """Let one monitor shard read its signals and close what is due."""
        batch = station.signals
        while batch or monitor.pending(station.monitor, station.shard):
            commit = monitor.step(station.monitor, station.shard, batch)
            station.monitor.apply(commit)
            for message in commit.outbox:
                self._publish(message)
            position = monitor.position(station.monitor)
            batch = [record for record in batch if record.offset >= position]
        station.signals = []

    def watermarks(self) -> dict[str, int]:
        """Return what every monitor shard has closed, ms, by shard."""
        return {str(station.shard.number): monitor.closed(station.monitor) for station in self.stations}

    def state_sha256(self) -> str:
        """Return a hash over every row of every shard."""
        digest = sha256()
        for station in self.stations:
            for rows in (station.intake, station.monitor):
                for key, value in sorted(rows.items()):
                    digest.update(b"%d %d " % (len(key), len(value)) + key + value)
        return digest.hexdigest()


def first_config(record: Record) -> Config:
    """Return the config that a log begins with. Raises EventFileError where it is none: nothing is judged before there is one."""
    found = read(record.topic, record.key, record.value or b"")
    if not isinstance(found, ConfigRecord):
        wrong: str | None = found.path if isinstance(found, Refusal) else None
    elif (wrong := fault_of(orjson.dumps(found.config), found.policies)) is None:
        return Config.model_validate(found.config)
    where = f"partition {record.partition}, offset {record.offset}"
    raise EventFileError(f"monitor-config, {where}: the first config of a log must be one; {wrong or 'the record'} is none")


def closing_tick(time: int, config: Config) -> int:
    """Return the tick that closes the windows that end by `time`, both in ms."""
    timing = config.timing
    return -(-(time + timing.allowed_lateness + timing.tick) // timing.tick) * timing.tick
