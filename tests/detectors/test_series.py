"""What `pmon score` promises of any series: found where it should be, quiet elsewhere, the same in any unit."""

from collections.abc import Callable
from math import nan
from random import Random

import pytest

from detectors.refractory import LEAST, Refractory
from detectors.series import WARM, Series

DAY, ROWS = 48, 1200
START_S, STEP_S = 1_760_000_400.0, 1800.0


def scored(values: list[float], *, timed: bool = True) -> list[float]:
    """Return the score of every row."""
    scorer, found = Series(), []
    for row, value in enumerate(values):
        time_s = START_S + row * STEP_S if timed else None
        judged = scorer.score(value, None, time_s)
        scorer.learn(value, None, time_s, judged)
        found.append(judged.score)
    return found


def daily(seed: int) -> list[float]:
    """Return a triangle a day with noise of one."""
    draw = Random(seed)
    return [100.0 + 40.0 * abs(row % DAY - DAY / 2) / DAY + draw.gauss(0.0, 1.0) for row in range(ROWS)]


def quiet_nights(seed: int) -> list[float]:
    """Return counts by day and zeros for half of it."""
    return [max(0.0, round(value - 110.0)) for value in daily(seed)]


def spike(values: list[float], at: int) -> None:
    values[at] += 20.0


def shift(values: list[float], at: int) -> None:
    for row in range(at, ROWS):
        values[row] += 12.0


def drift(values: list[float], at: int) -> None:
    for row in range(at, ROWS):
        values[row] += min(1.0, (row - at) / 100.0) * 20.0


def flat(values: list[float], at: int) -> None:
    for row in range(at, at + 40):
        values[row] = values[at]


def wrong_hour(values: list[float], at: int) -> None:
    for row in range(at, at + DAY // 2):
        values[row] = values[row - DAY // 2 - DAY]


def silence(values: list[float], at: int) -> None:
    for row in range(at, at + 6):
        values[row] = 0.0


@pytest.mark.parametrize("wrong", [spike, shift, drift, flat, wrong_hour, silence])
@pytest.mark.parametrize("timed", [True, False])
def test_what_goes_wrong_is_found_and_nothing_before_it(wrong: Callable[[list[float], int], None], timed: bool) -> None:
    """At one threshold for all kinds, with times and without; the ten days before are quiet."""
    values = daily(7)
    wrong(values, 800)
    scores = scored(values, timed=timed)
    assert max(scores[800:910]) >= 0.5
    assert max(scores[400:800]) < 0.5


@pytest.mark.parametrize("made", [daily, quiet_nights])
def test_where_nothing_is_wrong_alarms_are_rare(made: Callable[[int], list[float]]) -> None:
    """Of five series of 1,200 rows at most one in a thousand rows is at half or above."""
    assert sum(score >= 0.5 for seed in range(5) for score in scored(made(seed))) <= 6


@pytest.mark.parametrize("unit", [1e-9, 1e9, -1.0])
def test_the_unit_of_a_series_does_not_matter(unit: float) -> None:
    """Nanometres, millimetres and the other sign are scored alike."""
    values = daily(3)
    shift(values, 700)
    assert scored([value * unit for value in values]) == pytest.approx(scored(values), abs=2e-2)


def test_holes_score_nothing_and_change_little() -> None:
    """A fiftieth of the rows missing: they score 0, a spike is found all the same."""
    draw, values = Random(5), daily(5)
    spike(values, 900)
    holed = [nan if draw.random() < 0.02 and row != 900 else value for row, value in enumerate(values)]
    scores = scored(holed)
    assert all(score == 0.0 for value, score in zip(holed, scores, strict=True) if value != value)
    assert scores[900] >= 0.5


def test_a_period_may_be_found_in_a_hole() -> None:
    """Where a series is looked over for a period, the row may be missing; the one found is used from there on."""
    values = [float(row % 7 if row < 100 else row % 11) for row in range(ROWS)]
    for look in (192, 384, 768):
        values[look - 1] = nan
    assert len(scored(values, timed=False)) == ROWS


def test_the_first_rows_are_silent() -> None:
    """Whatever they are."""
    assert not any(scored([(-10.0) ** (row % 9) for row in range(WARM)]))


def test_what_no_level_explained_hides_nothing_once_the_hour_is_known() -> None:
    """Half of each day is fifty above the rest: a surprise each morning while no hour is known. Later forty more for half a day are one."""
    draw = Random(11)
    values = [(70.0 if row % DAY >= DAY / 2 else 20.0) + draw.gauss(0.0, 3.0) for row in range(14 * DAY)]
    begin, end = 11 * DAY + DAY // 2, 12 * DAY
    for row in range(begin, end):
        values[row] += 40.0
    scores = scored(values)
    assert max(scores[begin:end]) >= 0.5
    assert max(scores[4 * DAY : begin]) < 0.5


def test_a_surprise_is_told_once_while_it_lasts() -> None:
    """The first row in full; the rest below a breach, and not below an ordinary row; something far rarer again in full."""
    refractory, said = Refractory(half=4.0), []
    for evidence in [1.0] * 40 + [6.0] * 100 + [9.0] + [6.0] * 5 + [0.5] * (2 * LEAST) + [5.0]:
        said.append(refractory.said(evidence))
        refractory.learn(evidence)
    assert said[40] == 6.0
    assert all(1.0 < one < 4.0 for one in said[41:140])
    assert said[140] == 9.0
    assert said[-1] == 5.0
