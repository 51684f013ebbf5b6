"""Small cells: merged, never dropped, and never to be had by subtraction."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cell import DIMENSIONS, Cell
from reporting.coverage import MERGED, Key, hidden
from reporting.performance import COUNTED
from reporting.report import build
from tests.reporting.builders import cell, request, row, snapshot

SIZES = st.dictionaries(st.tuples(st.sampled_from("abcdefgh")), st.integers(0, 30), max_size=8)
CELLS = st.tuples(st.sampled_from(["p1", "p2"]), st.sampled_from(["web", "email", "sms"]), st.just("-"), st.sampled_from(["a", "b"]))
COUNTS = st.fixed_dictionaries({"exposures": st.integers(1, 500), "clicks": st.integers(0, 20), "subjects": st.integers(0, 40)})
ROWS = st.lists(st.dictionaries(CELLS, COUNTS, max_size=8), min_size=1, max_size=4)


@given(SIZES, st.integers(1, 20))
def test_whatever_is_hidden_holds_every_small_key_and_is_never_alone(sizes: dict[Key, int], minimum: int) -> None:
    merged = hidden(sizes, minimum)
    assert {key for key, size in sizes.items() if size < minimum} <= merged
    assert len(merged) != 1 or len(sizes) == 1
    larger = [key for key in merged if sizes[key] >= minimum]
    assert len(larger) <= 1


@settings(max_examples=40, deadline=None)
@given(ROWS, ROWS, st.sampled_from([None, *DIMENSIONS]), st.sampled_from(["full", "summary"]))
def test_no_published_row_is_under_the_minimum_and_all_rows_add_up(
    now: list[dict[Cell, dict[str, int]]], before: list[dict[Cell, dict[str, int]]], dimension: str | None, detail: str
) -> None:
    """The law of the table: shown rows reach the minimum on some day, shown and merged rows together are the totals."""
    rows = tuple(row(index, cells) for index, cells in enumerate(now))
    old = tuple(row(index - len(before), cells) for index, cells in enumerate(before))
    report = build(snapshot(rows, old, request=request(dimension=dimension, detail=detail)))
    performance = report["performance"]
    for segment in performance["segments"]:
        if not segment["merged"]:
            daily = [
                sum(counts["subjects"] for held, counts in entry.cells.items() if named(held, performance["dimensions"]) == segment["key"])
                for entry in rows
            ]
            assert max(daily) >= 10
    for name in COUNTED:
        assert performance["totals"]["counts"][name] == sum(segment["counts"][name] for segment in performance["segments"])


@settings(max_examples=40, deadline=None)
@given(ROWS, ROWS)
def test_the_previous_period_of_a_small_row_is_not_to_be_had_by_subtraction(
    now: list[dict[Cell, dict[str, int]]], before: list[dict[Cell, dict[str, int]]]
) -> None:
    """Where one row's previous period is left out, another one's is too, unless the period before had no other."""
    rows = tuple(row(index, cells) for index, cells in enumerate(now))
    old = tuple(row(index - len(before), cells) for index, cells in enumerate(before))
    segments = build(snapshot(rows, old))["performance"]["segments"]
    known = {tuple(sorted(segment["key"].items())) for segment in segments if not segment["merged"]}
    stood = {tuple(sorted(named(held, ["profile", "channel", "variant"]).items())) for entry in old for held in entry.cells}
    places = len(stood & known) + bool(stood - known)
    concealed = [segment for segment in segments if segment["previous_suppressed"]]
    nowhere = bool(stood - known) and not any(segment["merged"] for segment in segments)
    assert not concealed or len(concealed) + nowhere > 1 or places == 1


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(["profile", "channel", "variant"]))
def test_no_small_cell_is_the_difference_of_two_reports(now: list[dict[Cell, dict[str, int]]], dimension: str) -> None:
    """A row by one dimension less the full report's rows within it is nothing, or holds the minimum of people on some day."""
    rows = tuple(row(index, cells) for index, cells in enumerate(now))
    full = build(snapshot(rows))["performance"]["segments"]
    coarse = build(snapshot(rows, request=request(dimension=dimension)))["performance"]["segments"]
    alone = [segment["key"] for segment in full if not segment["merged"]]
    names = ["profile", "channel", "variant"]
    for segment in coarse:
        if segment["merged"]:
            continue
        within = [one for one in full if not one["merged"] and one["key"][dimension] == segment["key"][dimension]]
        rest = segment["counts"]["exposures"] - sum(one["counts"]["exposures"] for one in within)
        daily = [
            sum(
                counts["subjects"]
                for held, counts in entry.cells.items()
                if named(held, [dimension]) == segment["key"] and named(held, names) not in alone
            )
            for entry in rows
        ]
        assert rest == 0 or max(daily) >= 10


