"""The mixture that detectors are measured on: its records, its truth, and that the short way to measure says what the long one does."""

from collections import Counter
from typing import Any

import orjson
import pytest

from benchmarks.detection import replayed, watched
from governance.config import load_config
from governance.message.reading import read
from governance.message.refusal import Refusal
from streams.simulation.mixture import FEWEST_DAYS, TIERS, WARM, Mixture, config_text


def test_a_seed_gives_the_same_mixture_and_another_seed_another() -> None:
    made = [list(Mixture(seed, days=FEWEST_DAYS, initiatives=1).records()) for seed in (3, 3, 4)]
    assert made[0] == made[1] != made[2]


def test_every_tally_can_be_read_and_they_add_up_to_the_cells() -> None:
    mixture = Mixture(3, days=FEWEST_DAYS, initiatives=1)
    sums: Counter[str] = Counter()
    for sent in mixture.records():
        assert not isinstance(read(sent.topic, sent.key, sent.value), Refusal)
        event = orjson.loads(sent.value)
        sums["exposures"] += event["exposures"]
        sums["clicks"] += event["clicks"]
    (cells,) = mixture.initiatives.values()
    assert sums == {"exposures": sum(cell.exposures.sum() for cell in cells), "clicks": sum(cell.clicks.sum() for cell in cells)}
    assert {cell.profile for cell in cells} == {f"volume-{tier}" for tier in TIERS}


def test_the_truth_is_what_was_done_and_a_quiet_mixture_has_none() -> None:
    """A stale cell counts nothing while it is; every fault lies after the warm-up; who knows all is sure of every silence."""
    mixture = Mixture(11, initiatives=4)
    faults = [cell for cells in mixture.initiatives.values() for cell in cells if cell.ailment is not None]
    assert len(mixture.document()["incidents"]) == len(faults) == 24  # type: ignore[arg-type]
    for cell in faults:
        assert cell.ailment is not None
        assert cell.ailment.start >= WARM
        if cell.ailment.kind == "stale":
            assert cell.ailment.sure
            assert cell.exposures[cell.ailment.start : cell.ailment.end].sum() == 0
    assert Mixture(11, days=FEWEST_DAYS, faults=False).document()["incidents"] == []


def test_too_short_a_mixture_is_refused() -> None:
    with pytest.raises(ValueError, match="days must be 35 to 400 for a mixture, was 14"):
        Mixture(1, days=14)


def plain(step: dict[str, Any]) -> tuple[str, ...]:
    """Return what an incident's step says, and when."""
    return step["check"], step["step"], step["updated_at"], str(step["key"])


@pytest.mark.soak
def test_closed_windows_handed_to_detection_open_what_a_replay_of_the_tallies_opens() -> None:
    """The benchmark's short way: same incidents, same steps, same times."""
    mixture = Mixture(5, initiatives=1)
    config = load_config(config_text(list(mixture.initiatives)))
    said = [Counter(map(plain, of(mixture, config))) for of in (replayed, watched)]
    assert said[0] == said[1]
    assert said[0]
