"""Replay of event files into a folder: one JSON Lines file per output topic, the bulletins, and a summary without a clock in it.

Also the report made from files: the same replay, stopped where the period asked for ends.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any

import orjson

from detectors.window import end_of
from governance.config import Config
from governance.identity import event_id
from governance.message.command import Command
from governance.message.instant import format_instant
from governance.policy import Policy
from reporting.report import build
from streams.event_file import BrokenLine, EventFileError, check_names, read_events, texts, write_record
from streams.event_line import BrokenLineError, OwnTime, own_time, read_line
from streams.kernel import monitor
from streams.kernel.answers import check_request, watched
from streams.kernel.bulletin import SIGNALS, VERSION, monitor_of
from streams.kernel.intake import INPUTS
from streams.kernel.pending import TICKS
from streams.kernel.publishing import publish
from streams.kernel.record import Outgoing, Record, Shard
from streams.kernel.rows import Draft, Rows
from streams.kernel.snapshot import snapshot
from streams.kernel.stamp import BEGINNING
from streams.kernel.verdict_line import VERDICTS
from streams.replay import FILE_KEY, Replay, closing_tick

OUTPUTS = ("incidents", "escalations", "findings", "kpi-windows", "reports", "audit-log", "dead-letters")
Progress = Callable[[int, int], None]  # records so far, event time in ms


class Folder:
    """Writes outputs to `DIR/<topic>.jsonl`, every id once; counts and hashes what it wrote."""

    def __init__(self, path: Path) -> None:
        """Make the folder and its files; raises OSError where that cannot be."""
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.counts: Counter[str] = Counter(dict.fromkeys(OUTPUTS, 0))
        self.refused: Counter[str] = Counter()
        self._seen: set[bytes] = set()
        self._files: dict[str, IO[bytes]] = {topic: (path / f"{topic}.jsonl").open("wb") for topic in (*OUTPUTS, SIGNALS)}
        self._signals: Counter[int] = Counter()
        self._verdicts: dict[bytes, bytes] = {}

    def write(self, message: Outgoing) -> None:
        """Write one message; an answer's copy for a further topic goes to a file of that topic's name."""
        if message.topic == SIGNALS:
            number = message.partition or 0
            record = Record(SIGNALS, number, self._signals[number], message.timestamp, message.key, message.value)
            self._signals[number] += 1
            write_record(self._files[SIGNALS], record)
            return
        if message.topic == VERDICTS:
            self._verdicts[message.key or b""] = message.value
            return
        value = orjson.loads(message.value)
        identity = blake2b(f"{message.topic} {value['id']}".encode(), digest_size=16).digest()
        if identity in self._seen:
            return
        self._seen.add(identity)
        self.counts[message.topic] += 1
        if message.topic == "dead-letters":
            self.refused[value["data"]["reason_code"]] += 1
        self._file(message.topic).write(line_of(message))

    def _file(self, topic: str) -> IO[bytes]:
        if topic not in self._files:
            self._files[topic] = (self.path / f"{topic}.jsonl").open("wb")
        return self._files[topic]

    def write_verdicts(self) -> None:
        """Write the last verdict of every settled exposure to `verdicts.jsonl`, in one order whatever the number of partitions."""
        with (self.path / f"{VERDICTS}.jsonl").open("wb") as file:
            for _, value in sorted(self._verdicts.items()):
                found = orjson.loads(value)
                file.write(orjson.dumps({name: found[name] for name in ("event_id", "verdict", "decided_by")}) + b"\n")

    def close(self) -> str:
        """Close the files; return the SHA-256 over the sorted lines of all outputs but the bulletins."""
        for file in self._files.values():
            file.close()
        digest = sha256()
        for line in sorted(line for topic in self._files if topic != SIGNALS for line in (self.path / f"{topic}.jsonl").open("rb")):
            digest.update(line)
        return digest.hexdigest()


def line_of(message: Outgoing) -> bytes:
    """Return a message as a line of an event file."""
    key = orjson.dumps(None if message.key is None else message.key.decode())
    topic = orjson.dumps(message.topic)
    return b'{"topic":%b,"key":%b,"timestamp":%d,"value":%b}\n' % (topic, key, message.timestamp, message.value)


def holds(paths: Sequence[str], topic: str) -> bool:
    """Return whether the files hold records of a topic; standard input is not looked into. Raises EventFileError."""
    check_names(paths)
    name = b'"%b"' % topic.encode()
    return any(name in text and topic_of(text) == topic for path in paths if path != "-" for text, _, _ in texts(path))


def topic_of(text: bytes) -> str | None:
    """Return the topic a line names, None where it is no record."""
    try:
        return read_line(text).topic
    except BrokenLineError:
        return None


def own_time_of(config: Config) -> OwnTime:
    """Return how a payload tells its own time, the mapped foreign topics included."""
    paths = {source.topic: source.map.get("occurred_at", "occurred_at") for source in config.sources}

    def found(topic: str, payload: Any) -> int | None:
        path = paths.get(topic)
        if not isinstance(path, str):
            return own_time(topic, payload)
        for part in path.split("."):
            payload = payload.get(part) if isinstance(payload, dict) else None
        return own_time("engagement-events", {"occurred_at": payload})

    return found


def broken(line: BrokenLine, number: int) -> Outgoing:
    """Return the dead letter of a line that is no record: its number stands where an offset would."""
    data = {
        "reason_code": "broken_line",
        "topic": None,
        "partition": None,
        "offset": line.line_number,
        "length": line.length,
        "sha256": line.sha256,
        "error_path": None,
    }
    identity = event_id("dead-letter", "broken_line", number, line.line_number, line.sha256)
    return publish("dead-letters", "dead-letter", None, identity, "event-file", line.timestamp, data)


class FileReplay:
    """One replay of event files through all shards into `publish`; with `own`, configs and commands of the files are left out."""

    def __init__(
        self,
        paths: Sequence[str],
        config: Config | None,
        partitions: int,
        publish: Callable[[Outgoing], None],
        *,
        subject_key: bytes = FILE_KEY,
        progress: Progress | None = None,
        verdicts: bool = False,
        policies: Sequence[Policy] = (),
        own: bool = False,
    ) -> None:
        in_files = not own and holds(paths, "monitor-config")
        if in_files and config is not None:
            raise EventFileError("--config: the input holds config records of its own; leave --config out, or use `pmon backtest`")
        self.config = config or Config(version=1)
        self.ignored: Counter[str] = Counter()
        self.last = 0
        self._paths = list(paths)
        self._partitions = partitions
        self._own = own
        self._publish = publish
        self._progress = progress
        announced = None if in_files else self.config
        self.replay = Replay(
            partitions, publish, announced, subject_key, own_ticks=holds(paths, TICKS), verdicts=verdicts, policies=policies
        )

    def records(self) -> Iterator[Record]:
        """Yield the input records the kernel reads; what is no record becomes a dead letter, other topics are counted and left."""
        known = {*INPUTS, TICKS, *(source.topic for source in self.config.sources)}
        for number, record in enumerate(read_events(self._paths, self._partitions, own_time_of(self.config))):
            if isinstance(record, BrokenLine):
                self._publish(broken(record, self._paths.index(record.path)))
                continue
            if self._own and record.topic in ("monitor-config", "monitor-commands"):
                continue
            if record.topic not in known:
                self.ignored[record.topic] += 1
                continue
            if self._progress is not None and number % 5_000 == 0:
                self._progress(number, record.timestamp)
            self.last = max(self.last, record.timestamp)
            yield record

    def run(self, *, until: int | None = None, drain: bool = True) -> None:
        """Feed everything, then let the clock run on until what is open is closed."""
        self.replay.feed(self.records(), until)
        if drain:
            self.replay.drain()

    def report(self, initiative: str, command: Command, at: int | None) -> dict[str, Any]:
        """Return the report of the period ending at `at` (ms; None: the end of the base window of the last record).

        Raises UnservedError where it cannot be made as asked.
        """
        window = self.config.timing.window
        self.replay.feed(self.records(), None if at is None else closing_tick(at, self.config))
        to = end_of(self.last, window) if at is None else -(-at // window) * window
        self.replay.run_until_closed(to)
        command = command.model_copy(update={"requested_at": to})  # files are asked at the end of their period
        named = self.config.resolve(initiative) or initiative
        station = self.replay.stations[monitor_of(named, self._partitions)]
        draft = Draft(station.monitor)
        seen = {name for other in self.replay.stations for name in watched(Draft(other.monitor))}
        check_request(seen, named, command, self.config)
        return build(snapshot(draft, named, command, to, to, self.config.sha256, self.config))


def replay_to_folder(run: FileReplay, folder: Folder, *, until: int | None, drain: bool) -> dict[str, Any]:
    """Run a replay into a folder and write its summary; return the summary."""
    run.run(until=until, drain=drain)
    found = summary(folder, run.replay.records, run.replay.watermarks(), run.replay.state_sha256())
    (folder.path / "summary.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return found


def summary(folder: Folder, records: int, watermarks: dict[str, int], state_sha256: str) -> dict[str, Any]:
    """Return what a replay did, without anything that differs from run to run."""
    return {
        "records": records,
        "counts_by_topic": dict(sorted(folder.counts.items())),
        "refused_by_reason": dict(sorted(folder.refused.items())),
        "watermarks": {shard: None if at == BEGINNING else format_instant(at) for shard, at in watermarks.items()},
        "state_sha256": state_sha256,
        "outputs_sha256": folder.close(),
    }


def replay_signals(records: Iterable[Record | BrokenLine], folder: Folder) -> dict[str, Any]:
    """Run the monitor stage alone from a dump of its signals into a folder; return the summary."""
    stations, count = hear(records, folder.write)
    digest = sha256()
    for _, rows in (stations[number] for number in sorted(stations)):
        for key, value in sorted(rows.items()):
            digest.update(b"%d %d " % (len(key), len(value)) + key + value)
    watermarks = {str(number): monitor.closed(rows) for number, (_, rows) in sorted(stations.items())}
    found = summary(folder, count, watermarks, digest.hexdigest())
    (folder.path / "summary.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return found


def hear(records: Iterable[Record | BrokenLine], publish: Callable[[Outgoing], None]) -> tuple[dict[int, tuple[Shard, Rows]], int]:
    """Run the monitor stage over its signals; return every shard with its rows, and how many records there were.

    Raises EventFileError where the records are no whole dump: what is missing would be missing in every answer.
    """
    stations: dict[int, tuple[Shard, Rows]] = {}
    count = 0
    for record in records:
        if isinstance(record, BrokenLine):
            raise EventFileError(f"{record.path}: line {record.line_number} is no record: {record.reason}")
        if record.topic != SIGNALS or record.value is None:
            continue
        count += 1
        shards = bulletin_of(record)["shards"]
        if record.partition not in stations:
            stations[record.partition] = (Shard(record.partition, shards, FILE_KEY), Rows())
        shard, rows = stations[record.partition]
        batch = [record]
        while batch or monitor.pending(rows, shard):
            try:
                commit = monitor.step(rows, shard, batch)
            except monitor.ChannelGapError as error:
                raise EventFileError(f"{SIGNALS} {record.partition}: part of the dump is missing: {error}") from None
            rows.apply(commit)
            for message in commit.outbox:
                publish(message)
            batch = [one for one in batch if one.offset >= monitor.position(rows)]
    if not count:
        raise EventFileError(f"no record of {SIGNALS}: a dump of it is written by a replay, and by pmon tail {SIGNALS} --from-start")
    return stations, count


def bulletin_of(record: Record) -> dict[str, Any]:
    """Return the bulletin a record of a dump holds; raises EventFileError where that is none of ours."""
    try:
        found = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        found = None
    named = {"v", "from", "shards", "number", "initiatives", "configs", "refused", "last"}
    if not isinstance(found, dict) or found.keys() != named or found["v"] != VERSION or not isinstance(found["shards"], int):
        raise EventFileError(f"{SIGNALS} {record.partition} at offset {record.offset}: is no bulletin of version {VERSION} of pmon")
    return found
