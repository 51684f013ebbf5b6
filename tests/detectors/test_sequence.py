"""The confidence sequence: reference figures, laws, and what happens to it under peeking."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detectors import sequence
from detectors.moments import Estimate, Moments, PairedMoments, mean, proportion, ratio
from detectors.sequence import Comparison

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/experiments.json").read_text())
TUNINGS = (1000, 5000, 100_000)
CASES = [
    pytest.param(case, case["arms"][0], arm, tuning, id=f"{case['id']}-{arm['name']}-{tuning}")
    for case in GOLDEN["cases"]
    for arm in case["arms"][1:]
    for tuning in TUNINGS
    if f"asymptotic_cs_nstar_{tuning}" in case["expected"][arm["name"]]
]
whole_values = st.lists(st.integers(-50, 200), min_size=2, max_size=40)
alphas = st.floats(1e-6, 0.4)


def estimate(kind: str, arm: dict[str, Any]) -> Estimate | None:
    if kind == "proportion":
        return proportion(Moments.of_converters(arm["n"], arm["s"]))
    if kind == "mean":
        return mean(Moments(arm["n"], arm["s"], arm["ss"]))
    return ratio(PairedMoments(arm["n"], *(arm[key] for key in ("m_s", "m_ss", "d_s", "d_ss", "md"))))


def comparison(treatment: list[int], control: list[int]) -> Comparison:
    seen = sequence.compare(mean(Moments.of(treatment)), mean(Moments.of(control)))
    assume(seen is not None)
    assert seen is not None
    return seen


@pytest.mark.parametrize("row", GOLDEN["boundary"])
def test_boundary_is_the_published_one(row: dict[str, float]) -> None:
    assert row["rho2"] == pytest.approx(sequence.mixture_rate(row["alpha"], row["n_star"]), rel=1e-12)
    assert row["z_equivalent"] == pytest.approx(sequence.boundary(int(row["n"]), row["alpha"], row["n_star"]), rel=1e-12)


@pytest.mark.parametrize(("case", "control", "treatment", "tuning"), CASES)
def test_interval_and_p_equal_public_packages(
    case: dict[str, Any], control: dict[str, Any], treatment: dict[str, Any], tuning: int
) -> None:
    expected = case["expected"][treatment["name"]][f"asymptotic_cs_nstar_{tuning}"]
    seen = sequence.compare(estimate(case["kind"], treatment), estimate(case["kind"], control))
    assert seen is not None
    assert expected["estimate"] == pytest.approx(seen.difference, abs=1e-9)
    assert expected["ci"] == pytest.approx(sequence.interval(seen, 0.05, tuning), abs=1e-9)
    assert expected["p_value"] == pytest.approx(sequence.p_value(seen, 0.05, tuning), rel=1e-6)


@pytest.mark.parametrize("case", [case for case in GOLDEN["cases"] if case["id"] != "empty_arm"], ids=lambda case: str(case["id"]))
def test_welch_equals_public_packages(case: dict[str, Any]) -> None:
    for arm in case["arms"][1:]:
        expected = case["expected"][arm["name"]]["welch"]
        found = sequence.welch(estimate(case["kind"], arm), estimate(case["kind"], case["arms"][0]), 0.05)
        assert found is not None
        assert expected["ci"] == pytest.approx(found.ci, abs=1e-9)
        assert expected["p_value"] == pytest.approx(found.p_value, rel=1e-6)


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(1e-6, 0.49), st.integers(100, 10**6))
def test_bounds_on_one_side_use_the_published_formula(n: int, alpha: float, tuning: int) -> None:
    """z1^2 = 2(Nr+1)/(Nr) ln(1 + sqrt(Nr+1)/(2a)), r from 2a."""
    growth = n * sequence.mixture_rate(2 * alpha, tuning)
    expected = math.sqrt(2 * (growth + 1) / growth * math.log(1 + math.sqrt(growth + 1) / (2 * alpha)))
    assert expected == pytest.approx(sequence.one_sided_boundary(n, alpha, tuning), rel=1e-9)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(1e-3, 1), st.integers(10, 10**8), alphas, st.floats(-0.5, 0.5))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_the_margin(d: float, se: float, n: int, alpha: float, margin: float) -> None:
    seen = Comparison(d, se, n)
    low, high = sequence.interval(seen, alpha, 20_000)
    distance = max(low - margin, margin - high)
    assume(abs(distance) > 1e-9)
    assert (distance > 0) == (sequence.p_value(seen, alpha, 20_000, margin=margin) < alpha)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(1e-3, 1), st.integers(10, 10**8), alphas, st.floats(-0.5, 0.5))
def test_p_on_one_side_is_below_alpha_exactly_where_the_lower_bound_exceeds_the_margin(
    d: float, se: float, n: int, alpha: float, margin: float
) -> None:
    seen = Comparison(d, se, n)
    distance = sequence.lower_bound(seen, alpha, 20_000) - margin
    assume(abs(distance) > 1e-9)
    assert (distance > 0) == (sequence.one_sided_p(seen, alpha, 20_000, margin=margin) < alpha)


@settings(deadline=None)
@given(whole_values, whole_values, st.randoms(use_true_random=False), st.integers(0, 40))
def test_order_and_split_of_users_change_nothing(treatment: list[int], control: list[int], shuffler: Any, cut: int) -> None:
    seen = comparison(treatment, control)
    mixed = treatment.copy()
    shuffler.shuffle(mixed)
    split = Moments.of(mixed[:cut]) + Moments.of(mixed[cut:])
    assert seen == sequence.compare(mean(split), mean(Moments.of(control)))


@settings(deadline=None)
@given(whole_values, st.integers(0, 39), st.integers(-50, 200))
def test_a_user_whose_value_moves_leaves_the_sums_of_the_new_values(values: list[int], at: int, after: int) -> None:
    at %= len(values)
    moved = Moments.of(values).moved(values[at], after)
    assert Moments.of([*values[:at], after, *values[at + 1 :]]) == moved
    assert Moments.of(values[:at]) + Moments.of(values[at + 1 :]) == Moments.of(values) - Moments.of([values[at]])


@settings(deadline=None)
@given(whole_values, whole_values, alphas)
def test_swapping_the_arms_flips_the_interval_and_keeps_p(treatment: list[int], control: list[int], alpha: float) -> None:
    seen, swapped = comparison(treatment, control), comparison(control, treatment)
    low, high = sequence.interval(seen, alpha, 5000)
    assert (-high, -low) == sequence.interval(swapped, alpha, 5000)
    assert sequence.p_value(seen, alpha, 5000) == sequence.p_value(swapped, alpha, 5000)
    assert sequence.lower_bound(seen, alpha, 5000) == -sequence.upper_bound(swapped, alpha, 5000)


@settings(deadline=None)
@given(whole_values, whole_values, alphas, st.floats(0.01, 0.99))
def test_a_smaller_alpha_widens_every_interval(treatment: list[int], control: list[int], alpha: float, factor: float) -> None:
    seen = comparison(treatment, control)
    wide, narrow = sequence.interval(seen, alpha * factor, 5000), sequence.interval(seen, alpha, 5000)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    arms = mean(Moments.of(treatment)), mean(Moments.of(control))
    fixed, looser = sequence.welch(*arms, alpha * factor), sequence.welch(*arms, alpha)
    assert fixed is not None
    assert looser is not None
    assert fixed.ci[0] < looser.ci[0] < looser.ci[1] < fixed.ci[1]


@settings(deadline=None)
@given(whole_values, whole_values, st.integers(1, 1000))
def test_a_change_of_unit_scales_the_interval_and_keeps_p(treatment: list[int], control: list[int], unit: int) -> None:
    seen = comparison(treatment, control)
    scaled = comparison([unit * x for x in treatment], [unit * x for x in control])
    assert [unit * end for end in sequence.interval(seen, 0.05, 5000)] == pytest.approx(sequence.interval(scaled, 0.05, 5000), rel=1e-9)
    assert sequence.p_value(seen, 0.05, 5000) == pytest.approx(sequence.p_value(scaled, 0.05, 5000), rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=2, max_size=30))
def test_a_ratio_spreads_as_its_linearised_users_do(pairs: list[tuple[int, int]]) -> None:
    """Delta method: the variance of m - R d per user over the squared mean of d."""
    found = ratio(PairedMoments.of(pairs))
    assert found is not None
    m, d = (np.array([pair[i] for pair in pairs], dtype=float) for i in (0, 1))
    quotient = m.sum() / d.sum()
    assert quotient == pytest.approx(found.value)
    assert float(np.var(m - quotient * d, ddof=1) / d.mean() ** 2) == pytest.approx(found.variance, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(whole_values.filter(lambda values: sum(values) != 0))
def test_a_ratio_to_one_per_user_is_the_mean(values: list[int]) -> None:
    as_ratio, as_mean = ratio(PairedMoments.of((value, 1) for value in values)), mean(Moments.of(values))
    assert as_ratio is not None
    assert as_mean is not None
    assert (as_mean.value, as_mean.variance) == pytest.approx((as_ratio.value, as_ratio.variance))


def test_the_variance_of_large_close_values_keeps_its_digits() -> None:
    """Textbook float sums lose a variance of 1 beside a mean of 10^12; integers do not."""
    found = mean(Moments.of([10**12, 10**12 + 1, 10**12 + 2]))
    assert found is not None
    assert found.variance == 1.0


def test_the_rounding_of_float_sums_is_not_a_spread() -> None:
    constant = mean(Moments.of([0.1] * 1000))
    assert constant is not None
    assert constant.variance == 0.0
    assert sequence.compare(constant, mean(Moments.of([0.3] * 1000))) is None


def test_an_interval_narrower_than_a_double_can_show_still_has_two_ends() -> None:
    low, high = sequence.interval(Comparison(1e9, 1e-12, 1000), 0.05, 5000)
    assert low < 1e9 < high


def test_far_tails_are_small_and_never_zero() -> None:
    certain = Comparison(1.0, 1e-4, 10**9)
    assert 0.0 < sequence.p_value(certain, 0.05, 20_000) < 1e-300
    assert 0.0 < sequence.one_sided_p(certain, 0.05, 20_000) < 1e-300
    found = sequence.welch(Estimate(10**9, 1.0, 1.0, 1.0, 1e9), Estimate(10**9, 0.0, 1.0, 1.0, 1e9), 0.05)
    assert found is not None
    assert 0.0 < found.p_value < 1e-300


def test_burn_in_wants_25_converters_or_an_effective_sample_of_25_in_every_arm() -> None:
    enough, short = proportion(Moments.of_converters(1000, 25)), proportion(Moments.of_converters(1000, 24))
    whale = mean(Moments.of([1_000_000] + [1] * 5000))
    assert sequence.burned_in(enough, enough)
    assert not sequence.burned_in(enough, short)
    assert not sequence.burned_in(enough, whale)
    assert not sequence.burned_in(enough, proportion(Moments.of_converters(1000, 976)))
    assert not sequence.burned_in(enough, None)


def test_a_ratio_is_past_burn_in_only_where_neither_sum_hangs_on_a_few_users() -> None:
    plain, whale = [1] * 5000, [1_000_000] + [1] * 4999
    for m, d, expected in ((plain, plain, True), (whale, plain, False), (plain, whale, False)):
        arm = ratio(PairedMoments.of(zip(m, d, strict=True)))
        assert expected == sequence.burned_in(arm, arm)


def test_burn_in_waits_for_more_where_an_uneven_split_leaves_the_difference_lopsided() -> None:
    """25 converters against 225 of an arm nine times as large: not yet; four times as many: yes. Even arms need no more than 25."""
    large, small = proportion(Moments.of_converters(4_500, 225)), proportion(Moments.of_converters(500, 25))
    assert not sequence.burned_in(small, large)
    assert not sequence.burned_in(large, small)
    assert sequence.burned_in(proportion(Moments.of_converters(2_000, 100)), proportion(Moments.of_converters(18_000, 900)))
    assert sequence.burned_in(proportion(Moments.of_converters(500, 25)), proportion(Moments.of_converters(500, 60)))


def test_the_skewness_of_a_difference_is_that_of_its_users() -> None:
    """A third central moment of p(1-p)(1-2p) per user; none at a half, and opposite on the two sides of it."""
    arms = (proportion(Moments.of_converters(1000, converters)) for converters in (100, 900, 500))
    thirds = [arm.third for arm in arms if arm is not None]
    assert thirds == pytest.approx([0.072, -0.072, 0.0], rel=1e-12)


@given(st.lists(st.tuples(st.integers(-50, 200), st.integers(1, 6)), min_size=2, max_size=30))
def test_the_third_moment_of_money_and_of_a_ratio_is_that_of_its_users(pairs: list[tuple[int, int]]) -> None:
    """From sums, the same as from every user: of a value about its mean, of a ratio about itself per mean denominator."""
    n, values = len(pairs), [m for m, _ in pairs]
    middle = sum(values) / n
    found = mean(Moments.of(values), sum(value**3 for value in values))
    assert found is not None
    assert found.third == pytest.approx(sum((value - middle) ** 3 for value in values) / n, rel=1e-9, abs=1e-6)

    whole, per_user = sum(values) / sum(d for _, d in pairs), sum(d for _, d in pairs) / n
    cubes = sum(m**3 for m, _ in pairs), sum(m * m * d for m, d in pairs), sum(m * d * d for m, d in pairs), sum(d**3 for _, d in pairs)
    quotient = ratio(PairedMoments.of(pairs), cubes)
    assert quotient is not None
    assert quotient.third == pytest.approx(sum(((m - whole * d) / per_user) ** 3 for m, d in pairs) / n, rel=1e-9, abs=1e-6)


def test_a_small_arm_of_money_waits_until_the_tail_the_large_one_has_seen_no_longer_matters() -> None:
    """One in a thousand spends a hundred times as much: 900 and 100 of an effective sample, and not yet at 90/10; at 50/50 it is."""
    values = [1] * 999 + [100]

    def arm(times: int) -> Estimate | None:
        sums = Moments.of(values)
        return mean(Moments(1_000 * times, sums.s * times, sums.ss * times), sum(value**3 for value in values) * times)

    assert not sequence.burned_in(arm(1), arm(9))
    assert sequence.burned_in(arm(5), arm(5))
    assert sequence.burned_in(arm(1_000), arm(9_000))


def test_lift_is_positive_when_a_loss_shrinks() -> None:
    treatment, control = mean(Moments.of([-1, -3, -2] * 30)), mean(Moments.of([-4, -6, -5] * 30))
    assert treatment is not None
    assert control is not None
    assert sequence.lift(treatment, control) == pytest.approx(0.6)
    ends = sequence.lift_interval(treatment, control, 0.05, 5000)
    assert ends is not None
    assert ends[0] < 0.6 < ends[1]


@pytest.mark.parametrize(("alpha", "tuning"), [(0.0, 1000), (1.0, 1000), (0.05, 0)])
def test_an_alpha_or_tuning_without_meaning_is_refused(alpha: float, tuning: float) -> None:
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        sequence.boundary(100, alpha, tuning)


def test_peeking_a_hundred_times_at_equal_arms_keeps_false_alarms_rare() -> None:
    """600 A/A streams at 5 %, a look every 200 users, burn-in on: at most 5 % ever declare; the fixed-horizon z in over 20 %."""
    rng = np.random.default_rng(20_261_122)
    per_look = rng.binomial(100, 0.05, size=(2, 600, 100)).cumsum(axis=2)
    stopped = peeked = 0
    for stream in range(600):
        declared = naive = False
        for look in range(100):
            arms = [proportion(Moments.of_converters(100 * (look + 1), int(per_look[arm, stream, look]))) for arm in (0, 1)]
            seen = sequence.compare(arms[0], arms[1])
            if seen is None or not sequence.burned_in(*arms):
                continue
            reach = abs(seen.difference) / seen.standard_error
            declared |= reach > sequence.boundary(seen.n, 0.05, 20_000)
            naive |= reach > 1.96
        stopped, peeked = stopped + declared, peeked + naive
    assert stopped <= 30
    assert peeked >= 120
