"""What a stated number of false alarms comes to."""

from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import accumulation
from detectors.budget import Budget, cusum_rate, discoveries, either, tail
from detectors.window import HOUR


def test_a_budget_is_spread_over_the_windows_of_a_week() -> None:
    """One of one: budget over windows. Two of two: both at the root of that. Two of three: three pairs share it."""
    rate = 0.02 / 168
    assert Budget.of(0.02, HOUR, 1, 1).level == pytest.approx(rate)
    assert Budget.of(0.02, HOUR).level == pytest.approx(rate**0.5)
    assert Budget.of(0.02, HOUR, 2, 3).level == pytest.approx((rate / 3) ** 0.5)


@given(st.floats(1e-12, 0.5), st.integers(1, 3), st.integers(0, 2))
def test_a_level_makes_the_alarms_it_was_made_for(rate: float, points: int, more: int) -> None:
    """`alarm_p` undoes `window_p`, whatever M of N."""
    budget = Budget(rate, points, points + more)
    assert isclose(budget.alarm_p(budget.window_p(np.array([rate]))).item(), rate, rel_tol=1e-9)


@pytest.mark.parametrize(("height", "length"), [(4.0, 336.0), (5.0, 930.0)])
def test_a_cusum_stands_high_by_chance_as_seldom_as_the_textbook_says(height: float, length: float) -> None:
    """Average run lengths of a one-sided CUSUM with k = 1/2 (Montgomery, Introduction to Statistical Quality Control)."""
    assert 1 / cusum_rate(np.array([height]), 0.5).item() == pytest.approx(length, rel=0.03)
    assert cusum_rate(np.zeros(1), 0.5).item() == 1.0


def test_a_quarter_of_the_alarms_are_single_windows() -> None:
    """One of one: a p grows fourfold. Two of two: twofold, for a quarter of the alarms is made at half the level."""
    assert either(np.array([1e-5]), np.ones(1), Budget(1e-3, 1, 1)).item() == pytest.approx(4e-5)
    assert either(np.array([1e-3]), np.ones(1), Budget(1e-4, 2, 2)).item() == pytest.approx(2e-3)


def test_independent_scores_make_as_many_alarms_as_stated() -> None:
    """Two breaches in a row open one, a window like any other ends it: 2,976 are due of 2,000 series in 500 windows after a hundred."""
    chance, past, budget = np.random.default_rng(4), accumulation.fresh(2_000), Budget.of(0.5, HOUR)
    alive = before = np.zeros(2_000, dtype=bool)
    opened, one = 0, np.ones(2_000)
    for hour in range(600):
        z = chance.standard_normal(2_000)
        p = either(tail(z), accumulation.rate(past, z, 1e12, one), budget)
        past = accumulation.learn(past, z, one)
        hit = p <= budget.level
        opened += int((hit & before & ~alive).sum()) if hour >= 100 else 0
        alive, before = (alive | (hit & before)) & (hit | (p < 0.1)), hit
    assert opened == pytest.approx(2_000 * 500 * budget.rate, rel=0.1)


def test_discoveries_are_those_of_the_paper() -> None:
    """The example of Benjamini & Hochberg (1995), section 3: the four smallest of fifteen at 5 %."""
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert discoveries(np.array(chances), 0.05).tolist() == [True] * 4 + [False] * 11
    assert discoveries(np.array(chances[::-1]), 0.05).tolist() == [False] * 11 + [True] * 4
    assert discoveries(np.zeros(0), 0.05).tolist() == []
