"""What the past of a rate makes of a window: the events expected, how far off it is, and what a sum of such scores is worth.

What dips and drifts have in common: the first numbers of a state of either are a baseline's and an accumulation's.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from detectors import accumulation, baseline
from detectors.baseline import Baseline, anscombe, spread, variation, visits_of, warm
from detectors.expectation import MOST
from detectors.protocol import Column, States, Truth, columns_of

RATES = slice(0, baseline.WIDTH)
PAST = slice(baseline.WIDTH, baseline.WIDTH + accumulation.WIDTH)
WIDTH = PAST.stop


class Windows(NamedTuple):
    """One closed window of each series: its end in ms, events out of exposure, and what the siblings say of it.

    `common` is the factor all siblings moved by, `doubt` its relative variance; `money` is the value behind the events, 0 for none.
    """

    end: int
    events: Column
    exposure: Column
    common: Column
    doubt: Column
    money: Column

    @classmethod
    def of(
        cls, end: int, events: ArrayLike, exposure: ArrayLike, common: ArrayLike = 1.0, doubt: ArrayLike = 0.0, money: ArrayLike = 0.0
    ) -> "Windows":
        """Return the windows of such numbers, one for all where one is given."""
        return cls(end, *columns_of(events, exposure, common, doubt, money))


class Look(NamedTuple):
    """What is expected of windows: the events, their spread, the standard score for sums of them (bad upwards), and how much wider in
    variance such sums are than of independent scores; siblings, where there are any, have taken the wobble out.
    """

    mu: Column
    spread: Column
    sums: Column
    stretch: Column


@dataclass(frozen=True, slots=True)
class Weighing:
    """What weighs the windows of rates; `sign` -1 looks for less, +1 for more."""

    sign: int
    baseline: Baseline

    @classmethod
    def of(cls, sign: int, hours: float, window: int) -> "Weighing":
        """Return what weighs windows of so many ms by the rate of so many hours."""
        visits = visits_of(window)
        return cls(sign, Baseline(hours * visits, visits))

    def fresh(self, series: int, width: int) -> States:
        """Return states of so many numbers that have learnt nothing; what follows a weighing's own is 0."""
        found = np.zeros((series, width))
        found[:, PAST] = accumulation.fresh(series)
        return found

    def usable(self, seen: Windows) -> Truth:
        """Return whether a window's numbers may be judged and learnt: finite, not negative, with exposure."""
        found: Truth = (seen.events >= 0.0) & (seen.events < MOST) & (seen.exposure > 0.0) & (seen.exposure < MOST)
        return found & (seen.common >= 0.0) & (seen.common < MOST) & (seen.money >= 0.0) & (seen.money < MOST)

    def known(self, states: States) -> Column:
        """Return how many windows say what is expected."""
        return self.baseline.known(states[:, RATES])

    def look(self, states: States, seen: Windows) -> Look:
        """Return what the baseline and the past say of windows."""
        rates = states[:, RATES]
        mu, unsure, lasting = self.baseline.expected(rates, seen.end, seen.exposure)
        mu, varies = mu * seen.common, variation(rates)
        wide, in_sums = (spread(mu, varies + (seen.doubt + doubt)) for doubt in (unsure, lasting))
        stretch = accumulation.stretch(states[:, PAST], seen.doubt == 0.0, self.baseline.visits)
        return Look(mu, wide, self.sign * anscombe(seen.events, mu) / in_sums, stretch)

    def learn(self, states: States, seen: Windows, sums: Column, stretch: Column, held: Truth | None = None) -> States:
        """Return the states after windows; where `held` the baseline must not follow. What follows a weighing's own stays as it is."""
        found, usable = states.copy(), self.usable(seen)
        if held is not None:
            held = held | ~usable
        rates = self.baseline.learn(states[:, RATES], seen.end, seen.events, seen.exposure, seen.common, seen.doubt)
        found[:, RATES] = chosen(usable if held is None else ~held, rates, states[:, RATES])
        past = accumulation.learn(states[:, PAST], sums, stretch, visits=self.baseline.visits)
        found[:, PAST] = chosen(usable & warm(states[:, RATES]), past, states[:, PAST])
        return found


def chosen(which: Truth, new: States, old: States) -> States:
    """Return the new states where that is so, the old ones elsewhere."""
    return new if which.all() else np.where(which[:, None], new, old)
