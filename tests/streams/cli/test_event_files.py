"""Verbs over event files that are not what they should be: a message and exit code 2, and nothing overwritten."""

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from governance.config import Config
from streams.cli import main

START = 1_763_769_600_000  # 2025-11-22T00:00:00Z


def line(number: int, topic: str = "engagement-events", **more: object) -> bytes:
    """Return one exposure, or another record, as a line."""
    at = START + number * 1_000
    value = {"event_id": f"e-{number}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": "u-1"}
    record = {"topic": topic, "key": "u-1", "timestamp": at, "value": value, **more}
    return orjson.dumps(record) + b"\n"


def told(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command line; return its exit code and what it says on standard error."""
    code = main(arguments)
    return code, capfd.readouterr().err


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A small event file that is right."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(line(number) for number in range(300)))
    return path


def test_files_that_cannot_be_read_are_named(tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Missing, a folder, gzip that breaks off or is none: which file, and what would be right."""
    packed = gzip.compress(events.read_bytes())
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "none.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    out = tmp_path / "out"
    for name, why in (("nowhere.jsonl", "no such file"), (".", "is a folder"), ("cut.gz", "is damaged"), ("none.gz", "is damaged")):
        for verb in (["replay", "--out", str(out)], ["report", "--initiative", "home"], ["consent", "verify", "--event", "e-1"]):
            code, said = told([*verb, "--input", str(tmp_path / name)], capfd)
            assert (code, why in said, name.strip(".") in said) == (2, True, True), (verb, name, said)


def test_outputs_stay_where_the_usage_is_wrong(tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A slip in a flag, a config or a file costs nobody the outputs of the run before."""
    out = tmp_path / "out"
    assert main(["replay", "--input", str(events), "--out", str(out)]) == 0
    before = (out / "kpi-windows.jsonl").read_bytes()
    assert before
    (tmp_path / "config.yaml").write_text("version: 2\n")
    wrong = (["--until", "soon"], ["--config", str(tmp_path / "config.yaml")], ["--input", str(tmp_path / "nowhere")])
    for arguments in wrong:
        assert told(["replay", "--input", str(events), "--out", str(out), *arguments], capfd)[0] == 2
        assert (out / "kpi-windows.jsonl").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_wrong_usage(events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for out in (events, events / "under"):
        code, said = told(["replay", "--input", str(events), "--out", str(out)], capfd)
        assert (code, "--out" in said) == (2, True)


def test_a_dump_with_a_hole_or_of_something_else_is_refused(tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is missing of the signals would be missing in every answer."""
    assert main(["replay", "--input", str(events), "--out", str(tmp_path / "out")]) == 0
    signals = (tmp_path / "out" / "monitor-signals.jsonl").read_bytes().splitlines(keepends=True)
    cases = {
        "hole": (b"".join(signals[:20] + signals[28:]), "is missing"),
        "broken": (b"".join([*signals[:20], b"{half a line\n", *signals[20:]]), "line 21"),
        "foreign": (line(1, "monitor-signals", value={"v": 1}), "no bulletin"),
        "events": (events.read_bytes(), "no record of monitor-signals"),
    }
    for name, (content, why) in cases.items():
        (tmp_path / name).write_bytes(content)
        code, said = told(["replay", "--signals", str(tmp_path / name), "--out", str(tmp_path / "again")], capfd)
        assert (code, why in said) == (2, True), said


def test_standard_input_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Ticks and configs that come by a pipe count as they would in a file."""
    ticks = [line(number) for number in range(200)]
    for partition in range(8):
        ends = {"engagement-events": 200} if partition == 5 else {}
        tick = {"at": START + 250_000, "ends": ends, "drain": False}
        ticks.append(line(210, "ticks", key=None, partition=partition, value=tick))
    content = b"".join(one.replace(b'"key":"u-1"', b'"key":"u-1","partition":5') if b"engagement" in one else one for one in ticks)
    (tmp_path / "events.jsonl").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))  # what a pipe brings: input, not code of ours
    capfd.readouterr()
    assert main(["replay", "--json", "--input", str(tmp_path / "events.jsonl"), "--out", str(tmp_path / "a")]) == 0
    by_file = capfd.readouterr().out
    assert main(["replay", "--json", "--input", "-", "--out", str(tmp_path / "b")]) == 0
    assert capfd.readouterr().out == by_file
    assert set(orjson.loads(by_file)["watermarks"].values()) == {"2025-11-22T00:03:00.000Z"}


def tick(at: object, partition: int, **more: object) -> bytes:
    """Return a tick as a line."""
    value = {"at": at, "ends": dict[str, int](), "drain": False, **more}
    return orjson.dumps({"topic": "ticks", "key": None, "partition": partition, "timestamp": START + 250_000, "value": value}) + b"\n"


def test_what_is_no_tick_is_refused_and_the_clock_goes_on(tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Broken, without ends, of the next century: a dead letter each, and the ticks beside them count."""
    wrong = [
        tick(START, 0, ends=5),
        tick("soon-secret", 1),
        tick(START, 2, drain="maybe"),
        tick(4_000_000_000_000, 3),
        orjson.dumps({"topic": "ticks", "key": None, "partition": 4, "timestamp": START, "value": None}) + b"\n",
        orjson.dumps({"topic": "ticks", "key": None, "partition": 5, "timestamp": START, "value": "secret"}) + b"\n",
    ]
    content = events.read_bytes() + b"".join(wrong) + b"".join(tick(START + 250_000, partition) for partition in range(8))
    (tmp_path / "in.jsonl").write_bytes(content)
    assert main(["replay", "--json", "--input", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out")]) == 0

    found = orjson.loads(capfd.readouterr().out)
    assert found["refused_by_reason"] == {"in_future": 1, "invalid_value": 4}
    assert set(found["watermarks"].values()) == {"2025-11-22T00:03:00.000Z"}
    assert b"secret" not in b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_ticks_and_configs_that_do_not_fit_their_file_are_wrong_input(
    tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is folded past a tick whose inputs are not there, nor before a config: the message says which partition waits for what."""
    config = Config(version=1)
    value: dict[str, Any] = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []}
    one = orjson.dumps({"topic": "monitor-config", "key": config.sha256, "partition": 0, "timestamp": START, "value": value}) + b"\n"
    cases = {
        "ticks": (events.read_bytes() + tick(START + 250_000, 3, ends={"engagement-events": 10**9}), "ticks, partition 3"),
        "config": (one + events.read_bytes(), "has records and no config"),
    }
    for name, (content, why) in cases.items():
        (tmp_path / name).write_bytes(content)
        code, said = told(["replay", "--input", str(tmp_path / name), "--out", str(tmp_path / "out")], capfd)
        assert (code, why in said) == (2, True), said


def test_a_file_named_twice_is_read_twice(tmp_path: Path, events: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As one would of two files that hold the same: its events are counted once."""
    assert main(["replay", "--json", "--input", str(events), "--input", str(events), "--out", str(tmp_path / "out")]) == 0
    assert orjson.loads(capfd.readouterr().out)["records"] == 600
    windows = [orjson.loads(one)["value"]["data"] for one in (tmp_path / "out" / "kpi-windows.jsonl").read_bytes().splitlines()]
    assert sum(one["counts"]["exposures"] for one in windows if one["revision"] == "counts") == 300
