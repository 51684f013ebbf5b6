"""The CUSUM, and what it makes of scores that follow each other."""

from random import Random

import numpy as np
import pytest

from detectors import accumulation
from detectors.accumulation import doubted
from detectors.budget import cusum_rate
from detectors.protocol import Column, States


def learn(past: States, *scores: float, following: bool = True) -> States:
    """Return the evidence of one series after standard scores."""
    for score in scores:
        past = accumulation.learn(past, np.array([score]), np.ones(1), following)
    return past


def rate(past: States, z: float) -> float:
    """Return the chance of the CUSUM after a score more, where what is expected is well known."""
    return accumulation.rate(past, np.array([z]), 1e9, np.ones(1)).item()


def at(height: float) -> Column:
    return np.array([height])


def walked(memory: float, rows: int, seed: int) -> States:
    """Return the evidence after standard scores with a lag-one correlation."""
    chance, scores, last = Random(seed), [], 0.0
    for _ in range(rows):
        last = memory * last + chance.gauss(0.0, (1 - memory**2) ** 0.5)
        scores.append(last)
    return learn(accumulation.fresh(1), *scores)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_correlation_is_measured(memory: float) -> None:
    assert accumulation.correlation(walked(memory, 3_000, 1)).item() == pytest.approx(memory, abs=0.1)


def test_small_steps_add_up_and_a_lone_outlier_does_not() -> None:
    """Ten windows at one and a half standard deviations say more than one at thirty."""
    steady = learn(accumulation.fresh(1), *[1.5] * 10, following=False)
    lone = learn(accumulation.fresh(1), *[0.0] * 10, following=False)
    assert rate(steady, 1.5) < 1e-3 < rate(lone, 30.0)


def test_a_window_that_does_not_raise_it_says_nothing() -> None:
    past = accumulation.fresh(1)
    past[:, accumulation.HEIGHT] = 9.0
    assert rate(past, 0.4) == 1.0
    assert rate(past, 0.6) < 1e-3


def test_it_comes_down_within_a_day_and_a_half_however_bad_it_was() -> None:
    past = learn(accumulation.fresh(1), *[8.0] * 100, *[0.0] * 36, following=False)
    assert past[0, accumulation.HEIGHT] == 0.0


def test_what_is_known_from_few_windows_makes_a_height_likelier() -> None:
    assert doubted(at(5.0), 0.5, 1e12).item() == pytest.approx(cusum_rate(at(5.0), 0.5).item())
    assert doubted(at(5.0), 0.5, 50.0).item() == pytest.approx(2.718281828 * cusum_rate(at(5.0), 0.5).item())
    assert accumulation.single(accumulation.fresh(1), at(3.0), 8.0, np.ones(1)).item() == pytest.approx(3.0 / (1 + 1 / 8) ** 0.5)


def test_a_slow_wobble_under_quick_noise_is_measured_where_neighbours_hardly_tell_of_it() -> None:
    """A wobble with a memory of 0.9 under as much noise again: sums are ten times as wide, neighbours correlate by 0.45 only."""
    chance, scores, slow = Random(3), [], 0.0
    for _ in range(3_000):
        slow = 0.9 * slow + chance.gauss(0.0, (1 - 0.81) ** 0.5)
        scores.append((slow + chance.gauss(0.0, 1.0)) / 2**0.5)
    past = learn(accumulation.fresh(1), *scores)
    assert accumulation.stretch(past, wobbles=False).item() < 3.5
    assert 4.0 < accumulation.stretch(past, wobbles=True).item() < 12.0
    assert accumulation.stretch(walked(0.0, 3_000, 2), wobbles=True).item() < 1.6


def test_a_wobble_fades_by_the_hour_however_many_windows_it_has() -> None:
    """Of a tenth in the next window w^k is left k later: 1 + 2 rho / (1 - w), w = 7/8 after an hour, .98893 after five minutes."""
    past = accumulation.fresh(1)
    past[:, accumulation.PRODUCT], past[:, accumulation.POWER] = 1.0, 10.0

    assert accumulation.stretch(past, wobbles=True).item() == pytest.approx(2.6)
    assert accumulation.stretch(past, wobbles=True, visits=12.0).item() == pytest.approx(19.07, abs=0.01)
    assert accumulation.stretch(past, wobbles=False, visits=12.0).item() == pytest.approx(1.1 / 0.9)
