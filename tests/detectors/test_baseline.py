"""What a window should hold."""

from random import Random

import numpy as np
import pytest

from detectors.baseline import WIDTH, Baseline, variation, warm
from detectors.protocol import States
from detectors.window import DAY, HOUR

MONDAY = 20_402 * DAY  # 2025-11-10


class Rate:
    """One series under a baseline."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.rates: States = np.zeros((1, WIDTH))

    @np.errstate(all="ignore")
    def learn(self, end: int, events: float, exposure: float, common: float = 1.0) -> None:
        """Take a window in."""
        columns = [np.array([one]) for one in (events, exposure, common, 0.0)]
        self.rates = self.baseline.learn(self.rates, end, *columns)

    def expected(self, end: int, exposure: float) -> float:
        """Return the events expected."""
        return self.baseline.expected(self.rates, end, np.array([exposure])).mu.item()

    def unsure(self, end: int) -> float:
        """Return the relative variance of what is expected."""
        return self.baseline.expected(self.rates, end, np.ones(1)).unsure.item()


def learnt(days: int, noise: float = 0.0, common: float = 1.0, skipped: range = range(0)) -> Rate:
    """Return a rate after days of 2,000 exposures an hour, 10 % clicked, half as many again from 8 to 20 o'clock."""
    chance, baseline = Random(1), Rate(Baseline())
    for hour in range(24 * days):
        if hour not in skipped:
            mu = 200.0 * (1.5 if 8 <= hour % 24 < 20 else 1.0) * common
            events = max(0.0, round(chance.gauss(mu, (mu + (noise * mu) ** 2) ** 0.5)))
            baseline.learn(MONDAY + (hour + 1) * HOUR, events, 2000.0, common)
    return baseline


def at(day: int, hour: int) -> int:
    """Return the end of an hour of a day."""
    return MONDAY + day * DAY + (hour + 1) * HOUR


def test_the_hour_of_the_day_is_learnt_and_scales_with_exposure() -> None:
    baseline = learnt(14)
    assert baseline.expected(at(14, 12), 2000.0) == pytest.approx(300.0, rel=0.04)
    assert baseline.expected(at(14, 3), 1000.0) == pytest.approx(100.0, rel=0.04)


def test_a_gap_of_days_shifts_no_hour() -> None:
    """Slots are of the clock: after five missing days noon is still noon."""
    baseline = learnt(14, skipped=range(5 * 24 + 7, 10 * 24 + 2))
    assert baseline.expected(at(20, 12), 2000.0) == pytest.approx(300.0, rel=0.05)


def test_a_fault_teaches_little_and_a_new_level_is_accepted() -> None:
    """A day at a tenth moves the rate by less than a fifth; three weeks at it are the new normal."""
    baseline = learnt(14)
    for hour in range(24):
        baseline.learn(at(14, hour), 20.0, 2000.0)
    assert baseline.expected(at(15, 3), 2000.0) > 160.0
    for hour in range(24 * 21):
        baseline.learn(at(15, hour), 20.0, 2000.0)
    assert baseline.expected(at(36, 3), 2000.0) < 50.0


def test_what_moved_all_siblings_is_not_learnt() -> None:
    assert learnt(14, common=0.7).expected(at(14, 3), 2000.0) == pytest.approx(200.0, rel=0.04)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.15])
def test_noise_beyond_chance_is_measured_as_a_coefficient_of_variation(noise: float) -> None:
    assert variation(learnt(28, noise).rates).item() ** 0.5 == pytest.approx(noise, abs=0.02)


def test_noise_is_measured_over_a_first_weekend_however_large_the_counts_are() -> None:
    """Nothing is known of weekends on the first one: what that leaves open is much more than the noise of fifty million events."""
    chance, rate = Random(1), Rate(Baseline())
    for hour in range(24 * 10):
        rate.learn(MONDAY + (hour + 1) * HOUR, 5e7 * chance.gauss(1.0, 0.002), 1e9)
    assert variation(rate.rates).item() ** 0.5 == pytest.approx(0.002, rel=0.3)


def test_it_is_the_surer_the_more_it_saw() -> None:
    assert learnt(14).unsure(at(14, 3)) < 0.5 * learnt(3).unsure(at(3, 3))
    assert not warm(np.zeros((1, WIDTH))).item()
    assert warm(learnt(3).rates).item()


def test_short_windows_teach_a_slot_no_faster_than_an_hour_does() -> None:
    """Ten minutes at a fifth move what the next minute should hold by less than a sixth: a slot remembers days, not visits."""
    baseline = Rate(Baseline(168.0 * 60, visits=60.0))
    for minute in range(60 * 12):
        baseline.learn(MONDAY + (minute + 1) * HOUR // 60, 30.0, 300.0)
    for minute in range(60 * 12, 60 * 12 + 10):
        baseline.learn(MONDAY + (minute + 1) * HOUR // 60, 6.0, 300.0)
    assert baseline.expected(MONDAY + (60 * 12 + 11) * HOUR // 60, 300.0) > 25.0


def test_a_rate_is_known_as_well_as_from_nearly_twice_the_windows_it_remembers() -> None:
    """The variance of a mean that forgets, window by window: of one window it is 1, at the weight w it ends at w / (2 - w)."""
    rate, variance = Rate(Baseline(memory=20.0)), 0.0
    for hour in range(200):
        weight = 1.0 / min(20.0, hour + 1.0)
        variance = (1.0 - weight) ** 2 * variance + weight**2
        rate.learn((hour + 1) * HOUR, 50.0, 1_000.0)
        assert rate.baseline.known(rate.rates).item() == pytest.approx(1.0 / variance)
    assert rate.baseline.known(rate.rates).item() == pytest.approx(39.0, rel=1e-6)


def test_windows_of_one_hour_are_off_alike() -> None:
    """An hour nobody has seen may be off by a fifth (1 in 20) in each of its twelve windows together; by the hour that is counted once."""
    for visits, expected in ((1.0, 0.05), (12.0, 0.6)):
        rate = Rate(Baseline(168.0 * visits, visits))
        for number in range(int(12 * visits)):
            rate.learn(MONDAY + int((number + 1) * HOUR / visits), 1e6, 1e7)
        found = rate.baseline.expected(rate.rates, MONDAY + 20 * HOUR, np.ones(1))
        assert found.lasting.item() == pytest.approx(expected, rel=1e-3)
