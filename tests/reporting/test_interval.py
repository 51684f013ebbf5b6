"""Intervals of rates and of their change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.interval import newcombe, quantile, wilson

COUNTS = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(k: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    assert pytest.approx((low, high), abs=5e-5) == wilson(k, n)


@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_newcombe_gives_the_published_intervals(now: tuple[int, int], before: tuple[int, int], low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10."""
    assert pytest.approx((low, high), abs=5e-5) == newcombe(*now, *before)


@given(COUNTS)
def test_the_interval_holds_its_rate_and_stays_a_share(counts: tuple[int, int]) -> None:
    k, n = counts
    ends = wilson(k, n)
    assert ends is not None
    assert 0 <= ends[0] <= k / n <= ends[1] <= 1
    assert ends[0] < ends[1]


@given(COUNTS, COUNTS)
def test_a_change_read_backwards_is_its_negative(now: tuple[int, int], before: tuple[int, int]) -> None:
    there, back = newcombe(*now, *before), newcombe(*before, *now)
    assert there is not None
    assert back is not None
    assert pytest.approx((-back[1], -back[0]), abs=1e-12) == there
    assert there[0] <= now[0] / now[1] - before[0] / before[1] <= there[1]


def test_what_is_no_proportion_has_no_interval() -> None:
    """More clicks than exposures, or nothing at all, is not a share of anything."""
    assert wilson(3, 2) is None
    assert wilson(0, 0) is None
    assert newcombe(1, 2, 0, 0) is None


def test_quantile_of_95_percent() -> None:
    assert pytest.approx(1.959964, abs=1e-6) == quantile(0.95)
