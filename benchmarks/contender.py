"""The two that are measured against each other on a labelled series: `pmon score`, and the river composition."""

from benchmarks.labelled_series import Labelled
from benchmarks.river_composition import RiverComposition, Setting
from detectors.series import Series


def ours(series: Labelled) -> list[float]:
    """Return our score of every row."""
    scorer, found = Series(counts=series.exposures is not None), []
    exposures = series.exposures or [None] * len(series.values)
    for time, value, exposure in zip(series.times, series.values, exposures, strict=True):
        judged = scorer.score(value, exposure, time)
        scorer.learn(value, exposure, time, judged)
        found.append(judged.score)
    return found


def theirs(series: Labelled, setting: Setting | None = None) -> list[float]:
    """Return the baseline's score of every row."""
    scorer = RiverComposition(setting or Setting())
    exposures = series.exposures or [None] * len(series.values)
    return [
        scorer.score(value, exposure, time) for time, value, exposure in zip(series.times, series.values, exposures, strict=True)
    ]
