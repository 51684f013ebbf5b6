"""Scores of counts: their normal tail is the tail of the count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.budget import tail
from detectors.tail import binomial_score, poisson_score, waiting_p


@given(st.floats(1.0, 5_000.0), st.floats(0.0, 1.0))
def test_too_few_poisson_events_are_as_unlikely_as_they_are(mu: float, part: float) -> None:
    """Within a factor of 1.6 of P(X <= x) from 1e-8 to one half."""
    count = int(mu * part)
    exact = float(stats.poisson.cdf(count, mu))
    if 1e-8 < exact < 0.5:
        assert 1 / 1.6 < tail(poisson_score(np.array([float(count)]), np.array([mu]), -1)).item() / exact < 1.6


@given(st.floats(1.0, 5_000.0), st.floats(1.0, 6.0))
def test_too_many_poisson_events_are_as_unlikely_as_they_are(mu: float, times: float) -> None:
    """Within a factor of 1.6 of P(X >= x)."""
    count = int(mu * times)
    exact = float(stats.poisson.sf(count - 1, mu))
    if 1e-8 < exact < 0.5:
        assert 1 / 1.6 < tail(poisson_score(np.array([float(count)]), np.array([mu]), 1)).item() / exact < 1.6


@given(st.integers(4, 3_000), st.floats(0.2, 0.8), st.floats(0.0, 1.0))
def test_too_few_out_of_a_total_are_as_unlikely_as_they_are(total: int, share: float, part: float) -> None:
    """Within a factor of 1.8 of the binomial P(X <= x)."""
    count = int(total * share * part)
    exact = float(stats.binom.cdf(count, total, share))
    score = binomial_score(np.array([float(count)]), np.array([float(total)]), np.array([share]), -1)
    if 1e-8 < exact < 0.5:
        assert 1 / 1.8 < tail(score).item() / exact < 1.8


def test_waiting_is_exponential_where_events_come_by_chance_and_shorter_where_they_come_regularly() -> None:
    """Gaps of shape 8 are eight of chance's: three of them take longer than due where fewer than eight of 24 came."""
    chance = waiting_p(np.array([3.0, 3.0, 0.0]), np.array([1.0, 8.0, 8.0])).tolist()
    assert chance == pytest.approx([2.718281828459045**-3.0, float(stats.poisson.cdf(7, 24.0)), 1.0])
