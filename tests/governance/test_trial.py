"""Phases and the ratio test over them: a change of split never pools users, and what is planned is said."""

from collections import Counter
from itertools import count

import numpy as np
import pytest

from detectors.cell import Counts
from governance.config import Config
from governance.config.initiative import Experiment
from governance.contribution import contribution, exact, plain
from governance.metric import Contrast, Phase, contrast, metric_of
from governance.sample_ratio import places, planned, sample_ratio
from governance.trial import PATH_MOST, PLACES_MOST, Trial

MINUTE = 60_000


def experiment(a: float = 0.5) -> Experiment:
    """Return an experiment with a share for control."""
    one = {"control": "a", "allocation": {"a": a, "b": 1 - a}, "goals": ["converted_subjects"]}
    return Config.model_validate({"initiatives": {"plg": {"experiments": {"exp": one}}}}).initiatives["plg"].experiments["exp"]


def sums(users: int, converted: int) -> Counts:
    """Return the sums of one arm."""
    return {"first": users, "n": users, "converted": converted}


def phase(a: tuple[int, int], b: tuple[int, int]) -> Phase:
    """Return a phase of two arms, (users, converters) each."""
    return Phase(MINUTE, {}, {"a": sums(*a), "b": sums(*b)})


def compared(*phases: Phase) -> Contrast:
    """Return b against a on converted people."""
    metric = metric_of("converted_subjects", None)
    assert metric is not None
    found = contrast(metric, phases, "b", "a")
    assert isinstance(found, Contrast)
    return found


def test_phases_are_weighted_and_never_pooled() -> None:
    """b gets 90 % in the week in which everybody buys: pooled it would win by far, weighted it loses as it does in each week."""
    weeks = phase((18_000, 900), (2_000, 90)), phase((1_000, 500), (9_000, 4_400))

    assert (900 + 500) / 19_000 < (90 + 4_400) / 11_000
    assert compared(*weeks).difference < 0
    seen = compared(*weeks).seen
    assert seen is not None
    assert seen.n == 30_000


def test_one_phase_alone_is_the_plain_difference() -> None:
    found = compared(phase((1_000, 50), (1_000, 70)))
    assert found.difference == pytest.approx(0.02)
    assert found.seen is not None


def test_a_change_of_the_split_starts_a_phase_and_maturing_users_go_to_their_own() -> None:
    trial = Trial()
    trial.take(MINUTE, MINUTE, {(MINUTE, "a"): {"first": 5}}, experiment(), 50)
    trial.take(2 * MINUTE, MINUTE, {(2 * MINUTE, "a"): {"first": 7}}, experiment(0.2), 50)
    trial.take(9 * MINUTE, MINUTE, {(MINUTE, "a"): {"n": 5}, (2 * MINUTE, "a"): {"n": 7}}, experiment(0.2), 50)

    assert [(one.start, one.arms) for one in trial.stretches] == [
        (MINUTE, {"a": {"first": 5, "n": 5}}),
        (2 * MINUTE, {"a": {"first": 7, "n": 7}}),
    ]
    assert Trial.read(trial.plain()) == trial


def test_an_arm_that_joins_an_experiment_nobody_planned_is_no_fault_of_its_split() -> None:
    """Ten thousand each in two arms, then a third one: the shares of before are not held against it."""
    trial = Trial()
    trial.take(MINUTE, MINUTE, {(MINUTE, arm): {"first": 10_000} for arm in "ab"}, None, 50)
    trial.take(2 * MINUTE, MINUTE, {(2 * MINUTE, arm): {"first": 5_000} for arm in "abc"}, None, 50)

    assert len(trial.stretches) == 2
    assert trial.ratio().p_value == 1.0


def logged(*groups: tuple[int, float]) -> Counts:
    """Return the sums of an arm's users: how many had which chance of it."""
    found = Counter[str]()
    for users, chance in groups:
        found.update({"first": users, "logged": users, "inverse": round(users * 1e6 / chance), "squares": round(users * 1e6 / chance**2)})
    return dict(found)


