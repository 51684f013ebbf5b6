"""What each detector sees, and what it must not take for a fault."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import nan
from random import Random

import numpy as np
import pytest

from detectors.budget import Budget
from detectors.dip import Dip
from detectors.drift import STANDS, Drift
from detectors.freshness import Freshness, Silences
from detectors.protocol import joined
from detectors.suppression import Shares, Suppression
from detectors.weighing import Windows
from detectors.window import DAY, HOUR
from tests.detectors.one import One

TWICE, ONCE = Budget.of(0.02, HOUR), Budget.of(0.02, HOUR, 1, 1)
MONDAY = 20_402 * DAY
Rate = Callable[[int], float]


def rates(rate: Rate, hours: Iterable[int], exposure: float = 2_000.0, seed: int = 1, money: float = 0.0) -> Iterable[Windows]:
    """Yield hours with Poisson clicks (normal for many) at a rate that depends on the hour."""
    chance = Random(seed)
    for hour in hours:
        mu = exposure * rate(hour)
        events = max(0.0, round(chance.gauss(mu, mu**0.5)))
        yield Windows.of(MONDAY + (hour + 1) * HOUR, events, exposure, money=events * money)


def dipping(detector: One, windows: Iterable[Windows]) -> list[bool]:
    """Return which windows breach, learning each."""
    found = []
    for seen in windows:
        found.append(detector.score(seen).p <= TWICE.level)
        detector.learn(seen)
    return found


def test_a_tenth_less_is_seen_in_hours_by_what_adds_up() -> None:
    """At 200 clicks an hour a tenth is one and a half standard deviations: no single hour shows it, a night of them does."""
    detector = One(Dip.of(-1, TWICE))
    dipping(detector, rates(lambda _: 0.1, range(24 * 14)))
    found = dipping(detector, rates(lambda _: 0.09, range(24 * 14, 24 * 15), seed=2))
    assert any(a and b for a, b in pairwise(found))
    assert not found[0]


def test_where_less_is_better_only_more_is_a_fault() -> None:
    for sign, told in ((1, True), (-1, False)):
        detector = One(Dip.of(sign, TWICE))
        dipping(detector, rates(lambda _: 0.02, range(24 * 10)))
        assert all(dipping(detector, rates(lambda _: 0.04, range(240, 243)))) is told


def test_buyers_who_spend_half_are_told_though_as_many_buy() -> None:
    """Value is judged apart from how often: the same conversions at half the money."""
    detector = One(Dip.of(-1, TWICE))
    dipping(detector, rates(lambda _: 0.1, range(24 * 10), money=50.0))
    assert dipping(detector, rates(lambda _: 0.1, range(240, 243), money=25.0)) == [True] * 3


def test_a_price_that_is_always_the_same_is_missed_when_it_changes_and_then_is_the_new_one() -> None:
    """No purchase has ever cost anything else: a third less is told, and after sixteen days it is what things cost."""
    detector = One(Dip.of(-1, TWICE))
    dipping(detector, rates(lambda _: 0.1, range(24 * 10), money=30.0))
    found = dipping(detector, rates(lambda _: 0.1, range(240, 240 + 24 * 21), money=20.0))
    assert all(found[:3])
    assert not any(a and b for a, b in pairwise(found[24 * 16 :]))


def test_the_smallest_visible_dip_shrinks_with_volume() -> None:
    """(z / d)² events: four times the volume shows half the dip; design and reference count it so."""
    shown = []
    for exposure in (2_000.0, 8_000.0):
        detector = One(Dip.of(-1, TWICE))
        dipping(detector, rates(lambda _: 0.1, range(24 * 14), exposure))
        shown.append(detector.score(Windows.of(MONDAY + 24 * 14 * HOUR, exposure * 0.1, exposure)).detectable)
    assert shown[0] == pytest.approx(TWICE.z / 200**0.5, rel=0.25)
    assert shown[1] == pytest.approx(shown[0] / 2, rel=0.2)


def test_a_drift_is_told_once_stands_and_is_then_the_new_level() -> None:
    """Six per cent less for weeks: one breach, two days in which it is hardly ever over, then quiet."""
    detector = One(Drift.of(-1, ONCE))
    for seen in rates(lambda _: 0.1, range(24 * 21)):
        detector.learn(seen)
    told, stood = [], 0
    for hour, seen in enumerate(rates(lambda _: 0.094, range(24 * 21, 24 * 42), seed=3)):
        verdict = detector.score(seen)
        hit = verdict.p <= ONCE.level
        detector.learn(seen, told=hit)
        if hit:
            told.append(hour)
        stood += verdict.stands
    assert 1 <= len(told) <= 2
    assert 0.8 * STANDS <= stood <= len(told) * STANDS
    assert told[0] < 24 * 5


def test_a_young_series_without_drift_keeps_its_budget() -> None:
    """A week of learning and one more, beside siblings, 150 times: at .02 a series-week some four alarms are due, not a dozen."""
    detector, alarms = Drift.of(-1, ONCE), 0
    states = detector.fresh(150)
    for hour in zip(*[rates(lambda _: 0.1, range(24 * 11), seed=seed) for seed in range(150)], strict=True):
        seen = joined(hour)
        beside = seen._replace(doubt=seen.doubt + 1e-9)
        said = detector.score(states, beside)
        told = said.p <= ONCE.level
        states = detector.learn(states, beside, said, told)
        alarms += told.sum()
    assert alarms <= 6


def wobbling(seed: int) -> Iterable[Windows]:
    """Yield four weeks of hours with a slow wobble of 4 % under noise of 4 %."""
    chance, last = Random(seed), 0.0
    for seen in rates(lambda _: 0.1, range(24 * 28), exposure=50_000.0, seed=seed):
        last = 0.9 * last + chance.gauss(0.0, 0.04 * 0.436)
        yield seen._replace(events=seen.events * (1.0 + last) * (1.0 + chance.gauss(0.0, 0.04)))


def test_a_whole_that_wobbles_keeps_its_budget() -> None:
    """Three weeks from a week on, 40 times: at .02 a series-week two or three pairs are due."""
    detector, found = Dip.of(-1, TWICE), []
    states = detector.fresh(40)
    for hour in zip(*[wobbling(seed) for seed in range(40)], strict=True):
        seen = joined(hour)
        said = detector.score(states, seen)
        found.append(said.p <= TWICE.level)
        states = detector.learn(states, seen, said, said.p <= 0.0)
    late = np.array(found[24 * 7 :])
    assert (late[1:-1] & late[2:] & ~late[:-2]).sum() <= 5


def test_a_drift_that_comes_back_no_longer_stands() -> None:
    detector = One(Drift.of(-1, ONCE))
    for hour, seen in enumerate(rates(lambda _: 0.1, range(24 * 21))):
        detector.learn(seen, told=hour == 24 * 21 - 1)
    after = []
    for seen in rates(lambda _: 0.1, range(504, 504 + 12)):
        after.append(detector.score(seen).stands)
        detector.learn(seen)
    assert after[0]
    assert not all(after)


def quiet(detector: One, arrivals: Callable[[int], int], hours: range) -> list[float]:
    """Return p of each hour's evaluation; events of an hour come to its end."""
    found, last = [], int(Freshness.last(detector.states)[0])
    for hour in hours:
        end, events = MONDAY + (hour + 1) * HOUR, arrivals(hour)
        last = end - HOUR // (events + 1) if events else last
        seen = Silences.of(end, HOUR, events, last)
        found.append(detector.score(seen).p)
        detector.learn(seen)
    return found


