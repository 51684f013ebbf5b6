"""Charts: axes that hold their values, markup that parses, text that stays text."""

import re
from math import isfinite
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.chart.bars import Part, segment_bars
from reporting.chart.cells import axis, bar, bounds, rate_mark
from reporting.chart.flow import decision_flow
from reporting.chart.graph import PLACES, Node, plan_graph
from reporting.chart.interval import Look, Row, interval_path, whisker
from reporting.chart.multiples import Panel, row
from reporting.chart.scale import MOST_TICKS, around, step_of, ticks
from reporting.chart.series import Series, observed_series
from reporting.chart.timeline import Lane, Moment, lanes, steps

VALUES = st.lists(st.none() | st.floats(0, 100), min_size=1, max_size=40)
SPANS = st.floats(1e-6, 1e9)


def texts(svg: str) -> list[str]:
    """Return the texts of a chart that parses, its title first; every coordinate in it is a number."""
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    for node in root.iter():
        for name in ("x", "y", "width", "height", "cx", "cy", "r"):
            assert isfinite(float(node.get(name, "0")))
        assert "nan" not in node.get("d", "")
        assert "inf" not in node.get("d", "")
    return [node.text or "" for node in root.iter() if node.tag in ("title", "text")]


@given(SPANS)
def test_a_step_is_round_and_cuts_the_span_into_few_parts(span: float) -> None:
    step = step_of(span)
    assert f"{step:e}"[0] in "125"
    assert span / step <= MOST_TICKS - 1 + 1e-6


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_ticks_are_multiples_of_the_step_within_the_axis(low: float, share: float) -> None:
    span = max(low, 1) * share
    step = step_of(span)
    found = ticks(low, low + span, step)
    assert len(found) <= MOST_TICKS
    assert all(abs(at / step - round(at / step)) < 1e-6 for at in found)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_an_axis_of_enough_steps_holds_every_value(values: list[float]) -> None:
    step = step_of(max(max(values) - min(values), 0.02), 3)
    low, high = around(values, step, 4)
    assert low <= min(values) + 1e-9
    assert high >= max(values) - 1e-9


@settings(deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), min_size=1, max_size=3))
def test_panels_of_any_values_are_drawn(rows: list[tuple[list[float | None], list[float | None], bool]]) -> None:
    panels = [Panel("CTR, web", now, before, partial, changes=[0.5], breached=frozenset({0})) for now, before, partial in rows]
    for svg in row(panels, [(0, "9 Nov")]):
        assert texts(svg)[0].startswith("CTR, web")


def test_panels_of_one_row_share_their_step() -> None:
    """2 to 3 on one axis, 7.2 to 7.4 on the other: a rise of the same height is the same rise."""
    wide, narrow = row([Panel("a", [2.0, 3.0, 2.5], []), Panel("b", [7.2, 7.4, 7.3], [])], ())
    gaps = []
    for svg in (wide, narrow):
        marked = sorted(float(text) for text in texts(svg)[1:-1])
        gaps.append(round(marked[1] - marked[0], 6))
    assert gaps[0] == gaps[1]


def test_a_gap_is_not_bridged() -> None:
    """Two stretches of three points are two lines, never one."""
    (svg,) = row([Panel("a", [1.0, 2.0, 1.0, None, 2.0, 1.0, 2.0], [])], ())
    assert svg.count('class="obs"') == 2


def test_fewer_than_three_points_are_dots_only() -> None:
    (svg,) = row([Panel("a", [1.0, 2.0], [])], ())
    assert 'class="obs"' not in svg


@settings(deadline=None)
@given(VALUES, st.lists(st.integers(0, 39), max_size=3, unique=True), st.booleans())
def test_a_series_of_any_values_is_drawn(values: list[float | None], breached: list[int], partial: bool) -> None:
    inside = [index for index in breached if index < len(values)]
    band = [(1.0, 2.0)] * len(values)
    svg = observed_series(Series("CTR", values, [1.5] * len(values), band, inside, [(0.5, "chg-1")], [(0.0, "a")], (2.0, "bound"), partial))
    assert texts(svg)[0].startswith("CTR")


