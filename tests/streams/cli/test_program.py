"""`pmon` as a shell sees it: exit codes, streams, help whose examples run, and the calculator verbs over lines."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import orjson
import pytest
import yaml

from streams.cli import main
from streams.cli.program import VERBS, program
from tests.streams.cli.outputs import finding, incident, write

ROOT = Path(__file__).parents[3]
LONG = ("demo", "replay", "report", "simulate")  # their examples run minutes of events; their own tests run them short
LIVE = ("run", "produce", "tail", "topics", "doctor")  # theirs need a broker: tests/integration runs these verbs on one
TC_STRING = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA"
ARMS = b'{"id":"x","kind":"proportion","arms":[{"name":"a","n":9000,"s":310},{"name":"b","n":9000,"s":390}]}\n'


def commands(group: click.Group, *names: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*names, name))
        if isinstance(command, click.Group):
            found += commands(command, *names, name)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of --help might stand: outputs in `out`, `pmon` on the path."""
    write(tmp_path / "out", [incident("7c1e")], [finding(0), finding(1)])
    shim = tmp_path / "bin" / "pmon"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m streams.cli "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.timeout(600)
@pytest.mark.parametrize("names", commands(program), ids=" ".join)
def test_every_verb_shows_an_example_that_runs(names: tuple[str, ...], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What --help shows can be copied as it is; it ends in 0, or in 1 where there is something to act on."""
    assert main([*names, "--help"]) == 0
    shown = capfd.readouterr().out
    example = re.search(r"Example:\n((?: .*\n?)+)", shown)

    assert example is not None
    if names[0] not in (*LONG, *LIVE):
        ran = subprocess.run(["sh", "-c", example[1]], cwd=folder, capture_output=True, timeout=500)
        assert (ran.returncode in (0, 1), ran.stderr) == (True, b"")
        assert ran.stdout


def test_only_verbs_that_are_there_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    """Each line of --help is a verb that can be run."""
    assert main(["--help"]) == 0
    out = capfd.readouterr().out

    assert re.findall(r"^  ([a-z]+) +\w", out.partition("Commands:")[2], re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nope"], "No such command 'nope'"),
        (["check"], "Missing argument 'CONFIG'"),
        (["check", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["check", "--nope"], "No such option"),
        (["schema", "incidnt"], "did you mean incident"),
        (["schema", "incident", "--all"], "either a NAME or --all"),
        (["consent", "decode"], "either STRING arguments or --input FILE"),
        (["readout", "--input", "nowhere"], "nowhere: cannot be read"),
        ([], "Usage: pmon"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The message says what, where and what would be right, on standard error."""
    code = main(arguments)

    captured = capfd.readouterr()
    assert told in captured.err
    assert (code, captured.out) == (2, "")


def test_a_defect_of_ours_is_exit_code_70(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It is called one, says where it is and what to do, and tells no value."""
    monkeypatch.setitem(VERBS, "stumble", "tests.streams.cli.stumbling")

    code = main(["stumble"])

    captured = capfd.readouterr()
    assert code == 70
    assert re.search(r"a defect of pmon, not of your input: KeyError at tests/streams/cli/stumbling\.py:\d+", captured.err)
    assert "PMON_TRACEBACK=1" in captured.err
    assert "secret-person" not in captured.err + captured.out


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would say it."""
    monkeypatch.setitem(VERBS, "stumble", "tests.streams.cli.stumbling")

    assert main(["stumble", "--interrupted"]) == 130


def test_a_reader_that_has_seen_enough_is_no_defect(folder: Path) -> None:
    """`pmon schema --all | head -1` ends quietly."""
    ran = subprocess.run(["sh", "-c", "pmon schema --all | head -n 1"], cwd=folder, capture_output=True, timeout=500)

    assert (ran.stdout, ran.stderr) == (b"{\n", b"")


def test_check_prints_a_config_that_checks_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The effective config is a config, with the same sha256."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("version: 1\ntiming: {window: 5m}\n")

    assert main(["check", str(first)]) == 0
    printed = capfd.readouterr().out
    second.write_text(printed)
    assert main(["check", str(second), "--json"]) == 0
    answer = orjson.loads(capfd.readouterr().out)

    assert printed.startswith(f"# sha256: {answer['sha256']}\n")
    assert yaml.safe_load(printed) == answer["config"]
    assert answer["config"]["timing"]["window"] == "5m"


def test_check_prints_no_address_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints is refused with what to do about it, and is the same config once the addresses are back."""
    path, printed = tmp_path / "config.yaml", tmp_path / "printed.yaml"
    path.write_text("version: 1\nsinks: {team: {url: 'json://secret@h.example/x'}, hook: {url: 'https://h.example/t0ken'}}\n")
    assert main(["check", str(path)]) == 0
    text = capfd.readouterr().out
    printed.write_text(text)
    assert "Addresses of sinks are masked (***)" in text
    assert not {"secret", "t0ken"} & set(text.replace("@", "/").split("/"))

    assert main(["check", str(printed)]) == 2
    told = capfd.readouterr().err
    assert [name in told for name in ("sinks.team.url: is masked", "sinks.hook.url: is masked")] == [True, True]

    printed.write_text(text.replace("json://***", "json://secret@h.example/x").replace("https://***", "https://h.example/t0ken"))
    assert main(["check", str(printed)]) == 0
    assert capfd.readouterr().out == text


def test_check_names_line_and_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; with --json the problems are one document on standard output too."""
    path = tmp_path / "a.yaml"
    path.write_text("version: 1\ntiming:\n  windw: 5m\n")

    assert main(["check", str(path)]) == 2
    assert f"{path}:3: timing.windw: " in capfd.readouterr().err
    assert main(["check", str(path), "--json"]) == 2
    problem = orjson.loads(capfd.readouterr().out)["problems"][0]
    assert (problem["path"], problem["line"]) == ("timing.windw", 3)


def test_schemas_are_those_committed(tmp_path: Path) -> None:
    """`schema --all --out` writes what `schemas/` holds."""
    assert main(["schema", "--all", "--out", str(tmp_path)]) == 0

    written = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert written == {path.name: path.read_text() for path in (ROOT / "schemas").glob("*.json")}


def test_consent_decode_answers_line_by_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Order kept, one bad line does not stop the rest, exit code 1 where one was bad."""
    lines = tmp_path / "strings.jsonl"
    lines.write_bytes(b'"' + TC_STRING.encode() + b'"\n\xff\n"x"\n{"input":"' + TC_STRING.encode() + b'"}\n')

    code = main(["consent", "decode", "--input", str(lines)])

    answers = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [answer["ok"] for answer in answers] == [True, False, False, True]
    assert code == 1
    assert main(["consent", "decode", TC_STRING]) == 0


def test_readout_answers_line_by_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Order kept, one bad line does not stop the rest, exit code 1 where one was bad."""
    lines = tmp_path / "sums.jsonl"
    lines.write_bytes(ARMS + b"{\n" + ARMS)

    code = main(["readout", "--input", str(lines)])

    answers = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [answer["error"] is None for answer in answers] == [True, False, True]
    assert code == 1
    assert answers[0]["arms"]["b"]["difference"] == pytest.approx(80 / 9000)


def test_a_message_cannot_steer_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A name that turns the writing direction is refused, and quoted as what it is."""
    (tmp_path / "c.yaml").write_text("version: 1\ninitiatives:\n  'evil \u202eeman': {}\n", encoding="utf-8")

    assert main(["check", str(tmp_path / "c.yaml")]) == 2
    told = capfd.readouterr().err
    assert "\u202e" not in told
    assert "evil \ufffdeman: must be printable text" in told
