"""A terminal is redrawn in place and given back; a pipe gets each thing once, as plain lines."""

import io
import re

from reporting.view.screen import Screen
from streams.demo.screen import Progress
from streams.demo.telling import HIDE_CURSOR, SHOW_CURSOR, Redrawn, Written
from streams.simulation.scenario import START
from tests.streams.demo.telling import END, halfway, told


def at(now: int) -> Progress:
    """Return the progress at a time."""
    whole = halfway()
    return Progress(whole.about, whole.seed, whole.speed, whole.start, whole.end, now, whole.events)


def test_a_pipe_gets_each_entry_once_and_a_line_a_day_without_escapes() -> None:
    out = io.StringIO()
    telling = Written(out, Screen(110, False, False))
    story = told()
    late, story.entries = story.entries[4:], story.entries[:4]
    telling.show(story, at(START))
    telling.show(story, at(START + 60_000))
    story.entries += late
    telling.show(story, at(START + 86_400_000))
    telling.end(story, at(END))
    telling.close()
    lines = out.getvalue().splitlines()
    assert lines[0] == "pmon demo   a scripted fortnight, everything in this process, nothing to install"
    assert len([line for line in lines if " opened L1 " in line]) == 3
    assert len([line for line in lines if " day " in line]) == 1
    assert len([line for line in lines if line.startswith("2026")]) == len(story.entries) + 1
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()


def test_a_terminal_is_drawn_over_never_higher_than_it_is_and_given_back() -> None:
    out, time = io.StringIO(), iter(range(100))
    telling = Redrawn(out, lambda: (Screen(80, True, True), 20), lambda: next(time))
    story = told()
    for _ in range(3):
        telling.show(story, halfway())
    telling.end(story, halfway())
    telling.close()
    text = out.getvalue()
    assert text.startswith(HIDE_CURSOR)
    assert text.endswith(SHOW_CURSOR)
    frames = text.split("\x1b[J")[:-1]
    assert len(frames) == 4
    assert all(frame.count("\n") <= 19 for frame in frames[:3])
    ups = [int(number) for number in re.findall("\x1b\\[([0-9]+)F", text)]
    assert ups == [frame.count("\n") for frame in frames[:3]]
    assert frames[3].count("\n") > 19


def test_frames_come_no_faster_than_they_can_be_read() -> None:
    out, now = io.StringIO(), 0.0
    telling = Redrawn(out, lambda: (Screen(80, True, True), 40), lambda: now)
    for _ in range(50):
        now += 0.01
        telling.show(told(), halfway())
    assert 4 <= out.getvalue().count("\x1b[J") <= 6
