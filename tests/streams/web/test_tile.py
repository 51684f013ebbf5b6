"""The strip of key figures: what is usual, what is not, and what is not known yet."""

import asyncio
from math import cos, pi
from typing import Any

from detectors.window import DAY, HOUR
from governance.message.instant import format_instant
from streams.read_model.memory import MemoryModel
from streams.web.page.tile import tiles
from tests.streams.read_model.outputs import HOME, START, incident_step, window
from tests.streams.web.sites import config


def shown(hours: int, last: float = 0.05, *steps: Any, stale: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the tiles by name after so many hours of a daily wave of exposures at a CTR of 5 %, the last hour at another."""
    model = MemoryModel()
    for number in range(1, hours + 1):
        exposures = round(2_000 + 1_000 * cos(2 * pi * number * HOUR / DAY))
        rate = last if number == hours else 0.05
        model.take(0, number, [window(START + number * HOUR, exposures, round(exposures * rate), size=HOUR)])
    model.take(0, hours + 1, steps)
    found = asyncio.run(model.situation(HOME))
    assert found is not None
    return {tile["name"]: tile for tile in tiles(found, config(), stale)}


def test_two_days_give_every_figure_its_range() -> None:
    """Each tile says what was expected of the last hour, and draws it; a figure nobody watches is usual, never passed."""
    found = shown(48)

    assert found["CTR"]["verdict"] == ("good", "as expected")
    assert found["CTR"]["foot"].startswith("expected 3.9")
    assert found["Exposures"]["foot"].startswith("expected 2,859 to 3,141")
    assert found["Revenue per exposure"]["verdict"] == ("none", "usual, no bound is set")
    assert all('class="band"' in tile["spark"] for tile in found.values())


def test_what_leaves_its_range_is_said_without_alarm_until_it_is_an_incident() -> None:
    """One window says nothing yet; with an incident of the figure it is a breach, in words and against what was expected."""
    assert shown(48, 0.02)["CTR"]["verdict"] == ("plain", "below what is usual, no breach")
    last = [{"start": format_instant(START + 47 * HOUR), "end": format_instant(START + 48 * HOUR)}]
    verdict = shown(48, 0.02, incident_step("opened", 1, START + 48 * HOUR, key={"kpi": "ctr"}, windows=last))["CTR"]["verdict"]
    assert verdict == ("bad", "60\u00a0% below expected")


def test_less_than_two_days_are_learnt_and_drawn_without_a_range() -> None:
    found = shown(31)["CTR"]

    assert found["verdict"] == ("learning", "learning, 31 of 48")
    assert found["foot"].startswith("no range until 48 hours")
    assert 'class="obs dashed"' in found["spark"]
    assert "band" not in found["spark"]


def test_numbers_that_stand_still_are_stale_and_never_good() -> None:
    found = shown(48, stale="14:02")

    assert {tile["verdict"] for tile in found.values()} == {("stale", "stale since 14:02")}


def test_what_is_measured_on_too_little_is_not_evaluated() -> None:
    """A figure on 12 exposures has no value: how many it needs is said, and a hatched box stands for the line."""
    model = MemoryModel()
    model.take(0, 1, [window(START + number * HOUR, 12, 3, size=HOUR) for number in range(1, 49)])
    found = asyncio.run(model.situation(HOME))
    assert found is not None
    tile = next(tile for tile in tiles(found, config(), None) if tile["name"] == "CTR")

    assert (tile["value"], tile["verdict"]) == ("–", ("none", "not evaluated"))
    assert tile["foot"] == "12 exposures, needs 20"
    assert ">too few</text>" in tile["spark"]