def busy(hour: int) -> int:
    return 60 if 7 <= hour % 24 < 22 else 0


def test_a_source_that_sleeps_at_night_is_missed_by_day_only() -> None:
    """Nine hours of every night say nothing; from seven o'clock on two hours do."""
    detector = One(Freshness(ONCE))
    assert min(quiet(detector, busy, range(24 * 10))) > ONCE.level
    assert min(quiet(detector, lambda _: 0, range(24 * 10, 24 * 10 + 7))) > ONCE.level
    assert min(quiet(detector, lambda _: 0, range(24 * 10 + 7, 24 * 10 + 9))) <= ONCE.level


def test_a_source_that_never_speaks_again_stays_missed() -> None:
    detector = One(Freshness(ONCE))
    quiet(detector, lambda _: 40, range(24 * 10))
    assert all(p <= ONCE.level for p in quiet(detector, lambda _: 0, range(242, 260)))


def test_a_tally_an_hour_is_missed_within_the_day() -> None:
    """One record an hour is few, but as regular as a clock: eight missing ones are no chance; by Poisson eighteen would be needed."""
    detector = One(Freshness(ONCE))
    quiet(detector, lambda _: 1, range(24 * 10))
    found = quiet(detector, lambda _: 0, range(240, 249))
    assert found[2] > ONCE.level
    assert found[-1] <= ONCE.level


