"""The laws every detector keeps, whatever it looks at."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf, nan
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.budget import Budget
from detectors.dip import Dip
from detectors.drift import Drift
from detectors.freshness import Freshness, Silences
from detectors.protocol import Detector, States, joined, some
from detectors.suppression import Shares, Suppression
from detectors.weighing import Windows
from detectors.window import DAY, HOUR
from tests.detectors.one import One, Said

BUDGET = Budget.of(0.02, HOUR)
ONCE = Budget.of(0.02, HOUR, 1, 1)
START = 20_400 * DAY
VOLUMES = (0.0, 1.0, 2.0, 20.0, 200.0, 1500.0, 1e5, 1e9)


@dataclass(frozen=True)
class Case:
    """A detector, its ordinary windows of a volume, and the same window much worse, much better, and with a number that is none."""

    name: str
    detector: Detector[Any]
    ordinary: Callable[[Random, int, float], Any]
    worse: Callable[[Any], Any]
    better: Callable[[Any], Any]
    broken: Callable[[Any, float], Any]


def some_of(chance: Random, number: float, share: float) -> float:
    """Return how many of so many are chosen, as chance deals it (normal for many)."""
    return min(number, max(0.0, float(round(chance.gauss(number * share, (number * share * (1 - share)) ** 0.5)))))


def counts(chance: Random, hour: int, volume: float) -> Windows:
    """Return an hour of about so many exposures, by day more, and 10 % clicks of some value."""
    exposure = float(round(volume * (1.0 + 0.4 * (hour % 24 > 8) + chance.uniform(-0.04, 0.04))))
    events = some_of(chance, exposure, 0.1)
    return Windows.of(START + hour * HOUR, events, exposure, money=events * chance.lognormvariate(3.0, 0.1))


def share(chance: Random, hour: int, volume: float) -> Shares:
    """Return an hour in which half of about so many see the variant."""
    total = float(round(volume * chance.uniform(0.5, 0.6)))
    return Shares.of(START + hour * HOUR, some_of(chance, total, 0.5), total, 0.5 if volume != 200.0 else nan)


def silence(chance: Random, hour: int, volume: float) -> Silences:
    """Return an hour of about a fifth of so many events, the last of them seconds ago."""
    end = START + hour * HOUR
    return Silences.of(end, HOUR, round(volume * chance.uniform(0.18, 0.22)), end - chance.randint(1, 30_000) if volume else 0)


CASES = [
    Case(
        "dip",
        Dip.of(-1, BUDGET),
        counts,
        lambda seen: seen._replace(events=seen.events * 0.3, money=seen.money * 0.3),
        lambda seen: seen._replace(events=np.minimum(seen.exposure, seen.events * 3), money=seen.money * 3),
        lambda seen, number: seen._replace(events=np.array([number])),
    ),
    Case(
        "drift",
        Drift.of(-1, ONCE),
        counts,
        lambda seen: seen._replace(events=seen.events * 0.3, money=seen.money * 0.3),
        lambda seen: seen._replace(events=np.minimum(seen.exposure, seen.events * 3), money=seen.money * 3),
        lambda seen, number: seen._replace(exposure=np.array([number])),
    ),
    Case(
        "suppression",
        Suppression(BUDGET),
        share,
        lambda seen: seen._replace(shown=seen.shown * 0.3),
        lambda seen: seen._replace(shown=np.minimum(seen.total, seen.shown * 1.9)),
        lambda seen, number: seen._replace(total=np.array([number])),
    ),
    Case(
        "freshness",
        Freshness(ONCE),
        silence,
        lambda seen: seen._replace(events=np.zeros(1), last=np.array([seen.end - 3.0 * HOUR])),
        lambda seen: seen._replace(events=seen.events * 3, last=np.array([float(seen.end)])),
        lambda seen, number: seen._replace(events=np.array([number])),
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def warmed(case: Case, hours: int, seed: int = 1) -> tuple[One, list[Any], list[Said]]:
    """Return a series after some ordinary hours, those hours, and what was said of each."""
    chance = Random(seed)
    series, windows, said = One(case.detector), [], []
    for hour in range(hours):
        windows.append(case.ordinary(chance, hour, 1500.0))
        said.append(series.score(windows[-1]))
        series.learn(windows[-1])
    return series, windows, said


@cache
def crowd(name: str) -> tuple[Detector[Any], States, Any]:
    """Return the states of twenty-six series of all volumes, some young, some of whom learnt nonsense, and their next window."""
    (case,) = [one for one in CASES if one.name == name]
    detector, number = case.detector, 3 * len(VOLUMES) + 2
    chance, states = Random(7), detector.fresh(number)
    for hour in range(100):
        seen = joined([case.ordinary(chance, hour, VOLUMES[place % len(VOLUMES)]) for place in range(number)])
        after = detector.learn(states, seen, detector.score(states, seen), np.zeros(number, dtype=np.bool_))
        states = np.where((np.arange(number) % 5 > 0)[:, None] | (hour > 70), after, states)
    each = [case.ordinary(chance, 100, VOLUMES[place % len(VOLUMES)]) for place in range(number)]
    each = [case.worse(seen) if place % 4 == 1 else seen for place, seen in enumerate(each)]
    each = [case.broken(seen, nan) if place == 9 else seen for place, seen in enumerate(each)]
    return detector, states, joined(each)


@every
@given(data=st.data())
def test_what_a_series_says_and_learns_depends_on_no_other(case: Case, data: st.DataObject) -> None:
    """To the last bit, whoever is beside it, in whatever order, however many: what was scored together is learnt in parts."""
    detector, states, seen = crowd(case.name)
    number = len(states)
    told = np.arange(number) % 3 == 0
    places = np.array(data.draw(st.lists(st.integers(0, number - 1), min_size=1, max_size=70)))
    said = detector.score(states, seen)
    learnt = detector.learn(states, seen, said, told)

    alone = detector.score(states[places], some(seen, places))
    assert [column.tobytes() for column in alone] == [column.tobytes() for column in some(said, places)]
    assert detector.learn(states[places], some(seen, places), alone, told[places]).tobytes() == learnt[places].tobytes()


@every
def test_asking_and_learning_change_nothing_that_was_given(case: Case) -> None:
    """`score` and `learn` are functions: states that cannot be written to are asked any number of times."""
    series, windows, _ = warmed(case, 100)
    series.states.flags.writeable = False
    answers = {series.score(case.worse(windows[-1]))[:3] for _ in range(3)}
    said = case.detector.score(series.states, windows[-1])
    after = [case.detector.learn(series.states, windows[-1], said, np.ones(1, dtype=np.bool_)).tobytes() for _ in range(2)]
    assert len(answers) == 1
    assert after[0] == after[1] != series.states.tobytes()


@every
def test_a_state_survives_as_plain_numbers_in_mid_stream(case: Case) -> None:
    """A series rebuilt from its bytes every hour says what one that lived says."""
    chance = Random(2)
    living, rebuilt = One(case.detector), One(case.detector)
    for hour in range(150):
        seen = case.ordinary(chance, hour, 1500.0)
        assert living.score(seen).p == rebuilt.score(seen).p
        living.learn(seen)
        rebuilt.learn(seen)
        rebuilt.states = np.frombuffer(rebuilt.states.astype("<f8").tobytes(), "<f8").reshape(1, case.detector.width)
    assert rebuilt.states.tobytes() == living.states.tobytes()


@every
def test_a_replay_says_what_the_run_said(case: Case) -> None:
    """The same windows give the same words, bit for bit."""
    first, again = (warmed(case, 120) for _ in range(2))
    assert repr(first[2]) == repr(again[2])
    assert first[0].states.tobytes() == again[0].states.tobytes()


@every
def test_what_is_not_finite_is_refused_before_it_is_learnt(case: Case) -> None:
    """NaN and infinity are never judged bad and change no state; river would panic on them."""
    series, windows, _ = warmed(case, 100)
    before = series.states.tobytes()
    for number in (nan, inf, -inf):
        seen = case.broken(windows[-1], number)
        assert series.score(seen).p == 1.0
        series.learn(seen)
    assert series.states.tobytes() == before


@every
def test_a_cold_start_is_silent(case: Case) -> None:
    """Nothing is said before something is learnt, however bad the first windows look."""
    chance = Random(3)
    series = One(case.detector)
    for hour in range(3):
        verdict = series.score(case.worse(case.ordinary(chance, hour, 1500.0)))
        assert verdict.learning
        assert verdict.p == 1.0


@every
def test_worse_is_told_and_better_is_not(case: Case) -> None:
    """One-sided: a fault of two windows is beyond the level, the same change for the better is not."""
    for change, told in ((case.worse, True), (case.better, False)):
        series, windows, _ = warmed(case, 24 * 8)
        chance = Random(4)
        verdicts = []
        for hour in range(len(windows), len(windows) + (2 if case.name != "drift" else 48)):
            seen = change(case.ordinary(chance, hour, 1500.0))
            verdicts.append(series.score(seen))
            series.learn(seen)
        assert any(verdict.p <= ONCE.rate for verdict in verdicts) is told


@every
def test_ordinary_weeks_stay_quiet(case: Case) -> None:
    """No two windows in a row beyond the level in five weeks."""
    _, _, said = warmed(case, 24 * 35)
    level = BUDGET.level if case.name in ("dip", "suppression") else ONCE.rate
    breaches = [verdict.p <= level for verdict in said]
    assert not any(a and b for a, b in itertools.pairwise(breaches))


@every
def test_a_state_is_bounded(case: Case) -> None:
    """A state is a fixed number of plain numbers, under 1 kB, whatever was learnt."""
    states = warmed(case, 24 * 35)[0].states
    assert states.shape == (1, case.detector.width)
    assert states.nbytes < 1000
    assert np.isfinite(states).all()


@every
def test_hard_streams_neither_crash_nor_alarm(case: Case) -> None:
    """Nothing at all, days without a window, and counts of a thousand million are no fault."""
    series, windows, _ = warmed(case, 24 * 8)
    after = windows[-1].end + 5 * DAY
    seen = case.ordinary(Random(5), 0, 1500.0)._replace(end=after)
    if isinstance(seen, Silences):
        seen = seen._replace(last=np.array([after - 1.0]))
    assert series.score(seen).p > BUDGET.rate
    series.learn(seen)
    empty = {"dip": Windows.of(after, 0, 0), "drift": Windows.of(after, 0, 0), "suppression": Shares.of(after, 0, 0)}.get(case.name)
    if empty is not None:
        assert series.score(empty).p == 1.0
    fresh = One(case.detector)
    for hour in range(200):
        end = START + hour * HOUR
        huge = {
            "suppression": Shares.of(end, 500_000_000, 1_000_000_000, 0.5),
            "freshness": Silences.of(end, HOUR, 1_000_000_000, end - 1),
        }.get(case.name, Windows.of(end, 100_000_000, 1_000_000_000))
        assert fresh.score(huge).p > BUDGET.rate
        fresh.learn(huge)