def test_breached_windows_are_numbered_and_the_last_value_is_labelled() -> None:
    found = texts(observed_series(Series("CTR", [4.0, 4.1, 3.2, 3.1], breached=[2, 3], changes=[(1.5, "chg-311")])))
    assert found[0] == "CTR: 2 of 4 windows breached, the last value is 3.10 %."
    assert {"1", "2", "chg-311", "observed 3.10"} <= set(found)


def test_segment_bars_say_who_carries_it_or_that_nobody_does() -> None:
    claimed = segment_bars([Part("web × trial-admin", 0.82, "−592", claim=True), Part("others", 0.18, "−130")], "722 lost clicks")
    assert texts(claimed)[0] == "web × trial-admin carries 82% of 722 lost clicks."
    assert texts(segment_bars([Part("web", 0.5, "")], "722 lost clicks"))[0].startswith("Global")


def test_a_row_mark_is_a_dot_inside_chance_and_a_diamond_beyond() -> None:
    span = bounds([0.03, 0.05])
    still = rate_mark(0.04, [0.039, 0.041], 0.0401, moved=False, bounds=span, said="still")
    fell = rate_mark(0.03, [0.029, 0.031], 0.05, moved=True, bounds=span, said="fell")
    assert ("circle" in still, "circle" in fell) == (True, False)
    assert texts(bar(0.5, "half")) == ["half"]
    assert "4" in axis(*span)


def test_lanes_and_steps_tell_what_happened_in_order() -> None:
    lane = Lane("CTR below 2 %, web", "L2", 10, 90, active=True, breaches=(20, 30))
    assert "1 of them active" in texts(lanes([lane], [(15, "chg-1")], (0, 100), [(0, "9 Nov")], 796))[0]
    moments = [
        Moment("change", "11:52", "chg-311 deployed", "rule-42 v7"),
        Moment("breach", "13:00", "Breach 1"),
        Moment("next", "14:45", "to Eli"),
    ]
    assert texts(steps(moments, "what happened"))[1:] == ["11:52", "chg-311 deployed", "rule-42 v7", "13:00", "Breach 1", "14:45", "to Eli"]


EDGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.integers(1, 10**6)), min_size=1, max_size=12)


@given(EDGES, st.sampled_from([326.0, 796.0]))
def test_a_flow_of_any_edges_is_drawn_circles_included(edges: list[tuple[str, str, int]], width: float) -> None:
    texts(decision_flow(edges, 10**6, width))


def test_the_plan_graph_names_what_was_not_evaluated() -> None:
    nodes = {name: Node("done", missing=name == "governance") for name in PLACES}
    assert texts(plan_graph(nodes))[0] == "The merge gate passed with governance not evaluated."


@pytest.mark.parametrize("name", ["<b>", "a&b", "{{7*7}}", "\x1b[31m", '"quoted"'])
def test_a_name_in_a_chart_stays_text(name: str) -> None:
    svg = segment_bars([Part(name, 0.5, name)], name)
    assert "<b>" not in svg
    assert "{{" not in svg
    texts(svg)


LOOKS = [Look(day * 86_400_000, -0.05 / day, 0.01, 0.06 / day) for day in range(4, 11)]


def test_the_time_before_the_first_interval_is_hatched() -> None:
    """Of ten days three had no interval: a third of the axis, named; with one from the start nothing is hatched."""
    collected, at_once = (interval_path(LOOKS, since, ("1 Nov", "10 Nov"), "pp", 592) for since in (86_400_000, 4 * 86_400_000))

    zone = re.search(r'<rect x="52" y="22" width="([0-9.]+)" height="116" class="grid"/>', collected)
    assert zone
    assert float(zone[1]) == pytest.approx((592 - 52 - 120) * 3 / 9, abs=0.1)
    assert ">collecting<" in collected
    assert "Before the first it was collecting." in collected
    assert "collecting" not in at_once


def test_a_row_without_an_interval_says_so_between_arrows() -> None:
    """Neither end is known: a dashed line to both, and no whisker."""
    drawn = whisker(Row("exp-7, b", None, None, None, "collecting"), (-1.0, 1.0), 320)

    assert drawn.count('class="restmark"') == 2
    assert "collecting, no interval yet" in drawn
    assert "thick" not in drawn
