"""Commands: each says what it needs, and a refusal can be answered with what would be right."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.message.alert_threshold import Condition, parse_alert_threshold
from governance.message.command import Command
from governance.message.reading import read
from governance.message.refusal import Refusal
from governance.message.report_window import ReportWindow, parse_report_window
from tests.governance.message.examples import COMMAND, refused, taken, without

BASE = {name: COMMAND[name] for name in ("request_id", "requested_at", "requested_by", "initiative")}
ABOUT = {"incident_id": "5c1e46f0-6d0b-5a52-9d5c-0b6f2b4d7a31"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"command": "acknowledge", **ABOUT}, None),
        ({"command": "acknowledge"}, ("missing_field", "incident_id")),
        ({"command": "resolve", "report_id": "r-1", "note": "done"}, None),
        ({"command": "resolve"}, ("missing_field", "incident_id")),
        ({"command": "log_remediation", **ABOUT, "note": "rolled back"}, None),
        ({"command": "log_remediation", **ABOUT}, ("missing_field", "note")),
        ({"command": "silence", **ABOUT, "until": "2026-11-23T00:00:00Z"}, None),
        ({"command": "silence", **ABOUT}, ("missing_field", "until")),
        ({"command": "silence", **ABOUT, "until": "tomorrow"}, ("invalid_value", "until")),
        ({"command": "sign_off", "report_id": "r-1"}, None),
        ({"command": "sign_off"}, ("missing_field", "incident_id")),
        ({"command": "set_availability", "person": "ana", "available": False, "until": None}, None),
        ({"command": "set_availability", "person": "ana", "available": False, "initiative": "*"}, None),
        ({"command": "set_availability", "available": True}, ("missing_field", "person")),
        ({"command": "set_availability", "person": "ana"}, ("missing_field", "available")),
        ({"command": "set_availability", "person": "ana", "available": "no"}, ("invalid_value", "available")),
        ({"command": "report", "initiative": "*"}, ("invalid_value", "initiative")),
        ({"command": "report", "dimension": "variant"}, None),
        ({"command": "report", "dimension": "country"}, ("invalid_value", "dimension")),
        ({"command": "report", "detail": "everything"}, ("invalid_value", "detail")),
        ({"command": "report", "reply_to": "my.topic-1"}, None),
        ({"command": "report", "reply_to": "../etc"}, ("invalid_value", "reply_to")),
        ({"command": "report", "request_id": "q 1"}, ("invalid_value", "request_id")),
    ],
)
def test_each_command_says_what_it_needs(fields: dict[str, Any], expected: tuple[str, str] | None) -> None:
    """A command without what it is about is refused with the field it lacks."""
    assert refused("monitor-commands", {**BASE, **fields}) == expected


@pytest.mark.parametrize(
    ("text", "window"),
    [("7d", (7, "day")), ("14d", (14, "day")), ("400d", (400, "day")), ("1h", (1, "hour")), ("48h", (48, "hour"))],
)
def test_a_window_is_days_or_hours_within_what_is_kept(text: str, window: tuple[int, str]) -> None:
    """`14d` is fourteen UTC days, `24h` are hours: not the same rows."""
    assert parse_report_window(text) == ReportWindow(*window)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["0d", "401d", "49h", "7", "d", "7 d", "-7d", "07d", "1w", "P7D", "1.5d", "99999999999d", "7d\n", ""])
def test_a_window_out_of_reach_is_refused_with_an_example(text: str) -> None:
    """The error names the field and what would be right, for the answer on `reports`."""
    result = taken("monitor-commands", {**COMMAND, "window": text})

    assert isinstance(result, Refusal)
    assert (result.code, result.path, result.request_id, result.initiative) == ("invalid_value", "window", "q-1", "plg-onboarding")
    assert result.message is not None
    assert "14d" in result.message


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("ctr<0.02", [("ctr", "<", 0.02)]),
        (" ctr <= 0.02 , technical_fallback_rate>=5e-2 ", [("ctr", "<=", 0.02), ("technical_fallback_rate", ">=", 0.05)]),
        ("revenue_per_exposure.EUR>-1", [("revenue_per_exposure.EUR", ">", -1.0)]),
        ("ctr<.5,ctr<0.50", [("ctr", "<", 0.5)]),
    ],
)
def test_thresholds_are_read_whole(text: str, conditions: list[tuple[str, str, float]]) -> None:
    """One or more `kpi op number` joined by commas, a repeat once."""
    assert parse_alert_threshold(text) == tuple(Condition(*condition) for condition in conditions)


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "ctr", "ctr<", "<0.02", "ctr=0.02", "ctr==1", "ctr!=1", "ctr=<1", "ctr<0.02,", "ctr<0.02;x>1", "ctr<nan", "ctr<inf",
        "ctr<1e400",
     "ctr<1e13", "ctr<0x1", "ctr<1_0", "ctr<0.02%", "1ctr<1", "c tr<1", "ctr<1 2", "ctr<<1", "ctr<x", "ctr<１", "ctr<1\x00", "ctr<1,,a<1",
     "a" * 200 + "<1", ",".join(f"k{number}<1" for number in range(21)), "__import__('os')<1",
    ],
)  # fmt: skip
def test_a_threshold_that_is_not_whole_is_refused(text: str) -> None:
    """Nothing of a malformed threshold is used: half a condition would be another one."""
    result = taken("monitor-commands", {**COMMAND, "alert_threshold": text})

    assert isinstance(result, Refusal)
    assert (result.code, result.path, result.request_id) == ("invalid_value", "alert_threshold", "q-1")


@given(st.sampled_from(["<", "<=", ">", ">="]), st.floats(-1e12, 1e12, allow_nan=False))
def test_a_check_is_named_by_its_condition_and_reads_back(op: str, value: float) -> None:
    """However a number was written, its check has one name, and that name is the condition again."""
    condition = Condition("ctr", op, value + 0.0)
    written = condition.check.removeprefix("request:")

    assert parse_alert_threshold(written)[0].check == condition.check


@given(st.text(max_size=30))
def test_no_text_breaks_the_threshold(text: str) -> None:
    """Any text is conditions or a ValueError."""
    try:
        conditions = parse_alert_threshold(text)
    except ValueError as error:
        assert "must" in str(error)  # noqa: PT017  both outcomes are fine, the law is about each
    else:
        assert all(condition.op in ("<", "<=", ">", ">=") for condition in conditions)


@pytest.mark.parametrize("broken", [{"request_id": "q 1"}, {"request_id": None}, {"initiative": ""}, {"initiative": 5}])
def test_a_command_nobody_can_be_told_about_carries_no_ids(broken: dict[str, Any]) -> None:
    """Without a readable request id and initiative there is no answer, only a dead letter."""
    result = taken("monitor-commands", {**COMMAND, **broken, "window": "x"}, "k")

    assert isinstance(result, Refusal)
    assert (result.request_id, result.initiative) == (None, None)


def test_a_command_under_the_wrong_key_is_answered() -> None:
    """The refusal says which field the key has to be."""
    result = taken("monitor-commands", COMMAND, "other")

    assert isinstance(result, Refusal)
    assert (result.code, result.request_id, result.initiative) == ("key_mismatch", "q-1", "plg-onboarding")
    assert result.message == "the key of the record must be its initiative"


def test_only_commands_are_answered() -> None:
    """A refused event of another topic carries no ids, whatever fields it has."""
    result = read("engagement-events", b"k", orjson.dumps({**COMMAND}))

    assert isinstance(result, Refusal)
    assert (result.request_id, result.initiative, result.path) == (None, None, "event_id")


def test_a_command_reads_what_it_asks() -> None:
    """The texts of a command are given as values too."""
    command = taken("monitor-commands", COMMAND)

    assert isinstance(command, Command)
    assert (command.report_window, command.conditions) == (ReportWindow(14, "day"), (Condition("ctr", "<", 0.02),))
    assert without(COMMAND, "window")["request_id"] == command.request_id