def test_logged_propensities_are_the_plan_where_every_user_has_one() -> None:
    arms = Phase(MINUTE, {}, {"a": logged((9_000, 0.9)), "b": logged((1_000, 0.1))})

    shares, by = planned(arms)
    assert by == "propensity"
    assert shares == pytest.approx({"a": 0.9, "b": 0.1})
    assert sample_ratio([arms]).p_value == 1.0
    assert not sample_ratio([arms]).fails(1e-9)
    lost = Phase(MINUTE, {}, {"a": logged((7_000, 0.9)), "b": logged((1_000, 0.1))})
    assert sample_ratio([lost]).fails(sample_ratio([lost]).p_value)


def test_chances_that_differ_from_person_to_person_are_no_fault_of_the_split() -> None:
    """Half the people get a by nine in ten, half by three in ten: 60 % of them in a is the plan, 66 % is not."""
    half = 100_000
    arms = {"a": logged((half * 9 // 10, 0.9), (half * 3 // 10, 0.3)), "b": logged((half // 10, 0.1), (half * 7 // 10, 0.7))}
    fair = sample_ratio([Phase(MINUTE, {}, arms)])
    assert fair.shares == pytest.approx({"a": 0.6, "b": 0.4}, abs=1e-5)
    assert not fair.fails(fair.p_value)

    arms["b"] = logged((half // 10, 0.1), (half * 5 // 10, 0.7))
    lost = sample_ratio([Phase(MINUTE, {}, arms)])
    assert lost.fails(lost.p_value)


def test_five_hundred_looks_at_a_bandit_rarely_alarm() -> None:
    """Chances from 2 to 98 %, drawn anew for everybody: the variance is larger than a coin's, and alarms stay within 1 %."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(100):
        chance = np.round(rng.choice([0.02, 0.1, 0.5, 0.9, 0.98], 20_000), 6)
        in_a = rng.random(20_000) < chance
        p = np.where(in_a, chance, 1.0 - chance)
        sums = {arm: (chosen, chosen / p, chosen / p**2) for arm, chosen in (("a", in_a), ("b", ~in_a))}
        running = {arm: [part.cumsum() for part in parts] for arm, parts in sums.items()}
        for look in range(399, 20_000, 400):
            phase = {}
            for arm, (n, inverse, squares) in running.items():
                users = int(n[look])
                phase[arm] = {"first": users, "logged": users, "inverse": int(1e6 * inverse[look]), "squares": int(1e6 * squares[look])}
            found = sample_ratio([Phase(MINUTE, {}, phase)])
            if found.fails(found.p_value):
                alarms += 1
                break
    assert alarms <= 3


def test_where_the_split_is_off_is_said() -> None:
    """Even on the web, lost in the app: the app is named, the web is not."""
    arms = {"a": {"first": 7_000, "channel.web": 5_000, "channel.app": 2_000}}
    arms["b"] = {"first": 6_000, "channel.web": 5_000, "channel.app": 1_000}
    assert [one["where"] for one in places([Phase(MINUTE, {"a": 0.5, "b": 0.5}, arms)])] == [{"channel": "app"}]


def test_neither_places_nor_the_path_grow_without_bound() -> None:
    trial = Trial()
    for number in range(3 * PATH_MOST):
        trial.take(number * MINUTE, MINUTE, {(number * MINUTE, "a"): {"first": 1, f"channel.{number}": 1}}, None, 50)
        trial.looks = number
        if trial.traces():
            trial.trace(number * MINUTE, [["a", 0.0, 0.5, 1.0]])

    assert len(trial.stretches[0].arms["a"]) <= PLACES_MOST + 3
    assert PATH_MOST // 2 <= len(trial.path) <= PATH_MOST
    apart = {later[0] - earlier[0] for earlier, later in zip(trial.path, trial.path[1:], strict=False)}
    assert len(apart) == 1


def test_sums_beyond_64_bits_are_written_and_read_back() -> None:
    """A square of 10¹² minor units, ten million times, and a negative one."""
    amounts = [10**12, -(10**12)]
    for amount, times in zip(amounts, count(10**7)):
        found = {name: number * times for name, number in contribution({"revenue_minor.EUR": amount}, {}, None).items()}
        assert any(isinstance(one, str) for one in plain(found).values())
        assert exact(plain(found)) == found
