"""A figure that settles at another level, slower than any window shows: river's Page-Hinkley test on standardised scores.

The scores come from a slow baseline (four weeks), because the test is scale-dependent: fed raw rates it never fires. Its height is read as
the chance of a CUSUM with reference DELTA (Siegmund, see `budget`), 1 of 1, so the stated budget and not a tuned bound decides.
Once told, the test begins anew and measures from the level it then finds; what was told stands for two days of hours, or until the scores
are back. One river object answers for all series: each question sets all its numbers first, and what is kept is ours.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from river.drift import PageHinkley

from detectors.baseline import spread, variation, warm
from detectors.budget import Budget, cusum_rate
from detectors.protocol import Column, States, Truth, Verdicts
from detectors.weighing import RATES, WIDTH, Weighing, Windows
from detectors.window import HOUR

DELTA = 0.15
SLOW = 672.0
CLIP = 3.0
FADING = 0.9999
STANDS = 48  # windows after which a level is the new one
# Nearer to an alarm than so many times its chance the baseline does not follow the scores, so that a drift is not learnt away. Held sooner
# (it was at one in a hundred windows), a baseline that is a little off stays so just when chance speaks for it: three times the alarms.
HELD = 10.0
BACK = 6  # windows after which the scores since may say that it is over
TEST: Any = PageHinkley(min_instances=1, delta=DELTA, threshold=1e18, alpha=FADING, mode="up")

NUMBER, MEAN, SUM, LOWEST = range(WIDTH, WIDTH + 4)  # the test's
TESTED = slice(NUMBER, LOWEST + 1)
TOLD = WIDTH + 4  # windows since it was told, counted from STANDS down

Columns = tuple[Column, Column, Column, Column]


@dataclass(frozen=True, slots=True)
class Drift:
    """The detector of the series of one figure."""

    weighing: Weighing
    budget: Budget
    version: int = 4
    width: int = WIDTH + 5

    @classmethod
    def of(cls, sign: int, budget: Budget, window: int = HOUR) -> "Drift":
        """Return a detector of windows of so many ms; `sign` -1 looks for less, +1 for more."""
        return cls(Weighing.of(sign, SLOW, window), budget)

    def fresh(self, series: int) -> States:
        """Return states that have learnt nothing."""
        return self.weighing.fresh(series, self.width)

    @np.errstate(all="ignore")
    def score(self, states: States, seen: Windows) -> Verdicts:
        """Judge a window of each series."""
        judged = self.weighing.usable(seen) & warm(states[:, RATES])
        mu, _, sums, stretch = self.weighing.look(states, seen)
        wide = np.sqrt(stretch)  # scores that follow each other make wider sums, see `accumulation`
        number, mean, total, lowest = after = tested(states[:, TESTED], sums / wide, judged)
        height = total - lowest
        p = np.where(sums > 0.0, cusum_rate(height, DELTA), 1.0)
        spreads = spread(mu, variation(states[:, RATES]) + seen.doubt) * wide
        visible = np.minimum(9.0, 2.0 * DELTA * spreads / np.sqrt(np.maximum(mu, 1e-9)))
        stands = (states[:, TOLD] > 0.0) & ((number < BACK) | (mean * np.sqrt(number) > 0.5))
        observed = np.where(judged, seen.events / seen.exposure, 0.0)
        return Verdicts.among(judged, p, height, observed, mu / seen.exposure, visible, stands, (sums, stretch, *after))

    @np.errstate(all="ignore")
    def learn(self, states: States, seen: Windows, said: Verdicts, told: Truth) -> States:
        """Return the states after a window of each series; where it was told the test begins anew."""
        sums, stretch, *after = said.notes.T
        _, _, total, lowest = after
        held = cusum_rate(total - lowest, DELTA) < HELD * self.budget.level
        found = self.weighing.learn(states, seen, sums, stretch, held)
        found[:, TESTED] = np.where(told[:, None], 0.0, said.notes[:, 2:])
        left = states[:, TOLD] - ~said.learning
        found[:, TOLD] = np.where(told, STANDS, np.maximum(0.0, left))
        return found


def tested(test: States, z: Column, judged: Truth) -> Columns:
    """Return the test's numbers, in columns, after one more score where there is one."""
    known, update = TEST._x_mean, TEST.update
    rows: list[tuple[float, float, float, float]] = []
    for (number, mean, total, lowest), score in zip(test[judged].tolist(), clipped(z[judged]).tolist(), strict=True):
        known.n, known._mean = number, mean
        TEST._sum_increase, TEST._min_increase = total, lowest if number else inf
        update(score)
        rows.append((known.n, known._mean, TEST._sum_increase, TEST._min_increase))
    found = test.copy()
    if rows:
        found[judged] = rows
    return found[:, 0], found[:, 1], found[:, 2], found[:, 3]


def clipped(z: Column) -> Column:
    """Return scores, far ones as CLIP."""
    return np.minimum(CLIP, np.maximum(-CLIP, z))
