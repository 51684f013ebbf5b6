"""`pmon incidents`: the table and one incident, for people and for programs."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from governance.message.instant import format_instant
from reporting.view.screen import Screen
from streams.cli import main
from streams.cli.incident_folder import read_outputs
from streams.cli.incident_view import table
from tests.streams.cli.outputs import finding, incident, uuid, write
from tests.streams.test_commands import BAD, MINUTE, NOON, Acted

ROOT = Path(__file__).parents[3]
PRIVACY = {"role": "data_privacy_lead", "person": "eli", "substitute_for": "dee", "reason": "dee is away"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An open one escalated once, an acknowledged consent violation, one that is over."""
    steps = [
        incident("7c1e"),
        incident("7c1e", level=2, sequence=2, step="escalated", updated_at="2026-11-22T14:15:00.000Z"),
        incident("d902", state="resolved", step="resolved", sequence=3, key={"channel": "in-app", "kpi": "ctr"}),
        incident(
            "a41f",
            check="consent_violation",
            key={"channel": "email", "verdict": "withdrawn"},
            state="acknowledged",
            step="acknowledged",
            level=3,
            owner=PRIVACY,
            opened_at="2026-11-21T13:05:00.000Z",
        ),
    ]
    return write(tmp_path / "out", steps, [finding(0, state="pending"), finding(1, observed=0.011)])


def test_a_step_that_was_taken_is_marked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Under the step stands who said so, and when; what begins with no step's number marks none."""
    said = [("ana", "step 1: web it is"), ("chi", "Step 9: gone"), ("chi", "looked at step 1")]
    log = [
        {"id": f"r{at}", "at": f"2026-11-22T14:2{at}:00.000Z", "actor": actor, "action": action} for at, (actor, action) in enumerate(said)
    ]
    folder = write(tmp_path / "out", [incident("7c1e", remediation=log)], [])

    main(["incidents", "show", "7c1e", "--from", str(folder)])

    told = capfd.readouterr().out.splitlines()
    place = told.index("     1  Look at the segments.")
    assert told[place + 1] == "        taken: Ana, 14:20"
    assert sum("taken" in line for line in told) == 1


