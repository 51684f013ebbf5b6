"""Which segment moved: planted ones are found, nothing is named without a fault, order and side make no difference."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.cube import Row, cube_of
from detectors.lattice import lattice_of
from detectors.scan import Direction, everything, ranked, scan_of
from detectors.segment import Attribution, attribute

NAMES = ["profile", "channel", "cohort"]
SHAPE = {"profile": "abcd", "channel": "wxyz", "cohort": "123"}
MIRROR: dict[Direction, Direction] = {"up": "down", "down": "up", "both": "both"}

cells = st.tuples(*(st.sampled_from(values[:2]) for values in SHAPE.values()))
sides = st.lists(
    st.tuples(cells, st.integers(0, 3000), st.integers(0, 300)).map(lambda row: (row[0], min(row[2], row[1]), row[1])), max_size=10
)
directions = st.sampled_from(list(MIRROR))


def uniform(k: int, n: int, **changed: tuple[str, float]) -> list[Row]:
    """Every cell has k of n; `changed` multiplies k where the values given as one text occur, e.g. dip=("aw", 0.5)."""
    return [
        (key, round(k * math.prod(factor for values, factor in changed.values() if set(values) <= set(key))), n)
        for key in product(*SHAPE.values())
    ]


def found(before: list[Row], after: list[Row], direction: Direction = "both", **asked: Any) -> Attribution:
    return attribute(cube_of(NAMES, before, after), direction=direction, **asked)


def named(attribution: Attribution) -> list[str]:
    return ["".join(sorted(str(value) for _, value in segment.where)) for segment in attribution.segments]


def evidence(attribution: Attribution) -> list[float]:
    return [candidate.log_likelihood_ratio for candidate in attribution.candidates]


@pytest.mark.parametrize("values", ["a", "w", "aw", "1a", "1aw"])
@pytest.mark.parametrize(("factor", "direction"), [(0.5, "down"), (0.5, "both"), (2.0, "up"), (2.0, "both"), (0.0, "down"), (9.0, "up")])
def test_the_segment_that_moved_is_named(values: str, factor: float, direction: Direction) -> None:
    """One, two or three values, up or down, halved, doubled or gone: exactly that segment, and all of the change is its own."""
    answer = found(uniform(200, 4000), uniform(200, 4000, fault=(values, factor)), direction)

    assert named(answer) == ["".join(sorted(values))]
    assert answer.segments[0].share_of_change == pytest.approx(1.0)
    assert answer.candidates[0].where == answer.segments[0].where


def test_a_move_the_other_way_is_not_named() -> None:
    """Asked for dips, a rise is nothing; the cells that stood still while one rose did not fall."""
    assert named(found(uniform(100, 2000), uniform(100, 2000, rise=("a", 2.0)), "down")) == []
    assert named(found(uniform(100, 2000), uniform(100, 2000, dip=("a", 0.5)), "up")) == []


@pytest.mark.parametrize("common", [0.3, 0.8, 1.0, 1.25, 3.0])
@pytest.mark.parametrize("k", [3, 100, 10**8])
def test_a_change_of_everything_is_global(common: float, k: int) -> None:
    """All cells alike, by whatever factor and however large the counts: no segment."""
    assert named(found(uniform(k, 10 * k), uniform(round(k * common), 10 * k))) == []


def test_a_fault_on_a_day_when_everything_moves_is_found() -> None:
    """All rates rise by a third, one channel halves: the channel is named, not the rest."""
    assert named(found(uniform(90, 2000), uniform(120, 2000, dip=("w", 0.5)), "down")) == ["w"]


def test_more_traffic_where_rates_are_low_is_no_segment() -> None:
    """The whole rate falls by mix alone: nothing is named, and the change is all mix."""
    before: list[Row] = [(key, 200 if key[0] == "a" else 20, 2000) for key in product(*SHAPE.values())]
    after: list[Row] = [(key, 50 if key[0] == "a" else 40, 500 if key[0] == "a" else 4000) for key, _, _ in before]

    answer = found(before, after)

    assert named(answer) == []
    assert answer.effects is not None
    assert answer.effects.rate == pytest.approx(0.0)
    assert answer.effects.mix < -0.01


def test_a_part_that_moved_less_belongs_to_the_segment() -> None:
    """Where profile a falls to 10 % on one channel and to 50 % on the others, the name is profile a, not the worst corner."""
    assert named(found(uniform(200, 4000), uniform(200, 4000, all_of=("a", 0.5), worse=("aw", 0.2)), "down")) == ["a"]


def test_a_part_that_stood_still_does_not() -> None:
    """Where only one channel of profile a fell, the profile is not blamed."""
    assert named(found(uniform(200, 4000), uniform(200, 4000, corner=("aw", 0.3)), "down")) == ["aw"]


def test_two_faults_get_two_names() -> None:
    """Each is named once, the larger first, and their shares add up to the change."""
    answer = found(uniform(300, 4000), uniform(300, 4000, first=("a", 0.4), second=("by", 0.3)), "down")

    assert named(answer) == ["a", "by"]
    assert sum(segment.share_of_change or 0.0 for segment in answer.segments) == pytest.approx(1.0)


def test_frequent_success_is_judged_by_its_failures() -> None:
    """95 % delivered falls to 90 % on one channel: twice the failures stand out where 5 % fewer successes would not."""
    before, after = uniform(950, 1000), uniform(950, 1000, dip=("w", 900 / 950))

    assert named(found(before, after, "down")) == ["w"]
    assert found(before, after, "down").segments[0].after.k == 12 * 900
    assert named(found(before, after, "up")) == []


def test_wobble_of_rates_is_no_fault() -> None:
    """Millions of events make every 5 % wobble certain; none of it is named, in 60 cubes."""
    rng = np.random.default_rng(5)
    keys = list(product(*SHAPE.values()))

    def side() -> list[Row]:
        return [(key, int(k), 10**6) for key, k in zip(keys, 5e4 * np.exp(rng.normal(0, 0.05, len(keys))), strict=True)]

    assert sum(bool(named(found(side(), side()))) for _ in range(60)) == 0


@pytest.mark.parametrize("common", [1.0, 0.6])
def test_seldom_does_chance_get_a_name(common: float) -> None:
    """Of 200 cubes of coin flips without a fault at most 1 % get a segment: the stated rate, with or without a global change."""
    rng = np.random.default_rng(7)
    keys = list(product(*SHAPE.values()))
    rates = 0.05 * np.exp(rng.normal(0, 0.3, len(keys)))

    def side(factor: float) -> list[Row]:
        n = rng.poisson(500, len(keys))
        return [(key, int(some), int(of)) for key, some, of in zip(keys, rng.binomial(n, rates * factor), n, strict=True)]

    assert sum(bool(named(found(side(1.0), side(common)))) for _ in range(200)) <= 2


@settings(max_examples=40, deadline=None)
@given(sides, sides, directions, st.randoms(use_true_random=False))
def test_order_of_rows_and_dimensions_changes_nothing(before: list[Row], after: list[Row], direction: Direction, random: Any) -> None:
    """The same cells in any order, with dimensions in any order, and rows split in two, give the same answer to the last digit."""
    places = random.sample(range(3), 3)
    shuffled = []
    for side in (before, after):
        rows = [([key[place] for place in places], k, n) for key, k, n in side]
        halves = [half for key, k, n in rows for half in ((key, k // 2, n // 2 + k % 2), (key, k - k // 2, n - n // 2 - k % 2))]
        rows = halves if all(0 <= k <= n for _, k, n in halves) else rows
        shuffled.append(random.sample(rows, len(rows)))

    again = attribute(cube_of([NAMES[place] for place in places], *shuffled), direction=direction)

    assert found(before, after, direction) == again


@settings(max_examples=40, deadline=None)
@given(sides, sides, directions)
def test_names_of_dimensions_carry_no_weight(before: list[Row], after: list[Row], direction: Direction) -> None:
    """Dimensions with exchanged names give the same evidence under the exchanged names."""
    turned = attribute(cube_of(["cohort", "profile", "channel"], before, after), direction=direction)

    plain = found(before, after, direction)
    assert evidence(turned) == pytest.approx(evidence(plain), abs=1e-4)
    assert len(turned.segments) == len(plain.segments)


@settings(max_examples=40, deadline=None)
@given(sides, sides, directions)
def test_seen_from_the_other_side_a_rise_is_a_fall(before: list[Row], after: list[Row], direction: Direction) -> None:
    """Swapping before and after, and up and down, leaves the evidence as it is and turns the ratio over."""
    there, back = found(before, after, direction), found(after, before, MIRROR[direction])

    assert evidence(there) == pytest.approx(evidence(back), abs=1e-3)
    assert [(s.before, s.after) for s in there.segments] == [(s.after, s.before) for s in back.segments]


@settings(max_examples=40, deadline=None)
@given(sides, directions)
def test_no_claim_without_change(rows: list[Row], direction: Direction) -> None:
    """The same counts twice: nothing moved, nothing is named."""
    answer = found(rows, rows, direction)

    assert answer.segments == ()
    assert answer.effects is None or answer.effects.rate == 0.0


@settings(max_examples=60, deadline=None)
@given(sides, sides, directions)
def test_every_figure_can_be_trusted(before: list[Row], after: list[Row], direction: Direction) -> None:
    """Candidates are ranked, what is named clears its bar, intervals hold their ratio, and no figure is infinite or NaN."""
    answer = found(before, after, direction)

    ranked = evidence(answer)
    assert ranked == sorted(ranked, reverse=True)
    assert len(ranked) <= 5
    assert all(math.isfinite(value) and value >= 0.0 for value in ranked)
    for segment in answer.segments:
        assert segment.log_likelihood_ratio > segment.bar > 0.0
        assert segment.rate_ratio_ci is not None
        low, high = segment.rate_ratio_ci
        rates = segment.before.rate, segment.after.rate
        assert rates[0] is not None
        assert rates[1] is not None
        assert low * rates[0] <= rates[1] * (1 + 1e-9)
        assert (high is None) == (segment.before.k == 0)
        assert high is None or rates[1] <= high * rates[0] * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(sides, sides, directions, st.integers(1, 8), st.floats(0.0, 20.0))
def test_the_few_that_are_sorted_are_the_first_of_all(
    before: list[Row], after: list[Row], direction: Direction, most: int, bar: float
) -> None:
    """Asked for the likeliest few, a ranking begins as that of all segments does, and its first above a bar is the same."""
    cube = cube_of(NAMES, before, after)
    scan = scan_of(lattice_of(cube), cube.counts, direction)
    bars = np.full(len(scan.lattice.depth), bar)

    few, every = (ranked(scan, everything(scan), bars, count) for count in (most, 10**6))

    assert few.segments[:most].tolist() == every.segments[:most].tolist()
    assert few.log_ratios[:most].tolist() == every.log_ratios[:most].tolist()
    first = [[(s, r) for s, r in zip(of.segments, of.log_ratios, strict=True) if r > bar][:1] for of in (few, every)]
    assert first[0] == first[1]


def test_nothing_in_a_cube_is_no_reason_to_crash() -> None:
    """No rows, no events, one side only, a single cell, no dimension: no segment."""
    some: list[Row] = [(("a", "w", "1"), 5, 10)]
    zero: list[Row] = [(("a", "w", "1"), 0, 0), (("b", "w", "1"), 0, 10)]

    other: list[Row] = [(("b", "x", "2"), 5, 10)]

    for before, after in ([], []), (some, []), ([], some), (some, some), (zero, zero), (zero, some), (some, other):
        assert found(before, after).segments == ()
    assert attribute(cube_of([], [([], 1, 100)], [([], 50, 100)])).segments == ()


def test_a_billion_of_each_is_as_good_as_a_thousand() -> None:
    """Counts of 10^9 per cell neither overflow nor lose the segment."""
    answer = found(uniform(10**9, 2 * 10**9), uniform(10**9, 2 * 10**9, fault=("a", 0.5)))

    assert named(answer) == ["a"]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_a_rate_of_false_claims_is_between_0_and_1(alpha: float) -> None:
    """Any other alpha is refused."""
    with pytest.raises(ValueError, match="alpha"):
        found([], [], alpha=alpha)


def test_a_stricter_rate_needs_more_evidence() -> None:
    """The bar rises by ln 10 where alpha falls tenfold."""
    before, after = uniform(100, 2000), uniform(100, 2000, fault=("a", 0.5))
    bars = [found(before, after, alpha=alpha).segments[0].bar for alpha in (0.01, 0.001)]

    assert bars[1] - bars[0] == pytest.approx(math.log(10), abs=1e-5)
