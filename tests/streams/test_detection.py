"""Detection on the whole: files in, findings and incidents of detectors out."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from streams.cli import main
from tests.streams.test_faults import Spoilt, minute_of
from tests.streams.test_faults import tallies as tallied

START = 1_794_182_400_000
HOUR = 3_600_000
DAYS = 12
CONFIG = """
version: 1
timing: {{window: 1h, tick: 15m, stalled_after: 1h}}
detection: {{alarm_budget_per_series_week: 0.02}}
initiatives:
  shop:
    allocation: {{a: 0.5, b: 0.5}}
    detectors: {{dip: {{group_by: [channel]}}, freshness: {{window: 1h, group_by: [channel]}}, suppression: {{window: 1h}},
                drift: {{window: 1h}}}}
"""

Fault = dict[str, Any]
END = START + DAYS * 24 * HOUR
ASKED = {
    "topic": "monitor-commands",
    "key": "shop",
    "timestamp": END,
    "value": {
        "request_id": "q-1",
        "command": "report",
        "requested_at": END,
        "requested_by": "ana",
        "initiative": "shop",
        "window": "7d",
        "detail": "full",
    },
}


def tallies(fault: Fault | None, seed: int) -> Iterator[dict[str, Any]]:
    """Yield hourly counts of three channels and two variants; `fault` strikes one channel or variant from day 9 on."""
    chance = Random(seed)
    for hour in range(24 * DAYS):
        lasts = 36 if fault and "stop" in fault else 14  # two tallies an hour are few: their silence takes longer to say anything
        struck = fault is not None and 24 * 9 + 10 <= hour < 24 * 9 + 10 + lasts
        for channel in ("web", "email", "push"):
            for variant in ("a", "b"):
                if struck and fault == {"stop": channel}:
                    continue
                shown = int((900 + 500 * (8 <= hour % 24 < 20)) * chance.uniform(0.95, 1.05))
                rate = 0.1 * chance.uniform(0.97, 1.03)
                if struck and fault == {"dip": channel}:
                    rate *= 0.6
                if struck and fault == {"all": "down"}:
                    rate *= 0.6
                if struck and fault == {"hide": variant}:
                    shown //= 4
                clicks = sum(chance.random() < rate for _ in range(shown))
                at = START + hour * HOUR + chance.randrange(HOUR - 60_000)
                yield {
                    "topic": "engagement-events",
                    "key": f"{channel}{variant}",
                    "timestamp": at,
                    "value": {
                        "event_id": f"t-{hour}-{channel}-{variant}",
                        "occurred_at": at,
                        "type": "tally",
                        "initiative": "shop",
                        "channel": channel,
                        "variant": variant,
                        "exposures": shown,
                        "clicks": clicks,
                    },
                }


def opened(tmp_path: Path, fault: Fault | None, seed: int = 1) -> Counter[tuple[str, str]]:
    """Replay a history and return how many incidents opened, by check and channel or variant."""
    source, config, out = tmp_path / "f.jsonl", tmp_path / "c.yaml", tmp_path / "out"
    lines = [*sorted(tallies(fault, seed), key=lambda line: line["timestamp"]), ASKED]
    source.write_bytes(b"\n".join(orjson.dumps(line) for line in lines))
    config.write_text(CONFIG.format())
    assert main(["replay", "--config", str(config), "--input", str(source), "--out", str(out)]) == 0
    steps = [orjson.loads(line)["value"]["data"] for line in (out / "incidents.jsonl").read_bytes().splitlines()]
    found = [step for step in steps if step["step"] == "opened"]
    return Counter((step["check"], step["key"].get("channel", step["key"].get("variant", "-"))) for step in found)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, []),
        ({"dip": "email"}, [("dip", "email")]),
        ({"all": "down"}, [("dip", "-")]),
        ({"hide": "b"}, [("suppression", "b")]),
        ({"stop": "push"}, [("freshness", "push")]),
    ],
    ids=["quiet", "a channel dips", "all dip", "a variant is hidden", "a channel stops"],
)
def test_a_fault_is_one_incident_of_its_kind_and_place(tmp_path: Path, fault: Fault | None, expected: list[tuple[str, str]]) -> None:
    """Quiet days open nothing; a fault opens the incident it is, once, where it is; the whole it weighs on may say so, too."""
    found = opened(tmp_path, fault)
    assert {place: found[place] for place in expected} == dict.fromkeys(expected, 1)
    assert set(found) - set(expected) <= ({("dip", "-"), ("drift", "-")} if expected else set())
    assert all(number == 1 for number in found.values())
    watching = sights(tmp_path / "out")
    assert watching["dip", ("channel",)] == (3, 0, 0)
    assert watching["suppression", ("variant",)] == (2, 0, 0)
    assert watching["freshness", ("channel",)] == (3, 0, 0)


def sights(out: Path) -> dict[tuple[str, tuple[str, ...]], tuple[int, int, int]]:
    """Return how many series the report says are watched, learning and too small, by detector and dimensions."""
    (line,) = (out / "reports.jsonl").read_bytes().splitlines()
    found = orjson.loads(line)["value"]["data"]["coverage"]["detection"]
    assert all(0.0 < row["smallest_change"]["least"] < 0.5 for row in found if row["check"] in ("dip", "suppression"))
    return {(row["check"], tuple(row["group_by"])): (row["watched"], row["learning"], row["too_small"]) for row in found}


def test_an_alert_that_repeats_climbs() -> None:
    """Struck for four windows: opened by the second, a level up by the second after that, though nobody had time to acknowledge."""
    run = Spoilt(spoil=()).feed(tallied(30, 70))
    told = [(one["step"], one["level"], minute_of(one, "updated_at")) for one in run.data("incidents") if one["check"] == "dip"]

    assert told[:3] == [("opened", 1, 52), ("occurrence", 1, 53), ("escalated", 2, 54)]
    asked = [(one["level"], one["person"]) for one in run.data("escalations")]
    assert asked == [(1, "ana"), (2, "chi")]
