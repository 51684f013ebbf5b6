"""The screen says the same thing everywhere: in colour or not, in marks or ASCII, wide or narrow."""

import re
from pathlib import Path

import pytest

from reporting.view.screen import Screen
from streams.demo.screen import daily, frame, row
from tests.streams.demo.telling import halfway, told

GOLDEN = Path(__file__).parents[2] / "golden" / "demo"
ESCAPE = re.compile("\x1b\\[[0-9;]*m")


@pytest.mark.parametrize(("columns", "unicode"), [(110, True), (80, True), (110, False), (80, False)])
def test_the_screen_is_what_was_agreed(columns: int, unicode: bool) -> None:
    expected = (GOLDEN / f"{columns}-{'unicode' if unicode else 'ascii'}.txt").read_text(encoding="utf-8")
    assert expected == "\n".join(frame(told(), halfway(), Screen(columns, False, unicode))) + "\n"


@pytest.mark.parametrize("columns", [110, 80, 40])
def test_colour_adds_nothing_but_colour(columns: int) -> None:
    coloured = frame(told(), halfway(), Screen(columns, True, True))
    assert any("\x1b[91" in line for line in coloured)
    assert [ESCAPE.sub("", line).rstrip() for line in coloured] == [
        line.rstrip() for line in frame(told(), halfway(), Screen(columns, False, True))
    ]


@pytest.mark.parametrize("columns", [200, 110, 100, 80, 60, 40])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_row_is_wider_than_the_terminal(columns: int, unicode: bool) -> None:
    lines = frame(told(), halfway(), Screen(columns, False, unicode))
    assert max(len(line) for line in lines) <= min(columns, 110)


def test_without_unicode_every_line_is_ascii_and_without_escapes() -> None:
    lines = [*frame(told(), halfway(), Screen(110, False, False)), daily(told(), halfway(), Screen(110, False, False))]
    assert all(line.isascii() and "\x1b" not in line for line in lines)


def test_a_low_terminal_shows_the_end_of_the_story_and_how_much_is_above() -> None:
    whole = frame(told(), halfway(), Screen(110, False, True))
    low = frame(told(), halfway(), Screen(110, False, True), rows=len(whole) - 4)
    assert len(low) < len(whole) - 4
    assert whole[-4:] == low[-4:]
    assert "earlier)" in "\n".join(low)


def test_names_from_outside_cannot_steer_the_terminal() -> None:
    story = told()
    story.change(
        b'{"change_id":"\\u001b[2J","initiative":"plg-onboarding","rule_id":"a\\nb","version":1,"action":"deployed",'
        b'"occurred_at":"2026-11-10T06:00:00Z","channels":["\\u202eweb"],"actor":{"id":"x"}}'
    )
    line = row(story.entries[-1], Screen(110, False, True))
    assert "\x1b" not in line
    assert "\n" not in line
    assert "\u202e" not in line
