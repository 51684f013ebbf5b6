"""Runs the candidates through the kernel and keeps of each the incidents it would have opened."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from governance.config import Config
from governance.message.instant import parse_instant
from governance.policy import Policy
from streams.backtest.agreement import Fire
from streams.backtest.sweep import Candidate, Pass, Setting
from streams.event_file import BrokenLine
from streams.file_replay import FileReplay, bulletin_of, hear
from streams.kernel.bulletin import SIGNALS
from streams.kernel.record import Outgoing, Record

COUNTED_BEFORE = ("timing", "sources", "privacy", "consent", "limits")  # sections that the first stage counts by,
COUNTED_IN_INITIATIVE = ("experiments", "jurisdiction")  # and of each initiative's
JUDGED_BY = ("detection", "incidents")  # what only the second stage reads,
JUDGED_IN_INITIATIVE = ("thresholds", "detectors")  # and of each initiative's


class Fires:
    """Takes the outputs of a run and keeps its incidents after their last step, and the span of time that was closed, 0 to 0 for none."""

    def __init__(self, window_ms: int) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self._window_ms = window_ms
        self.first, self.last = 0, 0

    def take(self, message: Outgoing) -> None:
        """Take one output."""
        if message.topic == "kpi-windows":
            start, end = message.timestamp - self._window_ms, message.timestamp
            self.first, self.last = min(self.first or start, start), max(self.last, end)
        if message.topic == "incidents":
            data = orjson.loads(message.value)["data"]
            known = self._found.setdefault(data["incident_id"], {"resolved": None})
            ended = {"resolved": data["updated_at"], "retracted": data["updated_at"], "reopened": None}
            known.update(data, resolved=ended.get(data["step"], known["resolved"]))

    def of(self, candidate: Candidate, settings: Sequence[Setting]) -> list[Fire]:
        """Return the incidents of a candidate, under the names its rules have in the config, in order of opening."""
        own = {(initiative, run): check for (initiative, check), run in candidate.checks.items()}
        focus = {setting.focus for setting in settings}
        variants = {check.rpartition("/")[0] for _, check in own}
        found = []
        for data in self._found.values():
            place = data["initiative"], data["check"]
            if place in own:
                place = data["initiative"], own[place]
            elif data["check"].rpartition("/")[0] in variants:
                continue  # of another candidate
            if None in focus or place in focus:
                found.append(fire(*place, data))
        return sorted(found, key=lambda one: (one.opened, one.check, sorted(one.key.items())))


def fire(initiative: str, check: str, data: Mapping[str, Any]) -> Fire:
    start, end = parse_instant(data["windows"][0]["start"]), parse_instant(data["windows"][-1]["end"])
    resolved = data["resolved"] and parse_instant(data["resolved"])
    return Fire(initiative, check, data["key"], start, end, parse_instant(data["opened_at"]), resolved)


def run_files(runs: Sequence[Pass], paths: Sequence[str], partitions: int, policies: Sequence[Policy]) -> list[Fires]:
    """Run event files through both stages with each pass's config; configs and commands in the files are left out.

    Passes that differ only in what the second stage reads have the files read and counted once: the others hear what the first stage said.
    """
    heard: dict[bytes, Heard] = {}
    found = []
    for one in runs:
        alike = counted_by(one.config)
        if alike in heard:
            found.append(run_signals(one, heard[alike].records, policies))
            continue
        fires, heard[alike] = Fires(one.config.timing.window), Heard()
        FileReplay(paths, one.config, partitions, partial(both, fires, heard[alike]), policies=policies, own=True).run()
        found.append(fires)
    return found


class Heard:
    """Keeps what the first stage says to the second."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._signals: Counter[int] = Counter()

    def take(self, message: Outgoing) -> None:
        """Take one output."""
        if message.topic == SIGNALS:
            number = message.partition or 0
            self.records.append(Record(SIGNALS, number, self._signals[number], message.timestamp, message.key, message.value))
            self._signals[number] += 1


def both(fires: Fires, heard: Heard, message: Outgoing) -> None:
    """Let both take an output."""
    heard.take(message)
    fires.take(message)


def counted_by(config: Config) -> bytes:
    """Return a config without what only the second stage reads, as one text."""
    whole = {name: section for name, section in config.effective().items() if name not in JUDGED_BY}
    own = whole["initiatives"].items()
    whole["initiatives"] = {name: {key: value for key, value in one.items() if key not in JUDGED_IN_INITIATIVE} for name, one in own}
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


def run_signals(one: Pass, records: Iterable[Record | BrokenLine], policies: Sequence[Policy]) -> Fires:
    """Run the monitor stage alone over a dump of its signals with a pass's config in place of those of the dump."""
    fires = Fires(one.config.timing.window)
    hear(with_config(records, one.config, policies), fires.take)
    return fires


def with_config(records: Iterable[Record | BrokenLine], config: Config, policies: Sequence[Policy]) -> Iterable[Record | BrokenLine]:
    """Yield signals with one config, from the beginning of time, in place of all of theirs; without commands."""
    told: set[int] = set()
    rules = [policy.effective() for policy in policies]
    for record in records:
        if isinstance(record, BrokenLine):
            yield record  # refused with its line by whoever hears it
            continue
        if record.topic != SIGNALS or record.value is None:
            continue
        bulletin = bulletin_of(record)
        entry = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": rules}
        bulletin["configs"] = [] if record.partition in told else [entry]
        told.add(record.partition)
        for found in bulletin["initiatives"].values():
            found["commands"] = []
        yield Record(record.topic, record.partition, record.offset, record.timestamp, record.key, orjson.dumps(bulletin))
