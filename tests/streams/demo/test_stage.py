"""What the monitor finds in a run is what the run's truth says, and the demo finds what a replay of its events finds."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from detectors.window import HOUR, MINUTE
from governance.config import load_config
from governance.message.instant import parse_instant
from streams.cli.policy_files import policies_of
from streams.demo.stage import Stage
from streams.file_replay import FileReplay, Folder, replay_to_folder
from streams.kernel.record import Outgoing
from streams.simulation.config import config_text
from streams.simulation.file import write
from streams.simulation.scenario import scenario


@lru_cache
def played(name: str, rate: int = 600) -> tuple[list[Outgoing], dict[str, Any]]:
    """Return every output of one day of a scenario, and its truth."""
    script = scenario(name, 1, rate)
    heard: list[Outgoing] = []
    stage = Stage(script, 7, load_config(config_text(script)), 2, heard.append, lambda record: None)
    hours = list(stage.play())
    assert hours == [script.start + number * HOUR for number in range(1, 25)]
    return heard, stage.run.truth.document()


def steps(name: str, kind: str) -> list[dict[str, Any]]:
    """Return the incidents of thresholds after their steps of one kind."""
    data = [orjson.loads(message.value)["data"] for message in played(name)[0] if message.topic == "incidents"]
    return [incident for incident in data if incident["step"] == kind and incident["check"].startswith("threshold:")]


def test_each_scripted_fault_is_found_once_in_its_place_and_time_and_nothing_else() -> None:
    truth = [incident for incident in played("fortnight")[1]["incidents"] if incident["check"].startswith("threshold:")]
    opened = {
        (incident["check"], incident["initiative"], incident["key"]["channel"]): incident for incident in steps("fortnight", "opened")
    }
    assert {(one["check"], one["initiative"], one["key"]["channel"]) for one in truth} == set(opened)
    assert len(steps("fortnight", "opened")) == len(truth) == 3
    for fault in truth:
        at = parse_instant(opened[fault["check"], fault["initiative"], fault["key"]["channel"]]["opened_at"])
        assert parse_instant(fault["start"]) < at < parse_instant(fault["end"])


def test_what_is_over_is_resolved_soon() -> None:
    resolved = {incident["check"]: parse_instant(incident["updated_at"]) for incident in steps("fortnight", "resolved")}
    for fault in played("fortnight")[1]["incidents"]:
        if fault["check"].startswith("threshold:"):
            late = resolved[fault["check"]] - parse_instant(fault["end"])
            assert -10 * MINUTE <= late <= 2 * HOUR + 10 * MINUTE


@pytest.mark.parametrize("rate", [200, 600])
def test_nothing_opens_where_nothing_is_wrong(rate: int) -> None:
    heard, truth = played("quiet", rate)
    assert truth["incidents"] == []
    assert [message.topic for message in heard if message.topic in ("incidents", "escalations")] == []
    assert sum(message.topic == "kpi-windows" for message in heard) > 1_000


def test_refused_events_are_dead_letters_by_their_codes() -> None:
    heard, truth = played("fortnight")
    codes = [orjson.loads(message.value)["data"]["reason_code"] for message in heard if message.topic == "dead-letters"]
    assert sorted(codes) == sorted(code for code, number in truth["refused"].items() for _ in range(number))


def test_every_program_is_reported_at_the_end() -> None:
    """What went wrong in the fortnight is an issue of its report: a rate, a fault, a silent feed, and consent that was not there."""
    reports = [orjson.loads(message.value)["data"] for message in played("fortnight")[0] if message.topic == "reports"]
    assert {report["initiative"]: len(report["issues"]) for report in reports} == {"plg-onboarding": 4, "renewal-nudge": 0}


def test_the_demo_publishes_what_a_replay_of_the_same_events_publishes(tmp_path: Path) -> None:
    """Hour by hour in one process or from a file, every output is the same."""
    script = scenario("feed-stop", 1, 200)
    config = load_config(config_text(script))
    shown = Folder(tmp_path / "shown")
    for _ in Stage(script, 3, config, 4, shown.write, lambda record: None).play():
        pass
    write(script, 3, tmp_path / "events.jsonl")
    replayed = Folder(tmp_path / "replayed")
    run = FileReplay([str(tmp_path / "events.jsonl")], config, 4, replayed.write, policies=policies_of(config, None))
    summary = replay_to_folder(run, replayed, until=None, drain=True)
    assert shown.close() == summary["outputs_sha256"]
    assert shown.counts["incidents"] > 0
