"""The likelihood of counts under a shift: against log-gammas, as a law of chance, at the extremes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.shift import chance, common_shift, evidence_of, log_likelihood, telling

counts = st.integers(0, 10**9)
volumes = st.integers(1, 10**9)


def by_log_gammas(k0: int, k1: int, q: float, spread: float) -> float:
    """ln B(k1 + a, k0 + b) − ln B(a, b), the beta-binomial without its binomial coefficient."""
    a, b = 1 / (spread**2 * (1 - q)), 1 / (spread**2 * q)

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return log_beta(k1 + a, k0 + b) - log_beta(a, b)


@given(st.integers(0, 5000), st.integers(0, 5000), st.floats(-3, 3), st.floats(0.05, 0.5), st.floats(-4, 4))
def test_it_is_the_beta_binomial(k0: int, k1: int, shift: float, spread: float, log_ratio: float) -> None:
    """The series agrees with log-gammas to 1e-5 over the spreads that are used."""
    n0 = 1e6
    seen = evidence_of(np.array([[k0, n0, k1, n0 * math.exp(log_ratio)]]))

    q = float(chance(seen, shift)[0])

    assert log_likelihood(seen, shift, spread)[0] == pytest.approx(by_log_gammas(k0, k1, q, spread), abs=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5])
def test_all_outcomes_together_are_certain(spread: float) -> None:
    """With its binomial coefficient the likelihood sums to 1 over k1: it is a law of chance, which the false-claim rate rests on."""
    events = 40
    outcomes = np.array([[events - k, 300.0, k, 500.0] for k in range(events + 1)], np.float64)

    logs = log_likelihood(evidence_of(outcomes), 0.7, spread)

    assert sum(math.comb(events, k) * math.exp(log) for k, log in enumerate(logs)) == pytest.approx(1.0, abs=1e-5)


@given(counts, volumes, counts, volumes, st.floats(-12, 12), st.sampled_from([0.0, 0.05, 0.2, 0.5]))
def test_swapping_the_sides_turns_the_shift(k0: int, n0: int, k1: int, n1: int, shift: float, spread: float) -> None:
    """The likelihood of a rise is that of the same fall seen from the other side; finite for any counts."""
    there, back = (evidence_of(np.array([row], np.float64)) for row in ([k0, n0, k1, n1], [k1, n1, k0, n0]))

    value = float(log_likelihood(there, shift, spread)[0])

    assert math.isfinite(value)
    assert value == pytest.approx(float(log_likelihood(back, -shift, spread)[0]), rel=1e-7, abs=1e-2)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=8), st.floats(-2, 2))
def test_the_common_shift_fits_best(events: list[tuple[int, int]], step: float) -> None:
    """No other shift is likelier than the one returned."""
    seen = evidence_of(np.array([[k0, 1000.0, k1, 1500.0] for k0, k1 in events], np.float64))
    best = common_shift(seen, 0.0)

    assert log_likelihood(seen, best, 0.0).sum() >= log_likelihood(seen, best + step, 0.0).sum() - 1e-6


def test_cells_that_cannot_be_compared_say_nothing() -> None:
    """No traffic on a side, or no event on either, leaves a cell without a word; no cell at all has shift 0."""
    rows = np.array([[0, 0, 5, 9], [5, 9, 0, 0], [0, 9, 0, 9], [0, 9, 1, 9]], np.float64)

    assert telling(rows).tolist() == [False, False, False, True]
    assert common_shift(evidence_of(rows[:0]), 0.1) == 0.0


def test_events_on_one_side_only_give_a_far_but_finite_shift() -> None:
    """All or nothing is a shift as far as the scale goes, not infinity."""
    seen = evidence_of(np.array([[0.0, 1e9, 1e9, 1e9]]))

    assert 10 < common_shift(seen, 0.0) <= 12