def test_a_feed_of_bursts_is_not_missed_between_them() -> None:
    chance = Random(5)
    bursts = [30 if chance.random() < 0.15 else 0 for _ in range(24 * 28)]
    found = quiet(One(Freshness(ONCE)), lambda hour: bursts[hour], range(24 * 28))
    assert sum(p <= ONCE.level for p in found[24 * 7 :]) <= 1


def test_an_agreed_longest_silence_is_kept_from_the_first_event_on() -> None:
    detector = One(Freshness(ONCE))
    seen = Silences.of(MONDAY + 2 * HOUR, HOUR, 0, MONDAY, sla=HOUR)
    assert (detector.score(seen).p, detector.score(seen).learning) == (0.0, False)


def shares(share: Rate, hours: Iterable[int], total: float, allocated: float, seed: int = 1) -> Iterable[Shares]:
    """Yield hours in which a variant has its share, as chance deals it."""
    chance = Random(seed)
    for hour in hours:
        mu = total * share(hour)
        shown = min(total, max(0.0, round(chance.gauss(mu, (mu * (1 - share(hour))) ** 0.5))))
        yield Shares.of(MONDAY + (hour + 1) * HOUR, shown, total, allocated)


def hidden(detector: One, windows: Iterable[Shares]) -> list[bool]:
    """Return which windows breach, learning each."""
    found = []
    for seen in windows:
        found.append(detector.score(seen).p <= TWICE.level)
        detector.learn(seen)
    return found


@pytest.mark.parametrize("allocated", [0.5, nan])
def test_a_variant_that_is_hidden_is_told_at_once_whatever_the_traffic(allocated: float) -> None:
    """From half to a tenth; a tenth of the traffic at the same share is nothing."""
    detector = One(Suppression(TWICE))
    hidden(detector, shares(lambda _: 0.5, range(24 * 7), 400.0, allocated))
    assert not any(hidden(detector, shares(lambda _: 0.5, range(168, 180), 40.0, allocated)))
    assert hidden(detector, shares(lambda _: 0.1, range(180, 183), 400.0, allocated)) == [True] * 3


def test_a_bandit_may_take_a_third_from_a_variant_but_nobody_from_a_configured_share() -> None:
    """Without a stated share a fall from .5 to .36 within a day is the bandit's; against a stated half it is a suppression."""
    for allocated, told in ((nan, False), (0.5, True)):
        detector = One(Suppression(TWICE))
        hidden(detector, shares(lambda _: 0.5, range(24 * 7), 1_000.0, allocated))
        fall = shares(lambda hour: max(0.36, 0.5 - 0.14 * (hour - 168) / 24), range(168, 240), 1_000.0, allocated)
        assert any(hidden(detector, fall)) is told


@pytest.mark.parametrize("total", [100.0, 1_000.0, 20_000.0])
def test_what_a_bandit_takes_within_a_day_is_not_missed_and_what_goes_at_a_stroke_is(total: float) -> None:
    """From a half to a fifth in 24 hours no two windows in a row breach; in one hour, nearly every one of the next day does."""
    slowly, at_once = One(Suppression(TWICE)), One(Suppression(TWICE))
    for detector in (slowly, at_once):
        hidden(detector, shares(lambda _: 0.5, range(24 * 7), total, nan))
    told = hidden(slowly, shares(lambda hour: max(0.2, 0.5 - 0.3 * (hour - 168) / 24), range(168, 264), total, nan))
    assert not any(first and second for first, second in pairwise(told))
    told = hidden(at_once, shares(lambda _: 0.2, range(168, 192), total, nan))
    assert all(told[:2])
    assert sum(told) >= 20


def test_a_variant_that_was_off_for_long_and_is_back_is_judged_again() -> None:
    detector = One(Suppression(TWICE))
    for share, hours in ((0.5, range(168)), (0.0, range(168, 700)), (0.5, range(700, 868))):
        hidden(detector, shares(lambda _, share=share: share, hours, 400.0, nan))  # type: ignore[misc]
    assert all(hidden(detector, shares(lambda _: 0.1, range(868, 871), 400.0, nan)))


def test_what_others_lose_is_not_missed_when_it_goes_back() -> None:
    """While one variant is hidden the other has nearly everything; after two days of that its half is no loss."""
    detector = One(Suppression(TWICE))
    hidden(detector, shares(lambda _: 0.5, range(24 * 7), 400.0, nan))
    hidden(detector, shares(lambda _: 0.9, range(168, 216), 400.0, nan))
    assert not any(hidden(detector, shares(lambda _: 0.5, range(216, 264), 400.0, nan)))
