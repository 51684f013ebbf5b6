"""Backtest: each candidate does what a replay of its own config does, and a wrong question is told what would be right."""

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from streams.cli.program import main

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
RULE = "initiatives.home.thresholds.low-ctr"
CONFIG: dict[str, Any] = {
    "version": 1,
    "privacy": {"opt_in_jurisdictions": [], "default_jurisdiction": "US"},
    "initiatives": {"home": {"thresholds": [{"id": "low-ctr", "kpi": "ctr", "op": "<", "value": 0.05, "window": "1h"}]}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with twelve hours of one initiative: CTR 10 %, two hours at 6 %, three at 2 %; and its config and labels."""
    clicks = [100, 60, 60, 100, 100, 100, 100, 20, 20, 20, 100, 100]
    lines = []
    for hour, number in enumerate(clicks):
        at = NOON + hour * HOUR + 30 * MINUTE
        value = {"event_id": f"t-{hour}", "occurred_at": at, "type": "tally", "initiative": "home", "channel": "web"}
        lines.append({"topic": "engagement-events", "key": "a", "timestamp": at, "value": {**value, "exposures": 1_000, "clicks": number}})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "labels.jsonl").write_text(json.dumps({"start": NOON + 7 * HOUR, "end": NOON + 10 * HOUR, "key": {}}) + "\n")
    return tmp_path


def backtest(folder: Path, capfd: pytest.CaptureFixture[str], *more: str, source: str = "--input") -> list[dict[str, Any]]:
    """Return the candidates of a backtest."""
    name = "in.jsonl" if source == "--input" else "out/monitor-signals.jsonl"
    assert main(["backtest", "--config", str(folder / "c.yaml"), source, str(folder / name), "--json", *more]) == 0
    found: list[dict[str, Any]] = json.loads(capfd.readouterr().out)["candidates"]
    return found


def test_every_candidate_does_what_a_replay_of_its_config_does(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Judged side by side in one run, values and M of N open where they open alone."""
    found = backtest(folder, capfd, "--set", f"{RULE}.value=0.01,0.05,0.08", "--set", f"{RULE}.datapoints_to_alarm=1,2")

    for one in found:
        config = json.loads(json.dumps(CONFIG))
        for path, value in one["set"].items():
            config["initiatives"]["home"]["thresholds"][0][path.rpartition(".")[2]] = value
        (folder / "one.yaml").write_text(yaml.safe_dump(config))
        out = folder / "alone"
        assert main(["replay", "--config", str(folder / "one.yaml"), "--input", str(folder / "in.jsonl"), "--out", str(out)]) == 0
        steps = [json.loads(line)["value"]["data"] for line in (out / "incidents.jsonl").open()]
        opened = [step["opened_at"] for step in steps if step["step"] == "opened" and step["check"] == "threshold:low-ctr"]
        assert [fire["opened_at"] for fire in one["fires"]] == opened
    assert [one["incidents"] for one in found] == [0, 0, 1, 1, 2, 2]


SWEPT: dict[str, list[Any]] = {
    "detectors.dip.window": ["1m", "2m"],
    "detectors.dip.group_by": [[], ["channel"]],
    "detectors.dip": [False],
    "thresholds.low-ctr.datapoints_to_alarm": [2, 3],
    "thresholds.low-ctr.window": ["2m", "5m"],
}


def minutes(folder: Path) -> Path:
    """Write two hours of three channels by the minute, one of which loses its clicks for ten minutes; return the file."""
    chance, lines = Random(5), []
    for minute in range(112):
        for number, channel in enumerate(("web", "email", "push")):
            at = NOON + minute * MINUTE + (5 + number) * 1_000
            clicks = sum(chance.random() < (0.03 if channel == "web" and 100 <= minute < 110 else 0.2) for _ in range(600))
            value = {"event_id": f"{channel}-{minute}", "occurred_at": at, "type": "tally", "initiative": "home", "channel": channel}
            value |= {"exposures": 600, "clicks": clicks}
            lines.append({"topic": "engagement-events", "key": channel, "timestamp": at, "value": value})
    path = folder / "minutes.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def watched() -> dict[str, Any]:
    """Return a config that watches those minutes by detectors and one bound."""
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    config["initiatives"]["home"]["thresholds"][0] |= {"value": 0.15, "window": "2m", "group_by": ["channel"], "evaluation_periods": 3}
    detectors = {"dip": {"window": "1m", "group_by": ["channel"]}, "freshness": False, "drift": False, "suppression": {"window": "1m"}}
    config["initiatives"]["home"]["detectors"] = detectors
    return config


def put(config: dict[str, Any], path: str, value: Any) -> None:
    """Set a place of the initiative."""
    _, *names, last = ["home", *path.split(".")]
    at = config["initiatives"]["home"]
    for name in names:
        at = next(one for one in at if one["id"] == name) if isinstance(at, list) else at[name]
    at[last] = value


def test_a_detector_swept_does_what_a_replay_with_it_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Windows, levels, M of N of detectors and bounds: each candidate opens and resolves what its own config opens and resolves."""
    source = minutes(tmp_path)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(watched()))
    for path, values in SWEPT.items():
        setting = f"initiatives.home.{path}=" + ",".join(json.dumps(value) for value in values)
        assert main(["backtest", "--config", str(tmp_path / "c.yaml"), "--input", str(source), "--json", "--set", setting]) == 0
        found = json.loads(capfd.readouterr().out)["candidates"]
        for one, value in zip(found, values, strict=True):
            config = watched()
            put(config, path, value)
            (tmp_path / "one.yaml").write_text(yaml.safe_dump(config))
            assert main(["replay", "--config", str(tmp_path / "one.yaml"), "--input", str(source), "--out", str(tmp_path / "alone")]) == 0
            steps = [json.loads(line)["value"]["data"] for line in (tmp_path / "alone" / "incidents.jsonl").open()]
            first, name, *_ = path.split(".")
            check = f"threshold:{name}" if first == "thresholds" else name
            own = [step for step in steps if step["step"] == "opened" and step["check"] == check]
            alone = [(step["opened_at"], step["key"].get("channel")) for step in own]
            assert [(fire["opened_at"], fire["key"].get("channel")) for fire in one["fires"]] == alone
            assert alone or value is False, (path, value)
        capfd.readouterr()


def test_events_are_read_once_whatever_is_tried(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input can be read only once: four candidates of detector and lifetime out of a pipe say what they say of the file."""
    source = minutes(tmp_path)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(watched()))
    swept = ["--set", "initiatives.home.detectors.dip.window=1m,2m", "--set", "incidents.clear_for=1m,5m"]
    arguments = ["backtest", "--config", str(tmp_path / "c.yaml"), "--json", *swept, "--input"]
    assert main([*arguments, str(source)]) == 0
    from_file = json.loads(capfd.readouterr().out)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))  # what a pipe brings: input, not code of ours
    assert main([*arguments, "-"]) == 0
    assert json.loads(capfd.readouterr().out) == from_file
    assert all(one["incidents"] for one in from_file["candidates"])


