"""A key figure below (or, where less is better, above) what its past, its hour and its siblings make likely.

z = deviation of the count from mu, over sqrt(1 + (cv² + doubts) mu), the doubts being those of the baseline and of the siblings' factor:
small volumes neither shout nor hide. A window by itself is judged by the root of its deviance, whose tail is right for few events; the
CUSUM that finds what no single window shows (`accumulation`) takes Anscombe's deviation, whose mean is right.
The value of what was bought is judged apart from how often: z of the mean log value over its own forgetting spread.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors import accumulation
from detectors.baseline import warm
from detectors.budget import Budget, either, tail
from detectors.protocol import Column, States, Truth, Verdicts
from detectors.tail import poisson_score
from detectors.weighing import PAST, RATES, WIDTH, Weighing, Windows
from detectors.window import HOUR

MEMORY = 168.0  # hours of the rate
VALUED = 48  # windows after which a value is judged
LEAST = 1e-6  # least squared spread of a log value: of what costs the same every time, a thousandth is one standard deviation

COUNT, MEAN, SQUARE = range(WIDTH, WIDTH + 3)  # of the log value: windows, mean, squared spread for one event


@dataclass(frozen=True, slots=True)
class Dip:
    """The detector of the series of one figure."""

    weighing: Weighing
    budget: Budget
    version: int = 3
    width: int = WIDTH + 3

    @classmethod
    def of(cls, sign: int, budget: Budget, window: int = HOUR) -> "Dip":
        """Return a detector of windows of so many ms that remembers a week; `sign` -1 looks for less, +1 for more."""
        return cls(Weighing.of(sign, MEMORY, window), budget)

    def fresh(self, series: int) -> States:
        """Return states that have learnt nothing."""
        return self.weighing.fresh(series, self.width)

    @np.errstate(all="ignore")
    def score(self, states: States, seen: Windows) -> Verdicts:
        """Judge a window of each series."""
        usable, sign = self.weighing.usable(seen), self.weighing.sign
        mu, spread, sums, stretch = self.weighing.look(states, seen)
        past, known = states[:, PAST], self.weighing.known(states)
        z = poisson_score(seen.events, mu, sign) / spread
        single = tail(accumulation.single(past, z, known, stretch))
        valued = (seen.money > 0.0) & (seen.events >= 1.0) & (states[:, COUNT] >= VALUED)
        if valued.any():
            worth = sign * (value_of(seen) - states[:, MEAN]) * np.sqrt(seen.events / np.maximum(LEAST, states[:, SQUARE]))
            single = np.where(valued, np.minimum(1.0, 2.0 * np.minimum(single, tail(worth))), single)
            z = np.where(valued, np.maximum(z, worth), z)
        p = either(single, accumulation.rate(past, sums, known, stretch), self.budget)
        visible = np.minimum(9.0, self.budget.z * spread / np.sqrt(np.maximum(mu, 1e-9)))
        observed = np.where(usable, seen.events / seen.exposure, 0.0)
        judged = usable & warm(states[:, RATES])
        return Verdicts.among(judged, p, z, observed, mu / seen.exposure, visible, notes=(sums, stretch))

    @np.errstate(all="ignore")
    def learn(self, states: States, seen: Windows, said: Verdicts, told: Truth) -> States:
        """Return the states after a window of each series."""
        sums, stretch = said.notes.T
        found = self.weighing.learn(states, seen, sums, stretch)
        valued = self.weighing.usable(seen) & (seen.money > 0.0) & (seen.events >= 1.0)
        if valued.any():
            count, mean, square = (states[:, number] for number in (COUNT, MEAN, SQUARE))
            error = value_of(seen) - mean
            bound = np.where(count >= 10, 3.0 * np.sqrt(np.maximum(LEAST, square) / seen.events), abs(error))
            error = np.minimum(bound, np.maximum(-bound, error))
            weight = 1.0 / np.minimum(168.0, count + 1.0)
            spread = np.where(count > 0.0, error * error * seen.events, 0.0)
            after = (count + 1.0, mean + weight * error, square + weight * (spread - square))
            for number, one in zip((COUNT, MEAN, SQUARE), after, strict=True):
                found[:, number] = np.where(valued, one, states[:, number])
        return found


def value_of(seen: Windows) -> Column:
    """Return the log of the mean value of what was bought."""
    found: Column = special.xlogy(1.0, seen.money / seen.events)
    return found
