"""Runs the candidates through the kernel and keeps of each the incidents it would have opened."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from governance.config import Config
from governance.message.instant import parse_instant
from governance.policy import Policy
from streams.backtest.agreement import Fire
from streams.backtest.sweep import Candidate, Pass, Setting
from streams.event_file import BrokenLine
from streams.file_replay import FileReplay, hear
from streams.kernel.bulletin import SIGNALS
from streams.kernel.record import Outgoing, Record


class Fires:
    """Takes the outputs of a run and keeps its incidents after their last step, and the span of time that was closed."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self.first, self.last = 0, 0

    def take(self, message: Outgoing) -> None:
        """Take one output."""
        if message.topic == "kpi-windows":
            self.first, self.last = min(self.first or message.timestamp, message.timestamp), max(self.last, message.timestamp)
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


def run_files(one: Pass, paths: Sequence[str], partitions: int, policies: Sequence[Policy]) -> Fires:
    """Run event files through both stages with a pass's config; configs and commands in the files are left out."""
    fires = Fires()
    FileReplay(paths, one.config, partitions, fires.take, policies=policies, own=True).run()
    return fires


def run_signals(one: Pass, records: Iterable[Record | BrokenLine], policies: Sequence[Policy]) -> Fires:
    """Run the monitor stage alone over a dump of its signals with a pass's config in place of those of the dump."""
    fires = Fires()
    hear(with_config(records, one.config, policies), fires.take)
    return fires


def with_config(records: Iterable[Record | BrokenLine], config: Config, policies: Sequence[Policy]) -> Iterable[Record]:
    """Yield signals with one config, from the beginning of time, in place of all of theirs; without commands."""
    told: set[int] = set()
    rules = [policy.effective() for policy in policies]
    for record in records:
        if isinstance(record, BrokenLine) or record.topic != SIGNALS or record.value is None:
            continue
        bulletin = orjson.loads(record.value)
        entry = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": rules}
        bulletin["configs"] = [] if record.partition in told else [entry]
        told.add(record.partition)
        for found in bulletin["initiatives"].values():
            found["commands"] = []
        yield Record(record.topic, record.partition, record.offset, record.timestamp, record.key, orjson.dumps(bulletin))
