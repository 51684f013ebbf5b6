"""A key figure below (or, where less is better, above) what its past, its hour and its siblings make likely.

z = deviation of the count from mu, over sqrt(1 + (cv² + doubts) mu), the doubts being those of the baseline and of the siblings' factor:
small volumes neither shout nor hide. A window by itself is judged by the root of its deviance, whose tail is right for few events; the
CUSUM that finds what no single window shows (`accumulation`) takes Anscombe's deviation, whose mean is right.
The value of what was bought is judged apart from how often: z of the mean log value over its own forgetting spread.
"""

from dataclasses import dataclass, field
from math import log
from typing import NamedTuple

from detectors.accumulation import Accumulation
from detectors.baseline import Baseline, short, visits_of
from detectors.budget import Budget, either, tail
from detectors.expectation import MOST, anscombe
from detectors.protocol import Plain, Verdict, versioned
from detectors.tail import poisson_score
from detectors.window import HOUR

VERSION = 2
MEMORY = 168.0  # hours of the rate


class Window(NamedTuple):
    """One closed window: its end in ms, events out of exposure, and what the siblings say of it.

    `common` is the factor all siblings moved by, `doubt` its relative variance; `money` is the value behind the events, 0 for none.
    """

    end: int
    events: float
    exposure: float
    common: float = 1.0
    doubt: float = 0.0
    money: float = 0.0


class Look(NamedTuple):
    """What is expected of a window: the events, their spread, the standard score for sums of them (bad upwards), and how much wider in
    variance such sums are than of independent scores; siblings, where there are any, have taken the wobble out.
    """

    mu: float
    spread: float
    sums: float
    stretch: float


@dataclass(slots=True)
class Dip:
    """The detector of one series of one figure; `sign` -1 looks for less, +1 for more."""

    sign: int
    budget: Budget
    baseline: Baseline = field(default_factory=Baseline)
    past: Accumulation = field(default_factory=Accumulation)
    value: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # windows, mean log value, its squared spread for one event
    _looked: tuple[Window, Look] | None = field(default=None, init=False, repr=False, compare=False)  # what is scored is mostly learnt next

    def usable(self, seen: Window) -> bool:
        """Return whether a window's numbers may be judged and learnt: finite, not negative, with exposure."""
        return 0.0 <= seen.events < MOST and 0.0 < seen.exposure < MOST and 0.0 <= seen.common < MOST and 0.0 <= seen.money < MOST

    def look(self, seen: Window) -> Look:
        """Return what the baseline and the past say of a window, as of now: not to be kept over `learn`."""
        if self._looked is not None and self._looked[0] is seen:
            return self._looked[1]
        mu = self.baseline.expected(seen.end, seen.exposure) * seen.common
        spread = self.baseline.spread(mu, seen.doubt + self.baseline.unsure(seen.end))
        stretch = self.past.stretch(wobbles=seen.doubt == 0.0)
        found = Look(mu, spread, self.sign * anscombe(seen.events, mu) / spread, stretch)
        self._looked = seen, found
        return found

    def score(self, seen: Window) -> Verdict:
        """Judge a window."""
        if not self.usable(seen):
            return Verdict()
        observed = seen.events / seen.exposure
        if not self.baseline.warm:
            return Verdict(observed=observed)
        mu, spread, sums, stretch = self.look(seen)
        z = poisson_score(seen.events, mu, self.sign) / spread
        known = self.baseline.known
        single = tail(self.past.single(z, known, stretch))
        worth = self._worth(seen)
        if worth is not None:
            single = min(1.0, 2.0 * min(single, tail(worth)))
            z = max(z, worth)
        p = either(single, self.past.rate(sums, known, stretch), self.budget)
        visible = min(9.0, self.budget.z * spread / max(mu, 1e-9) ** 0.5)
        return Verdict(p, z, observed, mu / seen.exposure, learning=False, detectable=visible)

    def _worth(self, seen: Window) -> float | None:
        if seen.money <= 0.0 or seen.events < 1.0 or self.value[0] < 48 or self.value[2] <= 0.0:
            return None
        return float(self.sign * (log(seen.money / seen.events) - self.value[1]) * (seen.events / self.value[2]) ** 0.5)

    def learn(self, seen: Window, *, held: bool = False) -> None:
        """Take a window in; `held` where the baseline must not follow."""
        if not self.usable(seen):
            return
        if self.baseline.warm:
            _, _, sums, stretch = self.look(seen)
            self.past.learn(sums, stretch)
        self._looked = None
        if held:
            return
        self.baseline.learn(seen.end, seen.events, seen.exposure, seen.common, seen.doubt)
        if seen.money > 0.0 and seen.events >= 1.0:
            windows, mean, square = self.value
            error = log(seen.money / seen.events) - mean
            bound = 3.0 * (square / seen.events) ** 0.5 if windows >= 10 else abs(error)
            error = min(bound, max(-bound, error))
            weight = 1.0 / min(168.0, windows + 1.0)
            spread = error * error * seen.events if windows else 0.0
            self.value = [windows + 1, short(mean + weight * error), short(square + weight * (spread - square))]

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        return [VERSION, self.baseline.state(), self.past.state(), list(self.value)]

    @classmethod
    def of(cls, state: Plain, sign: int, budget: Budget, window: int = HOUR) -> "Dip":
        """Return the detector of a state; raises StateVersionError."""
        baseline, past, value = versioned(state, VERSION)
        return cls(sign, budget, Baseline.of(baseline, visits_of(window)), Accumulation(*past), list(value))

    @classmethod
    def fresh(cls, sign: int, budget: Budget, window: int) -> "Dip":
        """Return a detector of windows of so many ms that has learnt nothing; it remembers a week."""
        visits = visits_of(window)
        return cls(sign, budget, Baseline(MEMORY * visits, visits=visits))