def test_labels_say_what_was_found_and_what_was_false(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The bound that also fires on the small dip finds the label and one thing too many."""
    found = backtest(folder, capfd, "--set", f"{RULE}.value=0.01,0.05,0.08", "--labels", str(folder / "labels.jsonl"))

    agreed = [one["agreement"] for one in found]
    assert [(one["found"], one["false"], one["delay_s"]) for one in agreed] == [(0, 0, None), (1, 0, 7200.0), (1, 1, 7200.0)]


def test_a_dump_of_signals_gives_the_same(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The monitor stage alone, its config replaced, finds what both stages find; settings outside the rules take a run each."""
    more = ["--set", f"{RULE}.value=0.05,0.08", "--set", "incidents.reopen_window=1h,5h"]
    assert main(["replay", "--config", str(folder / "c.yaml"), "--input", str(folder / "in.jsonl"), "--out", str(folder / "out")]) == 0
    capfd.readouterr()

    assert backtest(folder, capfd, *more) == backtest(folder, capfd, *more, source="--signals")


def test_the_picture_stands_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One SVG file, a lane a candidate; a table and strips of plain ASCII behind a pipe; what is in force and what agrees best is said."""
    arguments = ["backtest", "--config", str(folder / "c.yaml"), "--input", str(folder / "in.jsonl"), "--set", f"{RULE}.value=0.05,0.08"]
    assert main([*arguments, "--svg", str(folder / "b.svg"), "--labels", str(folder / "labels.jsonl")]) == 0

    drawn, told = (folder / "b.svg").read_text(), capfd.readouterr().out
    assert drawn.startswith("<svg xmlns=")
    assert "What 2 candidates would have opened" in drawn
    assert f"{RULE}.value" in drawn
    assert "0.05 (now, best)" in drawn
    assert "1 of 1 found, 1 false" in drawn
    assert next(line.split()[-2:] for line in told.splitlines() if line.startswith("0.05 ")) == ["now,", "best"]
    assert told.isascii()
    assert "1 of 1" in told
    assert max(map(len, told.splitlines())) <= 110


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("value", "write PATH=V1,V2"),
        ("=1", "the path is empty"),
        (f"{RULE}.valeu=1", "did you mean value?"),
        (f"{RULE}.value.x=1", "nothing can be set below it"),
        ("initiatives.away.thresholds.x.value=1", "known there: home"),
        (f"{RULE}.value=abc", "thresholds[0].value"),
        (f"{RULE}.datapoints_to_alarm=3", "datapoints_to_alarm"),
        (f"{RULE}.value=[1", "YAML scalars"),
        (f"{RULE}.value=2026-01-01", "must be a number"),
        (f"{RULE}.id=a,b", "an id cannot be swept"),
        (f"{RULE}.value=" + ",".join(map(str, range(501))), "at most 500"),
        ("\x1b[2J.x=1", "?[2J.x"),
        (f"{RULE}=false", f"name a part of it such as {RULE}.value"),
    ],
)
def test_a_wrong_setting_is_told_what_would_be_right(setting: str, message: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Hostile paths and values are exit code 2 naming the path."""
    code = main(["backtest", "--config", str(folder / "c.yaml"), "--input", str(folder / "in.jsonl"), "--set", setting])

    told = capfd.readouterr()
    assert (code, told.out) == (2, "")
    assert message in told.err
    assert "\x1b" not in told.err


LABEL = '{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z","key":{"chanel":"web"}}'


@pytest.mark.parametrize(
    "label",
    [
        "no JSON",
        "[]",
        '{"start":1}',
        '{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}',
        '{"start":null,"end":2,"key":3}',
        LABEL,
    ],
)
def test_a_wrong_label_is_told_its_line(label: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A label that cannot be is exit code 2 with its line."""
    (folder / "bad.jsonl").write_text(f"\n{label}\n")
    arguments = ["--input", str(folder / "in.jsonl"), "--set", f"{RULE}.value=1", "--labels", str(folder / "bad.jsonl")]

    assert main(["backtest", "--config", str(folder / "c.yaml"), *arguments]) == 2
    assert "line 2" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{RULE}.value=0.01", f"{RULE}.value=0.02"),
        ("initiatives.home.thresholds=[]", f"{RULE}.value=0.02"),
        ("initiatives.home.detectors.dip.window=2h", "initiatives.home.detectors.dip=false"),
    ],
)
def test_a_place_is_swept_once(first: str, second: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same place twice, or one within another, is exit code 2 and names both."""
    arguments = ["--input", str(folder / "in.jsonl"), "--set", first, "--set", second]

    assert main(["backtest", "--config", str(folder / "c.yaml"), *arguments]) == 2
    told = capfd.readouterr().err
    assert all(text.partition("=")[0] in told for text in (first, second))


def test_what_holds_nothing_to_judge_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No event, or a dump of signals under the wrong flag: exit code 2 and what would be right."""
    dump = '{"topic":"monitor-signals","key":null,"timestamp":1,"partition":0,"value":{}}\n'
    for text in ("", dump):
        (folder / "other.jsonl").write_text(text)
        code = main(["backtest", "--config", str(folder / "c.yaml"), "--input", str(folder / "other.jsonl"), "--set", f"{RULE}.value=0.05"])
        assert code == 2
        assert "--signals" in capfd.readouterr().err


@pytest.mark.parametrize("line", ['{"topic":"monitor-signals","partition":0,"timestamp":1,"value":{"v":1}}', "no record", '{"topic":'])
def test_a_dump_with_something_else_in_it_is_refused(line: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Wherever it stands, by backtest and by replay: exit code 2 and where."""
    assert main(["replay", "--config", str(folder / "c.yaml"), "--input", str(folder / "in.jsonl"), "--out", str(folder / "out")]) == 0
    dump = (folder / "out/monitor-signals.jsonl").read_text().splitlines()
    (folder / "bad.jsonl").write_text("\n".join([*dump[:9], line, *dump[9:]]))
    capfd.readouterr()

    for verb in (["backtest", "--config", str(folder / "c.yaml"), "--set", f"{RULE}.value=0.05"], ["replay", "--out", str(folder / "o2")]):
        assert main([*verb, "--signals", str(folder / "bad.jsonl")]) == 2
        told = capfd.readouterr().err
        assert "monitor-signals 0" in told or "line 10" in told


def test_labels_beyond_the_time_of_the_events_do_not_count(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a year of labels those of the twelve hours are looked for."""
    year = [{"start": NOON + day * 24 * HOUR, "end": NOON + day * 24 * HOUR + HOUR} for day in (-9, 3, 200)]
    (folder / "labels.jsonl").open("a").writelines(json.dumps(label) + "\n" for label in year)

    (one,) = backtest(folder, capfd, "--set", f"{RULE}.value=0.05", "--labels", str(folder / "labels.jsonl"))

    assert (one["agreement"]["found"], one["agreement"]["labels"]) == (1, 1)
    assert one["per_week"] == pytest.approx(168 * 60 / 661)  # between the starts of the first and the end of the last minute with events