def named(held: Cell, dimensions: list[str]) -> dict[str, str]:
    """Return a cell's key in the table's dimensions."""
    return {name: held[DIMENSIONS.index(name)] for name in dimensions}


def test_one_small_cell_takes_the_next_smallest_with_it() -> None:
    """web 100 · email 40 · sms 3   ->   web alone, email and sms as one row, so 3 cannot be computed."""
    cells = {cell(channel=name): {"exposures": number, "subjects": number} for name, number in (("web", 100), ("email", 40), ("sms", 3))}
    report = build(snapshot((row(0, cells),), request=request(dimension="channel")))
    segments = report["performance"]["segments"]
    assert [({"channel": "web"}, 100), ({"merged": MERGED[0]}, 43)] == [(one["key"], one["counts"]["exposures"]) for one in segments]
    assert report["coverage"]["suppressed"] == {"cells": 1, "merged": 2, "shown": 1, "minimum_subjects": 10}


def test_a_cell_that_reaches_the_minimum_on_one_day_is_shown() -> None:
    """Small on Monday, large on Tuesday: the rule asks for every day."""
    quiet, busy = {"exposures": 5, "subjects": 5}, {"exposures": 12, "subjects": 10}
    other = {"exposures": 90, "subjects": 60}
    rows = (
        row(0, {cell(channel="web"): other, cell(channel="sms"): quiet}),
        row(1, {cell(channel="web"): other, cell(channel="sms"): busy}),
    )
    segments = build(snapshot(rows, request=request(dimension="channel")))["performance"]["segments"]
    assert [segment["merged"] for segment in segments] == [False, False]


def test_a_trend_leaves_out_the_day_a_channel_was_small_and_one_more() -> None:
    """The whole initiative's day is public, so one missing channel would follow from the others."""
    rows = (
        row(0, {cell(channel=name): {"exposures": 50, "clicks": 5, "subjects": 40} for name in ("web", "email", "sms")}),
        row(
            1,
            {
                cell(channel="web"): {"exposures": 50, "clicks": 5, "subjects": 40},
                cell(channel="email"): {"exposures": 30, "clicks": 5, "subjects": 20},
                cell(channel="sms"): {"exposures": 3, "clicks": 1, "subjects": 3},
            },
        ),
    )
    trends = build(snapshot(rows, request=request(dimension="channel")))["performance"]["trends"]
    left_out = {trend["key"]["channel"]: [point["suppressed"] for point in trend["points"]] for trend in trends}
    assert left_out == {"web": [False, False], "email": [False, True], "sms": [False, True]}


def test_a_share_of_variants_is_not_given_where_a_merged_variant_is_in_the_whole() -> None:
    """100 shown of an unknown whole: the share would tell the small variant's exposures."""
    rows = (
        row(
            0,
            {
                cell("p1", "web", variant="a"): {"exposures": 100, "subjects": 90},
                cell("p1", "web", variant="b"): {"exposures": 4, "subjects": 3},
                cell("p2", "web", variant="a"): {"exposures": 300, "subjects": 90},
                cell("p2", "web", variant="b"): {"exposures": 100, "subjects": 90},
                cell("p3", "sms", variant="b"): {"exposures": 4, "subjects": 3},
            },
        ),
    )
    segments = build(snapshot(rows))["performance"]["segments"]
    shares = {tuple(segment["key"].values()): segment["kpis"]["variant_share"] for segment in segments}
    assert {("p1", "web", "a"): None, ("p2", "web", "a"): 0.75, ("p2", "web", "b"): 0.25, (MERGED[0],): None} == shares


def test_counts_without_people_are_judged_by_their_exposures() -> None:
    """A tally that does not say how many people it covers is a count of exposures and nothing else."""
    cells = {
        cell(channel="web"): {"exposures": 500, "tallied": 1},
        cell(channel="sms"): {"exposures": 500},
        cell(channel="tv"): {"exposures": 3},
    }
    report = build(snapshot((row(0, cells),), request=request(dimension="channel")))
    assert [{"channel": "web"}, {"merged": MERGED[0]}] == [segment["key"] for segment in report["performance"]["segments"]]
