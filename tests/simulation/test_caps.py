"""Beyond a cap nothing is lost and nothing has one name twice, whatever the number of shards."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from detectors.cell import OTHER
from governance.config import Config
from streams.kernel.bulletin import rest_of
from streams.kernel.cells import DAYS, unpack_cells
from streams.kernel.rows import key_parts
from streams.kernel.standing import STANDINGS
from tests.simulation.gate import ROUGH
from tests.simulation.oracle import admitted, totals
from tests.simulation.run import SHOWN, Run, Way
from tests.simulation.world import World
from tests.simulation.worlds import made

SEEDS = (3, 8)
SHARDS = (1, 2, 3, 8)
CAPS = {"initiatives": 1, "profiles": 1, "variants": 2, "cells": 2}


def capped(seed: int) -> World:
    """Build a world whose initiatives no config names, with room for one of them and for two cells."""
    world = made(seed, "coarse", 60)
    first = world.configs[0]
    effective = {**first.effective, "initiatives": {}, "limits": {**first.effective["limits"], **CAPS}}
    config = Config.model_validate(effective)
    return replace(world, configs=(replace(first, effective=config.effective(), sha256=config.sha256),))


def ran(world: World, shards: int) -> Run:
    """Run a world to its end, with crashes; the run itself sees to it that no id is published with two contents."""
    run = Run(world, Way("random", shards, ROUGH), world.seed)
    run.go()
    return run


def expected(world: World) -> Counter[str]:
    """Return what all events of closed base windows add up to."""
    events, _ = admitted(world)
    until = world.last_watermark(drain=True)
    rows = [row for end, row in totals(world, events).windows.items() if end <= until]
    return sum((Counter({name: counts[name] for name in SHOWN}) for row in rows for counts in row.values()), Counter())


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_beyond_the_caps_is_counted_once_and_elsewhere(seed: int, shards: int) -> None:
    """All published windows together are all events, in at most one initiative of its own and one `__other__` a shard."""
    world = capped(seed)
    run = ran(world, shards)
    windows = [event["data"] for event in run.outputs.by_topic["kpi-windows"].values() if event["data"]["revision"] == "counts"]
    found: Counter[str] = sum((Counter({name: data["counts"][name] for name in SHOWN}) for data in windows), Counter())

    assert found == expected(world)
    for seat, monitor in zip(run.monitor_seats, run.monitors, strict=True):
        watched = {key_parts(key)[0] for key in seat.rows().keys(STANDINGS)} - {"_system", rest_of(monitor.shard)}
        assert len(watched) <= CAPS["initiatives"]
        for key in seat.rows().keys(DAYS):
            cells = unpack_cells(seat.rows().get(key))
            assert len({profile for profile, *_ in cells} - {OTHER}) <= CAPS["profiles"]
            assert len(set(cells) - {(OTHER,) * 4}) <= CAPS["cells"]


@pytest.mark.parametrize("shards", SHARDS)
def test_a_cap_is_told_of_once(shards: int) -> None:
    """One `cardinality` finding per initiative and cap: of too many initiatives, per shard that has no room for one."""
    run = ran(capped(SEEDS[0]), shards)
    told: Counter[Any] = Counter(
        (event["data"]["initiative"], event["data"]["key"]["feed"])
        for event in run.outputs.by_topic["findings"].values()
        if event["data"]["check"] == "cardinality" and event["data"]["initiative"] != "_system"
    )
    rests = {rest_of(one.shard) for one in run.monitors}
    counted = {event["data"]["initiative"] for event in run.outputs.by_topic["kpi-windows"].values()}

    assert set(told.values()) == {1}
    assert {initiative for initiative, feed in told if feed == "initiative"} == counted & rests
    assert shards > 2 or counted & rests


def test_shards_never_share_the_name_of_what_they_have_no_room_for() -> None:
    """Two shards with one name would publish two contents under one id."""
    for shards in (1, 2, 3, 8, 64):
        names = {rest_of(one.shard) for one in Run(capped(1), Way("file", shards, ROUGH), 1).monitors}
        assert len(names) == shards
        assert OTHER in names
