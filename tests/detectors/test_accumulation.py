"""The CUSUM, and what it makes of scores that follow each other."""

from random import Random

import pytest

from detectors.accumulation import Accumulation, doubted
from detectors.budget import cusum_rate


def walked(memory: float, rows: int, seed: int) -> Accumulation:
    """Return an accumulation after standard scores with a lag-one correlation."""
    chance, past, last = Random(seed), Accumulation(), 0.0
    for _ in range(rows):
        last = memory * last + chance.gauss(0.0, (1 - memory**2) ** 0.5)
        past.learn(last, 1.0)
    return past


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_correlation_is_measured(memory: float) -> None:
    assert walked(memory, 3_000, 1).correlation == pytest.approx(memory, abs=0.1)


def test_small_steps_add_up_and_a_lone_outlier_does_not() -> None:
    """Ten windows at one and a half standard deviations say more than one at thirty."""
    steady, lone = Accumulation(), Accumulation()
    for _ in range(10):
        steady.learn(1.5, 1.0, following=False)
        lone.learn(0.0, 1.0, following=False)
    assert steady.rate(1.5, 1e9, 1.0) < 1e-3 < lone.rate(30.0, 1e9, 1.0)


def test_a_window_that_does_not_raise_it_says_nothing() -> None:
    past = Accumulation(height=9.0)
    assert past.rate(0.4, 1e9, 1.0) == 1.0
    assert past.rate(0.6, 1e9, 1.0) < 1e-3


def test_it_comes_down_within_a_day_however_bad_it_was() -> None:
    past = Accumulation()
    for _ in range(100):
        past.learn(8.0, 1.0, following=False)
    for _ in range(24):
        past.learn(0.0, 1.0, following=False)
    assert past.height == 0.0


def test_what_is_known_from_few_windows_makes_a_height_likelier() -> None:
    assert doubted(5.0, 0.5, 1e12) == pytest.approx(cusum_rate(5.0, 0.5))
    assert doubted(5.0, 0.5, 50.0) == pytest.approx(2.718281828 * cusum_rate(5.0, 0.5))
    assert Accumulation().single(3.0, 8.0, 1.0) == pytest.approx(3.0 / (1 + 1 / 8) ** 0.5)


def test_a_slow_wobble_under_quick_noise_is_measured_where_neighbours_hardly_tell_of_it() -> None:
    """A wobble with a memory of 0.9 under as much noise again: sums are ten times as wide, neighbours correlate by 0.45 only."""
    chance, past, slow = Random(3), Accumulation(), 0.0
    for _ in range(3_000):
        slow = 0.9 * slow + chance.gauss(0.0, (1 - 0.81) ** 0.5)
        past.learn((slow + chance.gauss(0.0, 1.0)) / 2**0.5, 1.0)
    assert past.stretch(wobbles=False) < 3.5
    assert 4.0 < past.stretch(wobbles=True) < 12.0
    assert walked(0.0, 3_000, 2).stretch(wobbles=True) < 1.6
