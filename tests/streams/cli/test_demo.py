"""`pmon demo` and `pmon simulate` as a newcomer runs them."""

from pathlib import Path

import orjson
import pytest

from streams.cli.program import main


def test_once_leaves_outputs_and_reports_and_prints_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "feed-stop", "--once", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert "! opened L1" in printed
    assert "PLG Onboarding" in printed
    assert f"pmon incidents --from {tmp_path}" in printed
    topics = ("incidents", "escalations", "findings", "kpi-windows", "reports", "audit-log", "dead-letters", "monitor-signals")
    assert {f"{topic}.jsonl" for topic in topics} <= {file.name for file in tmp_path.iterdir()}
    summary = orjson.loads((tmp_path / "summary.json").read_bytes())
    assert summary["counts_by_topic"]["reports"] == 2
    assert summary["refused_by_reason"] == orjson.loads((tmp_path / "truth.json").read_bytes())["refused"]
    for stem in ("report", "report-renewal-nudge"):
        report = orjson.loads((tmp_path / f"{stem}.json").read_bytes())
        assert report["title"] in (tmp_path / f"{stem}.html").read_text(encoding="utf-8")
        assert (tmp_path / f"{stem}.md").stat().st_size > 1_000
    assert main(["check", str(tmp_path / "config.yaml")]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--once"], "pmon: --once: needs --out DIR, the folder that gets the outputs and reports"),
        (["--speed", "fast"], "pmon: --speed: must be a number from 1 to 1e9, event time over wall time, or max, was 'fast'"),
        (["--speed", "nan"], "pmon: --speed: must be a number from 1 to 1e9, event time over wall time, or max, was 'nan'"),
    ],
)
def test_wrong_usage_says_what_would_be_right(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_simulate_writes_events_truth_and_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "events.jsonl"
    assert main(["simulate", "--out", str(out), "--scenario", "ctr-drop", "--days", "1", "--rate", "200"]) == 0
    assert capsys.readouterr().out.split() == [str(out), f"{out}.truth.json", f"{out}.config.yaml"]
    assert orjson.loads(Path(f"{out}.truth.json").read_bytes())["incidents"][0]["key"] == {"channel": "web"}
    assert main(["check", f"{out}.config.yaml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--days", "0"], "pmon: --days must be 1 to 400, was 0"),
        (["--rate", "5"], "pmon: --rate must be 200 to 1000000 events an hour, was 5"),
        (["--out", "/nowhere/at/all.jsonl"], "pmon: --out: /nowhere/at/all.jsonl cannot be written: No such file or directory"),
    ],
)
def test_simulate_refuses_what_it_cannot_do(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path / "events.jsonl"), *arguments]) == 2
    assert capsys.readouterr().err.strip() == message
