"""The sums of every experiment equal a batch calculation, as integers, however the events arrive and whatever crashes."""

from dataclasses import replace

import pytest

from tests.simulation.gate import CALM, ROUGH, WILD
from tests.simulation.run import Run, Way
from tests.simulation.trials import Act, People, answer, kept

WAYS = (Way("file", 3, CALM), Way("random", 2, ROUGH), Way("backlog", 1, WILD), Way("laggard", 8, ROUGH))


@pytest.mark.parametrize("seed", range(16))
def test_sums_equal_the_batch_calculation(seed: int) -> None:
    """Shuffled, duplicated, late, contaminated, crashed, across a change of config: the same integers in four ways of running."""
    world = People(seed).world(60 if seed % 2 else 250)
    truth = answer(world)
    said = None
    for way in WAYS[:2] if seed % 4 else WAYS:
        run = Run(world, way, seed)
        run.go()
        assert kept(seat.rows() for seat in run.monitor_seats) == truth, way
        decisions = {name: value for name, value in run.outputs.settled().items() if not name.startswith("kpi-windows")}
        said = decisions if said is None else said
        assert decisions == said, way


def test_one_exposure_less_is_seen() -> None:
    """The batch answer depends on what it is held against: without one first exposure it is another."""
    world = People(2).world(250)
    assert any(mixed for _, mixed in answer(world).values())
    shown = [one.fact.event_id for one in world.arrivals if isinstance(one.fact, Act) and one.fact.kind == "exposure"][:20]
    without = [tuple(one for one in world.arrivals if one.fact is None or one.fact.event_id != gone) for gone in shown]

    assert sum(answer(replace(world, arrivals=rest)) != answer(world) for rest in without) > 5
