"""The sums of every experiment equal a batch calculation, as integers, however the events arrive and whatever crashes."""

from dataclasses import replace

import pytest

from tests.simulation.trial_gate import differing
from tests.simulation.trials import Act, People, answer


@pytest.mark.parametrize("seed", range(16))
def test_sums_equal_the_batch_calculation(seed: int) -> None:
    """Shuffled, duplicated, late, contaminated, crashed, across a change of config: the same integers in four ways of running."""
    assert list(differing(seed)) == []


@pytest.mark.soak
def test_two_thousand_histories_of_experiments() -> None:
    """The long form, also as a command: python -m tests.simulation.trial_gate 2000."""
    assert [found for seed in range(1_000, 1_800) for found in differing(seed)] == []


def test_one_exposure_less_is_seen() -> None:
    """The batch answer depends on what it is held against: without one first exposure it is another."""
    world = People(2).world(250)
    assert any(mixed for _, mixed in answer(world).values())
    shown = [one.fact.event_id for one in world.arrivals if isinstance(one.fact, Act) and one.fact.kind == "exposure"][:20]
    without = [tuple(one for one in world.arrivals if one.fact is None or one.fact.event_id != gone) for gone in shown]

    assert sum(answer(replace(world, arrivals=rest)) != answer(world) for rest in without) > 5
