"""One look: which arms are compared and who is unknown, while splits change on the way."""

from dataclasses import replace
from typing import Any

from detectors.cell import Counts
from detectors.window import DAY
from governance.config import Config
from governance.config.initiative import Experiment
from governance.decision import Evidence
from governance.experiment import Standing, arms_of, evidence
from governance.metric import Phase
from governance.sample_ratio import sample_ratio

START = 1_763_850_000_000


def experiment(**allocation: float) -> Experiment:
    """Return an experiment with these shares, `a` control."""
    one: dict[str, Any] = {"control": "a", "allocation": allocation, "goals": ["converted_subjects"]}
    return Config.model_validate({"initiatives": {"plg": {"experiments": {"exp": one}}}}).initiatives["plg"].experiments["exp"]


def arm(users: int, converted: int = 0) -> Counts:
    """Return the sums of matured users."""
    return {"first": users, "n": users, "converted": converted}


def standing(phases: list[Phase], days: int) -> Standing:
    """Return an experiment of so many days whose arms have had somebody until now."""
    now = START + days * DAY
    return Standing(now, START, {name: now for phase in phases for name in phase.arms}, 0, 1.0, ended=False)


def seen(one: Experiment, phases: list[Phase], at: Standing) -> Evidence:
    """Return the evidence of a look."""
    found = evidence(one, None, phases, at)
    assert found is not None
    return found


def test_a_losing_arm_may_be_dropped_on_the_way() -> None:
    """c goes to 0: it is compared no more, its users of before are no strangers, and the two others are read over both phases."""
    before = Phase(START, {"a": 0.4, "b": 0.3, "c": 0.3}, {"a": arm(4_000, 200), "b": arm(3_000, 180), "c": arm(3_000, 90)})
    after = Phase(START + 2 * DAY, {"a": 0.5, "b": 0.5, "c": 0.0}, {"a": arm(5_000, 250), "b": arm(5_000, 300)})
    for dropped in (experiment(a=0.5, b=0.5, c=0.0), experiment(a=0.5, b=0.5)):
        found = seen(dropped, [before, after], standing([after], 4))

        assert arms_of(dropped, [before, after]) == ["a", "b"]
        assert [one.name for one in found.treatments] == ["b"]
        assert not found.unknown_variant
        assert found.emptiest_arm_ms == 0
    assert sample_ratio([before, after]).p_value == 1.0


def test_users_in_an_arm_at_zero_are_a_split_that_is_off() -> None:
    """Twenty of ten thousand where nobody should be."""
    shares = {"a": 0.5, "b": 0.5, "c": 0.0}
    fine = Phase(START, shares, {"a": arm(5_000), "b": arm(5_000)})
    stray = Phase(START, shares, {"a": arm(4_990), "b": arm(4_990), "c": arm(20)})

    assert list(sample_ratio([fine]).users) == ["a", "b"]
    assert not sample_ratio([fine]).fails(sample_ratio([fine]).p_value)
    assert sample_ratio([stray]).fails(sample_ratio([stray]).p_value)
    assert not seen(experiment(**shares), [stray], standing([stray], 2)).unknown_variant


def test_an_arm_nobody_planned_is_unknown_in_its_phase() -> None:
    planned = Phase(START, {"a": 0.5, "b": 0.5}, {"a": arm(500), "b": arm(500), "ghost": arm(20)})
    assert seen(experiment(a=0.5, b=0.5), [planned], standing([planned], 2)).unknown_variant


def test_an_arm_that_joins_on_the_way_is_waited_for_from_then_on() -> None:
    """c joins on the fifth day: an hour later it is not late, a day and an hour later it is."""
    before = Phase(START, {"a": 0.5, "b": 0.5}, {"a": arm(5_000, 250), "b": arm(5_000, 250)})
    after = Phase(START + 5 * DAY, {"a": 0.4, "b": 0.3, "c": 0.3}, {"a": arm(40), "b": arm(30)})
    joined = experiment(a=0.4, b=0.3, c=0.3)
    at = standing([before], 5)
    for hours, late in ((1, False), (25, True)):
        now = START + 5 * DAY + hours * DAY // 24
        found = seen(joined, [before, after], replace(at, now=now, last={"a": now, "b": now}))
        assert (found.emptiest_arm_ms > DAY) is late
