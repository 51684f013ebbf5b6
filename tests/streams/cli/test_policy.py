"""`pmon policy test`: rule changes through the policies, from files."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.cli import main
from streams.cli.policy_files import shipped_text
from tests.governance.policy.logs import approved, by, deployed, good, later, requested


def write(folder: Path, *events: dict[str, Any] | bytes) -> Path:
    """Write an event file of rule changes, or of lines as they stand."""
    lines = [
        one if isinstance(one, bytes) else orjson.dumps({"topic": "rule-changes", "key": one["initiative"], "value": one}) for one in events
    ]
    path = folder / "events.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return exit code, the JSON lines printed, and what went to standard error."""
    code = main(["policy", "test", *arguments])
    captured = capfd.readouterr()
    return code, [orjson.loads(line) for line in captured.out.splitlines()], captured.err


def test_a_good_change_is_exit_code_0(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One JSON line a check of the change, with the fields of a row; what is read besides rule changes is left aside."""
    exposure = b'{"topic":"engagement-events","key":"u","value":{"event_id":"e"}}'
    code, answers, _ = run(capfd, "--input", str(write(tmp_path, *good(), exposure)))

    assert code == 0
    assert {(one["change_id"], one["rule_id"], one["initiative"], one["error"]) for one in answers} == {("chg-1", "rule-1", "home", None)}
    assert [one["check"] for one in answers][:2] == ["request", "approvals"]
    assert {one["status"] for one in answers} == {"pass", "not_evaluated"}
    assert set(answers[0]) > {"check", "status", "found", "expected", "who", "since", "deadline", "reason", "evidence", "sop"}


def test_a_failing_row_is_exit_code_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The rows of a change stand together, in the order of the log's times."""
    bad = [requested(change_id="chg-2"), deployed(change_id="chg-2")]
    code, answers, _ = run(capfd, "--input", str(write(tmp_path, *bad, *good())))

    assert (code, list(dict.fromkeys(one["change_id"] for one in answers))) == (1, ["chg-1", "chg-2"])
    assert {(one["change_id"], one["check"]) for one in answers if one["status"] == "fail"} >= {("chg-2", "approvals")}


def test_one_bad_record_does_not_stop_the_rest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is answered with its error after the changes, and is exit code 1; nothing of what it said is repeated."""
    twice = b'{"topic":"rule-changes","key":"home","value":{"action":"approved","action":"deployed","reason":"secret-marker"}}'
    path = write(tmp_path, twice, *good(), b"{broken secret-marker", {**approved(), "action": "secret-marker"})
    code, answers, _ = run(capfd, "--input", str(path))

    assert (code, [one["error"]["code"] for one in answers if one["error"]]) == (1, ["duplicate_key", "broken_line", "invalid_value"])
    assert [one["error"] is None for one in answers[:-3]] == [True] * 9
    assert "secret-marker" not in str(answers)


def test_json_is_one_document(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Counts, one row a check, every change, differences of content, the policies by hash, what was refused."""
    second = later("chg-2", 30_000_000, 8, content={"weight": 2})
    first = [{**one, "content": {"weight": 1}} for one in good()]
    code = main(["policy", "test", "--input", str(write(tmp_path, *first, *second)), "--json"])
    found = orjson.loads(capfd.readouterr().out)

    assert code == 0
    assert set(found) == {"counts", "checks", "changes", "diffs", "policies", "refused"}
    assert [one["path"] for one in found["diffs"][0]["changes"]] == ["weight"]
    assert found["policies"][0]["id"] == "default"
    assert [row["check"] for row in found["checks"]][:2] == ["request", "approvals"]


def test_the_table_is_for_people(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is not met says why, who and until when; names cannot reach the terminal (hostile 28)."""
    waiting = requested(change_id="chg-9", actor=by("<b>`{{7*7}}"), rollback_plan=None)
    wicked = [requested(change_id="chg-8"), deployed(change_id="chg-8", experiment_ids=[], environment="production", reason="\x1b[2J\r\nX")]
    path = write(tmp_path, *good(), waiting, *wicked)
    code = main(["policy", "test", "--input", str(path), "--table"])
    out = capfd.readouterr().out

    assert code == 1
    assert "3 changes" in out
    assert "<b>`{{7*7}}; since" in out
    assert "anybody who did not make the change; since 2026-11-16T08:00:00.000Z" in out
    assert "\x1b" not in out
    assert "\nX" not in out


def test_policies_are_read_beside_their_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What the config names replaces the shipped policy."""
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "config.yaml").write_text("policies: [rules.yaml]\n")
    (folder / "rules.yaml").write_text("policy_version: 1\nchecks: [{id: two, type: approvals, count: 2}]\n")
    code, answers, _ = run(capfd, "--config", str(folder / "config.yaml"), "--input", str(write(tmp_path, *good())))

    assert (code, [one["check"] for one in answers]) == (1, ["two"])


def test_a_policy_file_with_a_fault_is_exit_code_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With file, line and path of the fault; so is one that is not there."""
    config = tmp_path / "config.yaml"
    config.write_text("policies: [rules.yaml]\n")
    events = str(write(tmp_path, *good()))

    assert run(capfd, "--config", str(config), "--input", events)[0] == 2
    (tmp_path / "rules.yaml").write_text("policy_version: 1\nchecks:\n  - {id: a, type: nope}\n")
    code, answers, told = run(capfd, "--config", str(config), "--input", events)
    assert (code, answers) == (2, [])
    assert f"{tmp_path / 'rules.yaml'}:3: checks[0]: must have a `type`" in told


def test_foreign_topics_are_mapped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A change log that exists already is read by the config's `sources`."""
    (tmp_path / "config.yaml").write_text("sources: [{topic: flags.audit, as: rule-changes, map: {change_id: ticket}}]\n")
    lines = [orjson.dumps({"topic": "flags.audit", "key": "home", "value": {**one, "ticket": "T-5", "change_id": None}}) for one in good()]
    code, answers, _ = run(capfd, "--config", str(tmp_path / "config.yaml"), "--input", str(write(tmp_path, *lines)))

    assert (code, {one["change_id"] for one in answers}) == (0, {"T-5"})


def test_what_is_waited_for_is_judged_as_of_a_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By default as of the last stamp; later with --at."""
    path = str(write(tmp_path, requested(), deployed(emergency=True)))

    def follow_up(*more: str) -> str:
        return str(next(row["status"] for row in run(capfd, "--input", path, *more)[1] if row["check"] == "emergency-follow-up"))

    assert (follow_up(), follow_up("--at", "2026-12-01T00:00:00Z")) == ("pending", "fail")


def test_the_shipped_policy_can_be_had(capfd: pytest.CaptureFixture[str]) -> None:
    """`policy show` prints it as it stands, comments and all."""
    assert main(["policy", "show"]) == 0
    assert capfd.readouterr().out == shipped_text()


def test_no_input_is_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what to say instead."""
    assert run(capfd)[0] == 2


def test_the_table_says_what_a_version_changed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the log gives both contents; a value one line, and nothing of it reaches the terminal."""
    first = good(content={"title": "Welcome", "weight": 1})
    second = later("chg-2", 86_400_000, 8, content={"title": "\x1b[2JWelcome back", "weight": 1, "cap": 3})
    main(["policy", "test", "--input", str(write(tmp_path, *first, *second)), "--table"])
    out = capfd.readouterr().out

    assert "cap  added 3   version 7 to 8" in out
    assert 'title  "Welcome" became "' in out
    assert "\x1b" not in out
