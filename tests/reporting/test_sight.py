"""What a report says of what detectors watch."""

from dataclasses import replace

import pytest

from reporting.report import build
from reporting.snapshot import Sight
from reporting.view import html, markdown, terminal
from tests.reporting.builders import cell, fortnight, row

SIGHTS = (
    Sight("dip", "ctr", (), (), "watched", 0.04),
    Sight("dip", "ctr", ("channel",), ("web",), "watched", 0.08),
    Sight("dip", "ctr", ("channel",), ("email",), "watched", 0.4),
    Sight("dip", "ctr", ("channel",), ("push",), "learning", None),
    Sight("dip", "ctr", ("channel",), ("kiosk",), "too_small", 7.0),
    Sight("freshness", "freshness", (), (), "watched", None),
)


def test_each_level_says_how_many_it_watches_and_what_the_best_and_the_worst_can_see() -> None:
    report = build(fortnight(sights=SIGHTS))
    whole, channels, feed = report["coverage"]["detection"]
    assert (whole["group_by"], whole["series"], whole["smallest_change"]["least"]) == ([], 1, 0.04)
    assert {name: channels[name] for name in ("series", "watched", "learning", "too_small")} == {
        "series": 4,
        "watched": 2,
        "learning": 1,
        "too_small": 1,
    }
    assert channels["smallest_change"] == {"least": 0.08, "median": pytest.approx(0.24), "most": 0.4}
    assert (feed["check"], feed["watched"], feed["smallest_change"]) == ("freshness", 1, None)


def test_a_key_of_few_people_is_counted_and_not_named() -> None:
    """Two channels of five people each are under the minimum of ten, and so is what hides in a cell that has no row."""
    people = {"web": 90, "email": 5, "push": 5}
    rows = (row(0, {cell(channel=name): {"exposures": 500, "subjects": number} for name, number in people.items()}),)
    (_, channels, _) = build(replace(fortnight(sights=SIGHTS), rows=rows, previous=()))["coverage"]["detection"]
    assert channels["series"] == 4
    assert channels["keys"] == [{"key": {"channel": "web"}, "state": "watched", "smallest_change": 0.08}]


def test_every_view_shows_it() -> None:
    report = build(fortnight(sights=SIGHTS))
    for shown in (markdown.render(report), html.render(report), terminal.render(report, width=120, colour=False, unicode=True)):
        line = next(line for line in shown.splitlines() if "dip of CTR" in line and "channel" in line)
        assert "8.00" in line.replace("\u00a0", " ")
        assert "40.0" in line.replace("\u00a0", " ")
    assert not build(fortnight())["coverage"]["detection"]


def test_a_frozen_series_is_counted_and_every_view_says_what_its_detector_raised() -> None:
    """It is neither watched nor learning, and whoever reads a report sees that, and of what kind the error was."""
    frozen = Sight("dip", "ctr", ("channel",), ("app",), "frozen", None, "ValueError")
    report = build(fortnight(sights=(*SIGHTS, frozen)))
    _, channels, _ = report["coverage"]["detection"]
    assert (channels["series"], channels["watched"], channels["frozen"], channels["raised"]) == (5, 2, 1, ["ValueError"])
    for shown in (markdown.render(report), html.render(report), terminal.render(report, width=140, colour=False, unicode=True)):
        assert "Frozen, dip by channel: 1 of 5, the detector raised ValueError" in shown.replace("\u00a0", " ")
