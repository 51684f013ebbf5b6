"""Performance figures, against numbers worked out by hand."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cell import Cell, Counts, add
from detectors.window import DAY, HOUR
from reporting.decision_path import decision_paths
from reporting.performance import performance, split_of
from reporting.report import build
from reporting.snapshot import Row, Snapshot
from tests.reporting.builders import PATHS, START, cell, request, row, snapshot

WEB = {"exposures": 1000, "clicks": 40, "conversions": 10, "technical_fallbacks": 5, "consent_fallbacks": 70, "subjects": 800}
EMAIL = {"exposures": 200, "clicks": 4, "conversions": 1, "subjects": 150, "revenue_minor.EUR": 1250, "last_ms": START + HOUR}


def two_days(**changes: object) -> Snapshot:
    rows = (row(0, {cell(channel="web"): WEB, cell(channel="email"): EMAIL}), row(1, {cell(channel="web"): WEB}, partial=True))
    old = (row(-2, {cell(channel="web"): {**WEB, "clicks": 90}}), row(-1, {cell(channel="web"): WEB}))
    return snapshot(rows, old, **{"request": request(dimension="channel"), **changes})


def test_totals_are_the_counts_of_every_row_and_the_figures_of_their_sum() -> None:
    """web 2 × 1000 / 40 / 10, email 200 / 4 / 1: 84 clicks of 2,200."""
    totals = build(two_days())["performance"]["totals"]
    assert totals["counts"] == {
        "exposures": 2200,
        "clicks": 84,
        "conversions": 21,
        "technical_fallbacks": 10,
        "consent_fallbacks": 140,
        "no_match_fallbacks": 0,
        "late": 0,
        "subjects": 1750,
        "revenue_minor": {"EUR": 1250},
        "consent": {},
    }
    kpis = totals["kpis"]
    assert pytest.approx(84 / 2200) == kpis["ctr"]
    assert pytest.approx(1250 / 2200) == kpis["revenue_per_exposure"]
    assert pytest.approx(21 / 84) == kpis["click_to_conversion"]
    assert kpis["freshness_s"] == (2 * DAY - HOUR) / 1000


def test_a_figure_over_nothing_is_null_not_zero() -> None:
    """No judged exposure, no consent violation rate; no exposure, no rate at all."""
    kpis = build(two_days())["performance"]["totals"]["kpis"]
    assert kpis["consent_violation_rate"] is None
    assert kpis["srm_failure_share"] is None
    empty = build(snapshot((row(0, {}),)))["performance"]
    assert {None} == {value for name, value in empty["totals"]["kpis"].items() if name != "revenue_per_exposure"}
    assert empty["totals"]["kpis"]["revenue_per_exposure"] is None
    assert empty["segments"] == []


def test_money_in_two_currencies_is_never_added() -> None:
    mixed = {cell(channel="web"): {**WEB, "revenue_minor.EUR": 5, "revenue_minor.USD": 7}}
    totals = build(snapshot((row(0, mixed),)))["performance"]["totals"]
    assert totals["counts"]["revenue_minor"] == {"EUR": 5, "USD": 7}
    assert totals["kpis"]["revenue_per_exposure"] is None


def test_the_trend_has_one_point_a_row_and_marks_the_partial_one() -> None:
    trend = build(two_days())["performance"]["trend"]
    assert [(point["counts"]["exposures"], point["partial"]) for point in trend] == [(1200, False), (1000, True)]
    assert [point["start"] for point in trend] == ["2026-11-09T00:00:00.000Z", "2026-11-10T00:00:00.000Z"]


def test_the_previous_period_is_compared_with_an_interval() -> None:
    """CTR 84/2200 = 3.82 % after 130/2000 = 6.50 %: down 2.68 pp, and the interval leaves 0 out."""
    previous = build(two_days())["performance"]["previous"]
    change = previous["change"]["ctr"]
    assert pytest.approx(84 / 2200 - 130 / 2000) == change["difference"]
    assert change["interval"][1] < 0
    assert change["moved"]
    assert (previous["from"], previous["to"]) == ("2026-11-07T00:00:00.000Z", "2026-11-09T00:00:00.000Z")


def test_exposures_are_compared_over_complete_rows_only() -> None:
    """A day that is half over is not a day that lost half: 1,200 on the complete day against 1,000 a day before."""
    assert {"per": "complete day", "relative": pytest.approx(0.2)} == build(two_days())["performance"]["previous"]["exposures"]


def test_a_cell_that_did_not_exist_before_has_no_previous() -> None:
    segments = build(two_days())["performance"]["segments"]
    assert {segment["key"]["channel"]: segment["previous"] is not None for segment in segments} == {"web": True, "email": False}
    assert [segment for segment in segments if segment["previous_suppressed"]] == []


@pytest.mark.parametrize("before", [(), (row(-1, {}),)])
def test_without_a_previous_period_nothing_is_compared(before: tuple[Row, ...]) -> None:
    """Neither no rows nor rows without an event are something to compare with."""
    report = build(snapshot((row(0, {cell(): WEB}),), before))
    assert report["performance"]["previous"] is None
    assert [segment["change"] for segment in report["performance"]["segments"]] == [None]


@pytest.mark.parametrize(
    ("asked", "dimensions"),
    [
        ({"detail": "full"}, ["profile", "channel", "variant"]),
        ({"detail": "summary"}, ["channel"]),
        ({"dimension": "cohort"}, ["cohort"]),
        ({"dimension": "variant", "detail": "summary"}, ["variant"]),
    ],
)
def test_the_request_picks_the_rows_of_the_table(asked: dict[str, str], dimensions: list[str]) -> None:
    report = build(snapshot((row(0, {cell("p", "web", "c", "v"): WEB}),), request=request(**asked)))
    assert dimensions == report["performance"]["dimensions"]
    assert [set(dimensions)] == [set(segment["key"]) for segment in report["performance"]["segments"]]


CELLS = st.tuples(st.sampled_from(["p1", "p2"]), st.sampled_from(["web", "email"]), st.just("-"), st.sampled_from(["a", "b"]))
COUNTS = st.dictionaries(
    st.sampled_from(["exposures", "clicks", "subjects", "revenue_minor.EUR", "consent.valid"]), st.integers(1, 10**6), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, COUNTS), max_size=12), st.integers(0, 2**32))
def test_the_same_counts_in_any_order_and_split_are_the_same_performance(events: list[tuple[Cell, Counts]], seed: int) -> None:
    """Merging is addition: rows folded from parts in any order say the same, to the byte."""
    shuffled = events[:]
    Random(seed).shuffle(shuffled)
    first, second = (snapshot((folded(order),)) for order in (events, shuffled))
    assert performance(first, split_of(first)) == performance(second, split_of(second))


def folded(events: list[tuple[Cell, Counts]]) -> Row:
    cells: dict[Cell, Counts] = {}
    for held, counts in events:
        add(cells.setdefault(held, {}), counts)
    return row(0, cells)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, COUNTS), min_size=1, max_size=10), st.lists(st.integers(0, 3), min_size=10, max_size=10))
def test_totals_do_not_depend_on_how_days_split_the_counts(events: list[tuple[Cell, Counts]], days: list[int]) -> None:
    whole = build(snapshot((folded(events),)))["performance"]["totals"]["counts"]
    parts = [folded([event for event, day in zip(events, days, strict=False) if day == index]).cells for index in range(4)]
    assert whole == build(snapshot(tuple(row(index, cells) for index, cells in enumerate(parts))))["performance"]["totals"]["counts"]


def test_decision_paths_say_where_exposures_end() -> None:
    """301 of 1,000 end at hero-a; what fewer than ten took is counted and not named."""
    found = decision_paths(PATHS, 10)
    assert found["exposures"] == 1_000_000
    assert found["ends"][0] == {"node": "checklist", "exposures": 310_000, "share": 0.31, "previous_share": None, "change": None}
    assert found["other"] == {"edges": 1, "exposures": 4, "minimum": 10}
    assert "rare" not in str(found["edges"])


def test_decision_paths_that_mark_start_and_end_with_nothing_are_the_same() -> None:
    """The log writes the node before a path's first step, and the one after its last, as empty."""
    marked = {("", "eligible"): 90, ("eligible", "hero"): 80, ("hero", ""): 80, ("eligible", ""): 10}
    found = decision_paths(marked, 10)
    assert found["exposures"] == 90
    assert [(e["from"], e["to"], e["exposures"]) for e in found["edges"]] == [("exposures", "eligible", 90), ("eligible", "hero", 80)]
    assert [(end["node"], end["exposures"]) for end in found["ends"]] == [("hero", 80), ("eligible", 10)]


def test_ends_are_held_against_the_period_before_and_dead_branches_are_named() -> None:
    """The tile nobody is sent to any more is dead; what fewer than ten took before is not worth a name; 20 % to 10 % is a move."""
    before = {("", "eligible"): 1_000, ("eligible", "hero"): 790, ("eligible", "tile"): 200, ("tile", "old"): 60, ("eligible", "odd"): 9}
    now = {("", "eligible"): 1_000, ("eligible", "hero"): 890, ("eligible", "tile"): 100}
    found = decision_paths(now, 10, before)
    ends = {end["node"]: end for end in found["ends"]}
    assert ends["hero"]["previous_share"] == 0.79
    assert round(ends["hero"]["change"]["difference"], 9) == 0.1
    assert ends["hero"]["change"]["moved"]
    assert found["dead"] == [{"from": "tile", "to": "old", "previous": 60}]
    assert decision_paths({}, 10, before)["dead"] == []
