"""The laws every detector keeps, whatever it looks at."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from random import Random
from typing import Any

import pytest

from detectors.budget import Budget
from detectors.dip import Dip, Window
from detectors.drift import Drift
from detectors.freshness import Freshness, Silence
from detectors.protocol import StateVersionError, Verdict
from detectors.suppression import Share, Suppression
from detectors.window import DAY, HOUR

BUDGET = Budget.of(0.02, HOUR)
ONCE = Budget.of(0.02, HOUR, 1, 1)
START = 20_400 * DAY


@dataclass(frozen=True)
class Case:
    """A detector, its way back from a state, its ordinary windows, and the same window much worse and much better."""

    name: str
    fresh: Callable[[], Any]
    of: Callable[[list[Any]], Any]
    ordinary: Callable[[Random, int], Any]
    worse: Callable[[Any], Any]
    better: Callable[[Any], Any]
    broken: Callable[[Any, float], Any]


def counts(chance: Random, hour: int) -> Window:
    """Return an hour of about 1,500 exposures and 10 % clicks."""
    exposure = 1500 + 600 * (hour % 24 > 8) + chance.randint(-60, 60)
    return Window(START + hour * HOUR, sum(chance.random() < 0.1 for _ in range(exposure)), exposure)


def share(chance: Random, hour: int) -> Share:
    """Return an hour in which half of about 800 see the variant."""
    total = 800 + chance.randint(-50, 50)
    return Share(START + hour * HOUR, sum(chance.random() < 0.5 for _ in range(total)), total, 0.5)


def silence(chance: Random, hour: int) -> Silence:
    """Return an hour of about 300 events, the last of them seconds ago."""
    end = START + hour * HOUR
    return Silence(end, HOUR, 300 + chance.randint(-30, 30), end - chance.randint(1, 30_000))


CASES = [
    Case(
        "dip",
        lambda: Dip(-1, BUDGET),
        lambda state: Dip.of(state, -1, BUDGET),
        counts,
        lambda seen: seen._replace(events=seen.events * 0.3),
        lambda seen: seen._replace(events=min(seen.exposure, seen.events * 3)),
        lambda seen, number: seen._replace(events=number),
    ),
    Case(
        "drift",
        lambda: Drift(-1, ONCE),
        lambda state: Drift.of(state, -1, ONCE),
        counts,
        lambda seen: seen._replace(events=seen.events * 0.3),
        lambda seen: seen._replace(events=min(seen.exposure, seen.events * 3)),
        lambda seen, number: seen._replace(exposure=number),
    ),
    Case(
        "suppression",
        lambda: Suppression(BUDGET),
        lambda state: Suppression.of(state, BUDGET),
        share,
        lambda seen: seen._replace(shown=seen.shown * 0.3),
        lambda seen: seen._replace(shown=min(seen.total, seen.shown * 1.9)),
        lambda seen, number: seen._replace(total=number),
    ),
    Case(
        "freshness",
        lambda: Freshness(ONCE),
        lambda state: Freshness.of(state, ONCE),
        silence,
        lambda seen: seen._replace(events=0, last=seen.end - 3 * HOUR),
        lambda seen: seen._replace(events=seen.events * 3, last=seen.end),
        lambda seen, number: seen._replace(events=number),
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def warmed(case: Case, hours: int, seed: int = 1) -> tuple[Any, list[Any], list[Verdict]]:
    """Return a detector after some ordinary hours, those hours, and what was said of each."""
    chance = Random(seed)
    detector, windows, said = case.fresh(), [], []
    for hour in range(hours):
        windows.append(case.ordinary(chance, hour))
        said.append(detector.score(windows[-1]))
        detector.learn(windows[-1])
    return detector, windows, said


@every
def test_asking_changes_nothing(case: Case) -> None:
    """`score` never learns: the state is the same after any number of questions."""
    detector, windows, _ = warmed(case, 100)
    before = detector.state()
    answers = {detector.score(case.worse(windows[-1])) for _ in range(3)}
    assert len(answers) == 1
    assert detector.state() == before


@every
def test_a_state_survives_as_plain_numbers_in_mid_stream(case: Case) -> None:
    """A detector rebuilt from JSON every hour says what one that lived says, to the precision kept."""
    chance = Random(2)
    living, rebuilt = case.fresh(), case.fresh()
    for hour in range(150):
        seen = case.ordinary(chance, hour)
        assert living.score(seen).p == pytest.approx(rebuilt.score(seen).p, rel=1e-3, abs=1e-9)
        living.learn(seen)
        rebuilt.learn(seen)
        rebuilt = case.of(json.loads(json.dumps(rebuilt.state())))


@every
def test_a_replay_says_what_the_run_said(case: Case) -> None:
    """The same windows give the same words, bit for bit."""
    assert warmed(case, 120)[2] == warmed(case, 120)[2]


@every
def test_what_is_not_finite_is_refused_before_it_is_learnt(case: Case) -> None:
    """NaN and infinity are never judged bad and change no state; river would panic on them."""
    detector, windows, _ = warmed(case, 100)
    before = detector.state()
    for number in (nan, inf, -inf):
        seen = case.broken(windows[-1], number)
        assert detector.score(seen).p == 1.0
        detector.learn(seen)
    assert detector.state() == before


@every
def test_a_cold_start_is_silent(case: Case) -> None:
    """Nothing is said before something is learnt, however bad the first windows look."""
    chance = Random(3)
    detector = case.fresh()
    for hour in range(3):
        verdict = detector.score(case.worse(case.ordinary(chance, hour)))
        assert verdict.learning
        assert verdict.p == 1.0


@every
def test_worse_is_told_and_better_is_not(case: Case) -> None:
    """One-sided: a fault of two windows is beyond the level, the same change for the better is not."""
    for change, told in ((case.worse, True), (case.better, False)):
        detector, windows, _ = warmed(case, 24 * 8)
        chance = Random(4)
        verdicts = []
        for hour in range(len(windows), len(windows) + (2 if case.name != "drift" else 48)):
            seen = change(case.ordinary(chance, hour))
            verdicts.append(detector.score(seen))
            detector.learn(seen)
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
    """A state is under 2 kB and no larger after ten weeks than after five."""
    sizes = [len(json.dumps(warmed(case, 24 * days)[0].state())) for days in (35, 70)]
    assert sizes[1] < 2000
    assert sizes[1] <= sizes[0] * 1.1


@every
def test_another_version_is_refused(case: Case) -> None:
    """A state of an unknown version is an error of its own, never misread."""
    state = warmed(case, 10)[0].state()
    with pytest.raises(StateVersionError):
        case.of([99, *state[1:]])


@every
def test_hard_streams_neither_crash_nor_alarm(case: Case) -> None:
    """Nothing at all, days without a window, and counts of a thousand million are no fault."""
    detector, windows, _ = warmed(case, 24 * 8)
    after = windows[-1].end + 5 * DAY
    seen = case.ordinary(Random(5), 0)._replace(end=after)
    if isinstance(seen, Silence):
        seen = seen._replace(last=after - 1)
    assert detector.score(seen).p > BUDGET.rate
    detector.learn(seen)
    empty = {"dip": Window(after, 0, 0), "drift": Window(after, 0, 0), "suppression": Share(after, 0, 0)}.get(case.name)
    if empty is not None:
        assert detector.score(empty).p == 1.0
    fresh = case.fresh()
    for hour in range(200):
        end = START + hour * HOUR
        huge = {
            "suppression": Share(end, 500_000_000, 1_000_000_000, 0.5),
            "freshness": Silence(end, HOUR, 1_000_000_000, end - 1),
        }.get(case.name, Window(end, 100_000_000, 1_000_000_000))
        assert fresh.score(huge).p > BUDGET.rate
        fresh.learn(huge)
