"""Where and why: what the kernel says of a rate incident when it opens and when it is resolved."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from governance.message.outputs import Incident
from governance.suspicion import Audience, suspects
from streams.file_replay import FileReplay, Folder, replay_to_folder

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
CONFIG = """
version: 1
privacy: {opt_in_jurisdictions: [], default_jurisdiction: US}
incidents: {clear_for: 1h}
initiatives:
  home:
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.08, window: 1h, group_by: [%s], min_denominator: 200}
"""
Line = dict[str, Any]


def tally(hour: int, profile: str, channel: str, clicks: int, exposures: int = 1_000) -> Line:
    """Build the counts of one hour of one cell."""
    at = NOON + hour * HOUR + 30 * MINUTE
    value = {"event_id": f"t-{hour}-{profile}-{channel}", "occurred_at": at, "type": "tally", "initiative": "home", "profile": profile}
    value |= {"channel": channel, "exposures": exposures, "clicks": clicks}
    return {"topic": "engagement-events", "key": "a", "timestamp": at, "value": value}


def change(name: str, at: int, channels: list[str] | None) -> Line:
    """Build a deployment `at` ms after noon."""
    value = {"event_id": f"r-{name}", "occurred_at": NOON + at, "change_id": name, "initiative": "home", "rule_id": "rule-1", "version": 2}
    value |= {"previous_version": 1, "action": "deployed", "change_type": "update", "environment": "production", "channels": channels}
    return {"topic": "rule-changes", "key": "home", "timestamp": NOON + at, "value": value}


def traffic(fallen: Iterable[tuple[str, str]], hours: Iterable[int] = range(6, 9)) -> Iterator[Line]:
    """Ten hours of four profiles on three channels at 10 % clicks; in some hours some cells fall to 1 %."""
    for hour in range(12):
        for profile in ("p1", "p2", "p3", "p4"):
            for channel in ("web", "email", "push"):
                down = hour in hours and (profile, channel) in fallen
                yield tally(hour, profile, channel, 10 if down else 100)


def incidents(lines: Iterable[Line], out: Path, group_by: str = "", partitions: int = 2) -> list[dict[str, Any]]:
    """Replay and return every step of every threshold incident, each held against its model."""
    path = out / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: int(line["timestamp"]))))
    folder = Folder(out / f"out{partitions}")
    replay_to_folder(FileReplay([str(path)], load_config(CONFIG % group_by), partitions, folder.write), folder, until=None, drain=True)
    found = [json.loads(line)["value"]["data"] for line in (folder.path / "incidents.jsonl").open()]
    for data in found:
        Incident.model_validate(data)
    return [data for data in found if data["check"].startswith("threshold:")]


@pytest.mark.parametrize("group_by", ["", "channel"])
def test_the_segment_that_fell_is_named_at_opening_and_closing(tmp_path: Path, group_by: str) -> None:
    """All profiles of web fall: web is named by an incident of the whole initiative as by that of web itself."""
    lines = traffic([(profile, "web") for profile in ("p1", "p2", "p3", "p4")])

    steps = {data["step"]: data for data in incidents(lines, tmp_path, group_by)}

    for step in ("opened", "resolved"):
        explanation = steps[step]["explanation"]
        assert [segment["where"] for segment in explanation["segments"]] == [{"channel": "web"}]
        assert not explanation["global"]
    assert steps["opened"]["explanation"]["segments"][0]["n_after"] == 8_000


def test_a_part_of_the_incidents_own_place_is_named_with_it(tmp_path: Path) -> None:
    """One profile of web falls: it is named together with the channel the incident is of."""
    opened = incidents(traffic([("p1", "web")]), tmp_path, "channel")[0]

    assert [segment["where"] for segment in opened["explanation"]["segments"]] == [{"profile": "p1", "channel": "web"}]


def test_a_fall_of_everything_is_called_global(tmp_path: Path) -> None:
    """Every cell falls alike: no segment is named, whatever the incident's place."""
    everywhere = [(profile, channel) for profile in ("p1", "p2", "p3", "p4") for channel in ("web", "email", "push")]

    found = incidents(traffic(everywhere), tmp_path, "channel")

    assert {(True, 0)} == {(data["explanation"]["global"], len(data["explanation"]["segments"])) for data in found}


def test_changes_shortly_before_are_ranked_by_whom_they_reach(tmp_path: Path) -> None:
    """A change on the fallen channel goes before a closer one everywhere; one elsewhere or of the day before yesterday is not named."""
    fallen = [(profile, "web") for profile in ("p1", "p2", "p3", "p4")]
    changes = [
        change("there", 6 * HOUR - 10 * MINUTE, ["web"]),
        change("elsewhere", 6 * HOUR - 5 * MINUTE, ["email"]),
        change("earlier", 2 * HOUR, ["web"]),
        change("long-ago", -20 * HOUR, ["web"]),
        change("after", 8 * HOUR, ["web"]),
    ]

    opened = incidents([*traffic(fallen), *changes], tmp_path)[0]

    found = opened["explanation"]["suspects"]
    assert [suspect["change_id"] for suspect in found] == ["there", "earlier"]
    assert (found[0]["before_s"], found[0]["overlap"]) == (600, 1.0)
    assert 0.9 < found[0]["effect"] <= 1.0


def test_an_explanation_does_not_depend_on_partitions(tmp_path: Path) -> None:
    """One shard and three say the same, to the last digit."""
    fallen = [("p1", "web"), ("p3", "push"), ("p3", "email")]
    lines = [*traffic(fallen), change("there", 6 * HOUR - 10 * MINUTE, ["web"])]

    assert len({json.dumps(incidents(lines, tmp_path, "channel", partitions), sort_keys=True) for partitions in (1, 3)}) == 1


def test_a_change_is_ranked_by_closeness_overlap_and_effect() -> None:
    """Of two as close, the one that reaches more of the segment; of two that reach the same, the closer."""
    audience = Audience({"web": 900, "email": 100}, {"web": -45.0, "email": -5.0})
    named = {"rule_id": "r", "version": 1, "action": "deployed"}
    changes = [
        {**named, "event_id": "1", "change_id": "few", "occurred_at": NOON, "channels": ["email"]},
        {**named, "event_id": "2", "change_id": "most", "occurred_at": NOON, "channels": ["web"]},
        {**named, "event_id": "3", "change_id": "most, before", "occurred_at": NOON - HOUR, "channels": ["web"]},
        {**named, "event_id": "4", "change_id": "only asked for", "occurred_at": NOON, "channels": None, "action": "requested"},
    ]

    found = suspects(changes, (NOON, NOON + HOUR), audience, {("r", 1): 12})

    assert [(one["change_id"], one["score"]) for one in found] == [("most", 0.9), ("most, before", 0.45), ("few", 0.1)]
    assert found[0]["seen"] == 12
