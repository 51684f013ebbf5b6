"""Streams that break detectors, through the whole product: no crash, and no alarm but the silence that is one."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

from streams.cli import main

HARD = ("never-clicked", "nobody-came", "once", "gap", "huge", "summer-time", "winter-time")
START, HOUR, DAYS = 1_794_182_400_000, 3_600_000, 10
CONFIG = """
version: 1
timing: {window: 1h, tick: 30m, stalled_after: 1h}
initiatives:
""" + "".join(
    f"  {name}: {{detectors: {{freshness: {{window: 1h}}, dip: {{group_by: [channel]}}, suppression: {{group_by: [channel]}}}}}}\n"
    for name in HARD
)


def hour_of(name: str, hour: int, chance: Random) -> tuple[int, int] | None:
    """Return (exposures, clicks) of an hour of a variant, None for no tally."""
    by_day = int((300 + 600 * (8 <= hour % 24 < 20)) * chance.uniform(0.95, 1.05))
    if name == "never-clicked":
        return by_day, 0
    if name == "nobody-came":
        return 0, 0
    if name == "once":
        return (1, 0) if hour == 30 else None
    if name == "huge":
        return 1_000_000_000, 100_000_000 + chance.randint(-5_000, 5_000)
    if name == "gap" and 24 * 5 + 3 <= hour < 24 * 8 + 9:
        return None
    if name == "summer-time" and hour >= 24 * 6:
        by_day = int((300 + 600 * (7 <= hour % 24 < 19)) * chance.uniform(0.95, 1.05))
    if name == "winter-time" and hour >= 24 * 6:
        by_day = int((300 + 600 * (9 <= hour % 24 < 21)) * chance.uniform(0.95, 1.05))
    return by_day, sum(chance.random() < 0.1 for _ in range(by_day))


def tallies() -> Iterator[dict[str, Any]]:
    """Yield the hourly tallies of two variants of all initiatives."""
    chance = Random(4)
    for hour in range(24 * DAYS):
        for name in HARD:
            for variant in ("a", "b"):
                counts = hour_of(name, hour, chance)
                if counts is None:
                    continue
                at = START + hour * HOUR + 600_000
                value = {
                    "event_id": f"{name}-{hour}-{variant}",
                    "occurred_at": at,
                    "type": "tally",
                    "initiative": name,
                    "channel": "web",
                    "variant": variant,
                    "exposures": counts[0],
                    "clicks": counts[1],
                }
                yield {"topic": "engagement-events", "key": name, "timestamp": at, "value": value}


def no_numbers() -> Iterator[bytes]:
    """Yield tallies whose counts are no numbers, or none that a count can be."""
    for number, count in enumerate((b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1", b"1.5", b'"many"')):
        at = START + 24 * 7 * HOUR + number
        value = b'{"event_id":"n-%d","occurred_at":%d,"type":"tally","initiative":"huge","exposures":1000,"clicks":%b}' % (
            number,
            at,
            count,
        )
        yield b'{"topic":"engagement-events","key":"huge","timestamp":%d,"value_base64":"%b"}' % (at, b64encode(value))


def test_hard_streams_open_nothing_but_the_silence_of_the_gap(tmp_path: Path) -> None:
    """All-zero seasons, windows of nobody, one event, three days of nothing, a thousand million an hour, clocks put forward or back."""
    source, config, out = tmp_path / "f.jsonl", tmp_path / "c.yaml", tmp_path / "out"
    source.write_bytes(b"\n".join([*no_numbers(), *map(orjson.dumps, tallies())]))
    config.write_text(CONFIG)
    assert main(["replay", "--config", str(config), "--input", str(source), "--out", str(out)]) == 0
    steps = [orjson.loads(line)["value"]["data"] for line in (out / "incidents.jsonl").read_bytes().splitlines()]
    assert {(step["initiative"], step["check"]) for step in steps if step["step"] == "opened"} == {("gap", "freshness")}
    assert [step["step"] for step in steps if step["step"] in ("opened", "closed")] == ["opened", "closed"]
    refused = [orjson.loads(line)["value"]["data"]["reason_code"] for line in (out / "dead-letters.jsonl").read_bytes().splitlines()]
    assert len(refused) == len(list(no_numbers()))
    assert set(refused) == {"not_json", "invalid_value"}