def test_what_is_open_stands_first(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Level down, then what is over; piped it is ASCII, without colour, the watermark in RFC 3339; exit code 1 says: act."""
    code = main(["incidents", "--from", str(folder)])

    assert capfd.readouterr().out.splitlines() == [
        "plg-onboarding   watermark 2026-11-22T14:32:30.000Z   2 open, 1 over",
        "",
        "LEVEL  ID    WHAT                                  STATE             OWNER        SINCE",
        "L3     a41f  Personalised after withdrawal, email  acknowledged      Eli for Dee  21 Nov 13:05  1 d 1 h",
        "L2     7c1e  CTR below 2.00 %, web                 not acknowledged  Chi          14:00         32 min",
        "L1     d902  Threshold low-ctr breached, in-app    resolved          Chi          14:00         32 min",
        "",
        f"Next  pmon incidents show a41f --from {folder}",
    ]
    assert code == 1


def test_nothing_open_is_said_and_is_fine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An empty table would leave the reader guessing."""
    code = main(["incidents", "list", "--from", str(write(tmp_path / "out", [], []))])

    assert "Nothing is open" in capfd.readouterr().out
    assert code == 0


def test_one_incident_shows_windows_steps_and_what_to_do(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By any beginning of its id that fits one."""
    code = main(["incidents", "show", "7c", "--from", str(folder)])
    text = capfd.readouterr().out

    assert "L2  CTR below 2.00 %, web   threshold:low-ctr, web, not acknowledged, Chi, since 14:00" in text
    assert "  12:00  13:00  1.24 %  at least 2.00 %  breach 1" in text
    assert "  13:00  14:00  1.10 %  at least 2.00 %  breach 2" in text
    assert [line.split()[1] for line in text.splitlines() if "L1" in line or "L2  to" in line] == ["Opened", "Escalated"]
    assert "Do    Roll rule-42 back to v6." in text
    assert code == 1


def test_json_is_one_document(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The incidents as published, latest step each, and nothing else on standard output."""
    main(["incidents", "list", "--from", str(folder), "--json"])
    listed = orjson.loads(capfd.readouterr().out)
    main(["incidents", "show", "7c1e", "--from", str(folder), "--json"])
    shown = orjson.loads(capfd.readouterr().out)

    assert [(one["incident_id"], one["level"]) for one in listed["incidents"]] == [(uuid("a41f"), 3), (uuid("7c1e"), 2), (uuid("d902"), 1)]
    assert listed["watermark"] == "2026-11-22T14:32:30.000Z"
    assert [step["step"] for step in shown["timeline"]] == ["opened", "escalated"]
    assert [found["observed"] for found in shown["findings"]] == [0.0124, 0.011]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "ffff", "--from", "out"], "no incident has an id that begins so; here are a41f, 7c1e, d902"),
        (["show", "", "--from", "out"], "no incident has an id that begins so"),
        (["list", "--from", "nowhere"], "nowhere: holds no incidents.jsonl"),
    ],
)
def test_a_wrong_question_is_told_what_would_be_right(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """On standard error, with exit code 2."""
    monkeypatch.chdir(folder.parent)

    code = main(["incidents", *arguments])

    captured = capfd.readouterr()
    assert told in captured.err
    assert captured.out == ""
    assert code == 2


def test_ids_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """The short ids grow until each is one incident's."""
    alike = incident("7c1e", incident_id="7c1e0000-1111-5000-8000-000000000000")
    outputs = read_outputs(write(tmp_path / "out", [incident("7c1e"), incident("7c1f"), alike], []))

    assert len({story.name for story in outputs.stories}) == 3
    assert all(outputs.find(story.name) is story for story in outputs.stories)


@pytest.mark.parametrize("columns", [110, 90, 80, 70, 60, 50, 40])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_row_is_wider_than_the_terminal(folder: Path, columns: int, unicode: bool) -> None:
    """A narrow one drops the age, then the owner's reason, then the id, and never wraps a row."""
    text = table(read_outputs(folder), Screen(columns, colour=False, unicode=unicode), Path("out"))

    *rows, command = text.splitlines()
    assert max(map(len, rows)) <= columns
    assert command == "Next  pmon incidents show a41f --from out"  # to be copied, so it is never cut
    shown = [part for part in ("32 min", "for Dee", "d902") if part in text]
    assert shown == ["32 min", "for Dee", "d902"][3 - len(shown) :]
    assert (columns >= 110) == (len(shown) == 3)


def test_a_hostile_name_does_nothing_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Escapes and line ends in names are shown, not obeyed."""
    bad = incident("7c1e") | {"initiative": "a\x1b[31mb\r\nc", "key": {"channel": "\x1b]0;x\x07web"}, "recommended_action": "\x1b[2J"}

    main(["incidents", "list", "--from", str(write(tmp_path / "out", [bad], []))])
    main(["incidents", "show", "7c1e", "--from", str(tmp_path / "out")])

    out = capfd.readouterr().out
    assert not {"\x1b", "\x07", "\r"} & set(out)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty to look through")
@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"PYTHONIOENCODING": "ascii"}, False)])
def test_colour_is_for_terminals_that_want_it(folder: Path, more: dict[str, str], coloured: bool) -> None:
    """NO_COLOR and a locale without UTF-8 get the same columns in plain ASCII."""
    reader, terminal = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "110"} | more
    environment = {name: value for name, value in environment.items() if name != "NO_COLOR" or "NO_COLOR" in more}
    command = [sys.executable, "-m", "streams.cli", "incidents", "--from", str(folder)]

    subprocess.run(command, stdout=terminal, env=environment, check=False, timeout=60)
    os.close(terminal)
    out = os.read(reader, 100_000)
    os.close(reader)

    assert (b"\x1b[" in out) == coloured
    assert ("■■■ L3".encode() in out) == coloured
    assert out.isascii() != coloured


def test_what_is_asked_is_a_line_for_the_next_replay(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`ack` prints the command; with it among the inputs the incident is acknowledged, and asking it twice does it once."""
    first = Acted(BAD, tmp_path / "first")
    folder, name = str(first.out), first.incidents[0].incident_id[:8]
    at = format_instant(NOON + 4 * MINUTE)

    for _ in range(2):
        assert main(["incidents", "ack", name, "--by", "ben", "--note", "on it", "--at", at, "--from", folder]) == 0
    asked = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    found = Acted([*BAD, *asked], tmp_path / "second")

    assert asked[0] == asked[1]
    assert [one.step for one in found.incidents].count("acknowledged") == 1
    assert [entry.body["note"] for entry in found.audit if entry.kind == "command"] == ["on it"]


def test_a_silence_has_an_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`silence --until` is done once however often it is sent, and two different ends are two commands."""
    first = Acted(BAD, tmp_path / "first")
    folder, name = str(first.out), first.incidents[0].incident_id[:8]
    silence = ["incidents", "silence", name, "--by", "ana", "--at", format_instant(NOON + 4 * MINUTE), "--from", folder, "--until"]

    assert main([*silence, format_instant(NOON + 90 * MINUTE)]) == 0
    assert main([*silence, format_instant(NOON + 91 * MINUTE)]) == 0
    asked = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    found = Acted([*BAD, asked[0], asked[0]], tmp_path / "second")

    assert asked[0]["value"]["request_id"] != asked[1]["value"]["request_id"]
    assert [one.step for one in found.incidents].count("silenced") == 1


def test_who_is_away_and_what_is_signed_are_lines_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`away` before the incident opens has it asked of the substitute; `sign-off` stands in the chain under who signed."""
    first = Acted(BAD, tmp_path / "first")
    folder, name = str(first.out), first.incidents[0].incident_id[:8]

    away, back = ["away", "ana", "--by", "chi"], ["back", "ana", "--by", "ben", "--initiative", "home"]
    for said, at in ((away, 1), (back, 3), (["sign-off", name, "--by", "dee", "--note", "seen"], 4)):
        assert main(["incidents", *said, "--at", format_instant(NOON + at * MINUTE), "--from", folder]) == 0
    asked = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    found = Acted([*BAD, *asked], tmp_path / "second")

    owner = found.incidents[0].owner
    assert owner is not None
    assert (owner.person, owner.substitute_for) == ("ben", "ana")
    audited = {(entry.body["command"], entry.body["by"], entry.body["ok"]) for entry in found.audit if entry.kind == "command"}
    assert audited == {("set_availability", "chi", True), ("set_availability", "ben", True), ("sign_off", "dee", True)}


ASKED_WRONGLY = [
    ["resolve"],
    ["resolve", "--by", "x" * 200],
    ["log", "--by", "a"],
    ["ack", "--by", "a", "--at", "noon"],
    ["silence", "--by", "a"],
    ["silence", "--by", "a", "--until", "tomorrow"],
]


@pytest.mark.parametrize("more", ASKED_WRONGLY)
def test_what_is_asked_wrongly_is_told(folder: Path, capfd: pytest.CaptureFixture[str], more: list[str]) -> None:
    """Exit code 2, nothing on standard output."""
    assert main(["incidents", more[0], "7c1e", *more[1:], "--from", str(folder)]) == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("columns", "heads"), [(110, ["ID", "INITIATIVE"]), (96, ["ID"]), (70, [])])
def test_a_long_title_is_cut_before_the_id_and_the_id_before_the_title_says_nothing(tmp_path: Path, columns: int, heads: list[str]) -> None:
    """With several initiatives a wide screen keeps what a reader needs to act; no row is wrapped."""
    far = {"channel": "in-app", "profile": "trial-administrator", "kpi": "ctr"}
    steps = [incident("7c1e", key=far, check="dip"), incident("d902", initiative="renewal-nudge", opened_at="2026-11-20T14:00:00.000Z")]
    outputs = read_outputs(write(tmp_path / "out", steps, []))

    lines = table(outputs, Screen(columns, colour=False, unicode=True), None).splitlines()

    assert [name for name in ("ID", "INITIATIVE") if name in lines[2].split()] == heads
    assert all(len(line) <= columns for line in lines[:5])
    assert all(len(line.split("L1 ")[1].lstrip()) > 32 for line in lines[3:5])
