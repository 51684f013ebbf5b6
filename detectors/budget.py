"""From a stated number of false alarms to a level each window is held to, by theory.

A budget of b false alarms per series and week with windows of w ms is a rate r = b w / week per window.

* M of N windows: N windows hold C(N, M) choices of M, each all beyond level q with chance q^M, so q = (r / C(N, M))^(1/M).
* A CUSUM with reference k that stands at h alarms by chance once in ARL(h) windows; Siegmund (1985):
  ARL = (e^(2k(h + 1.166)) - 2k(h + 1.166) - 1) / 2k². It stands there in the next windows too, so M of N buys it little: a window counts
  only where it raises the CUSUM, which each further one does, before it has come down, with a chance f. The chance f^(M-1) / ARL is put on
  the scale of one window, q(h) = (f^(M-1) / ARL / C)^(1/M), before it is compared or ranked.
* A fault lasts, and evidence that adds up finds what lasts: the CUSUM makes most of the alarms, single windows the rest.

Benjamini & Hochberg (1995) then bounds the share of false ones among the alarms that may end at one window of one initiative and detector:
it ranks the chance of the alarm, C(N, M) p^M, for a single window beyond its level says nothing to anybody yet.
"""

from dataclasses import dataclass, field
from math import comb, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy import special

from detectors.protocol import Column, Truth
from detectors.window import WEEK

STANDARD = NormalDist()
OVERSHOOT = 1.166
FOLLOWS = 0.73  # for two windows and a reference of .4, simulated with independent normal scores
GATHERED = 0.75  # of the alarms; a collapse that a single window shows is far beyond what the rest asks for, and found in two
ROOT_2 = sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one series may cost: `rate` false alarms per window, and how many of how many windows make an alarm.

    `level` is the chance a window's p is held against; `alone` and `gathered` by what the p of a window and of a CUSUM are multiplied where
    they share the alarms (half the alarms need no half of a level of M windows), and `z` what a single window must then reach.
    """

    rate: float
    datapoints: int = 2
    periods: int = 2
    choices: int = field(init=False, repr=False, compare=False)
    level: float = field(init=False, repr=False, compare=False)
    alone: float = field(init=False, repr=False, compare=False)
    gathered: float = field(init=False, repr=False, compare=False)
    z: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keep = object.__setattr__  # asked for at every window: worked out once
        keep(self, "choices", comb(self.periods, self.datapoints))
        keep(self, "level", float(self.window_p(self.rate)))
        keep(self, "alone", float((1.0 - GATHERED) ** (-1.0 / self.datapoints)))
        keep(self, "gathered", float(GATHERED ** (-1.0 / self.datapoints)))
        keep(self, "z", -STANDARD.inv_cdf(self.level / self.alone))

    @classmethod
    def of(cls, per_series_week: float, window: int, datapoints: int = 2, periods: int = 2) -> "Budget":
        """Return the budget of a series of windows of so many ms."""
        return cls(min(0.5, per_series_week * window / WEEK), datapoints, periods)

    def window_p(self, alarm_rate: Any) -> Any:
        """Return the level per window that makes alarms at this rate per window."""
        return np.minimum(1.0, root(alarm_rate / self.choices, self.datapoints))

    def alarm_p(self, p: Column) -> Column:
        """Return the chance of an alarm whose windows are all at most as likely as `p`: what a discovery is judged by."""
        chance = p
        for _ in range(self.datapoints - 1):
            chance = chance * p
        return np.minimum(1.0, self.choices * chance)


def root(chance: Any, number: int) -> Any:
    """Return the root of a chance, or of a column of them: a square root is the same wherever in a column a number stands."""
    if number <= 2:
        return chance if number == 1 else np.sqrt(chance)
    each = [float(one) ** (1.0 / number) for one in np.ravel(chance)]
    return np.reshape(each, np.shape(chance))


def tail(z: Column) -> Column:
    """Return P(Z >= z) of a standard normal, above 0 for any finite z."""
    found: Column = np.maximum(1e-300, 0.5 * special.erfc(z / ROOT_2))
    return found


def cusum_rate(height: Column, reference: float) -> Column:
    """Return the chance per window that a CUSUM without change stands as high (Siegmund); 1 at the ground."""
    twice = 2.0 * reference * (height + OVERSHOOT)
    length = np.maximum(1e-12, special.expm1(np.minimum(600.0, twice)) - twice)
    return np.where(height <= 0.0, 1.0, np.minimum(1.0, 2.0 * reference**2 / length))


def either(p: Column, alarm_rate: Column, budget: Budget) -> Column:
    """Return the p of a window judged by its own value and by a CUSUM: the smaller on one scale, each for its part of the alarms."""
    following = np.where(alarm_rate < 1.0, alarm_rate * FOLLOWS ** (budget.datapoints - 1), 1.0)
    found: Column = np.minimum(1.0, np.minimum(budget.alone * p, budget.gathered * budget.window_p(following)))
    return found


def discoveries(chances: Column, fdr: float) -> Truth:
    """Return which hypotheses Benjamini-Hochberg rejects at a false discovery rate, in the order given."""
    order = np.argsort(chances, kind="stable")
    number = len(order)
    small = np.flatnonzero(chances[order] <= fdr * np.arange(1, number + 1) / number)
    found = np.zeros(number, dtype=np.bool_)
    if len(small):
        found[order[: small[-1] + 1]] = True
    return found
