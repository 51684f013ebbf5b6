"""The config that goes with a scenario is valid, and fits its rate."""

import pytest

from detectors.window import HOUR
from governance.config import load_config
from streams.simulation.config import config_text
from streams.simulation.scenario import LOWEST_RATE, RECIPES, scenario


@pytest.mark.parametrize("name", RECIPES)
def test_the_config_of_every_scenario_loads(name: str) -> None:
    config = load_config(config_text(scenario(name)))
    assert list(config.initiatives) == [program.key for program in scenario(name).programs]
    assert config.resolve("PLG Onboarding") == "plg-onboarding"


@pytest.mark.parametrize(
    ("rate", "hours", "silence"), [(100_000, 1, 900), (1_200, 1, 900), (600, 1, 1_500), (300, 2, 3_300), (LOWEST_RATE, 3, 5_100)]
)
def test_fewer_events_are_judged_over_longer_windows(rate: int, hours: int, silence: int) -> None:
    config = load_config(config_text(scenario("quiet", 3, rate)))
    for initiative in config.initiatives.values():
        bounds = {threshold.id: threshold for threshold in initiative.thresholds}
        assert bounds["low-ctr"].window == bounds["technical-fallback"].window == hours * HOUR
        assert bounds["stale-feed"].value == silence
