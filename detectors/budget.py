"""From a stated number of false alarms to a level each window is held to, by theory.

A budget of b false alarms per series and week with windows of w ms is a rate r = b w / week per window.

* M of N windows: N windows hold C(N, M) choices of M, each all beyond level q with chance q^M, so q = (r / C(N, M))^(1/M).
* A CUSUM with reference k that stands at h alarms by chance once in ARL(h) windows; Siegmund (1985):
  ARL = (e^(2k(h + 1.166)) - 2k(h + 1.166) - 1) / 2k². It stands there in the next window too, so M of N buys it little: a window counts
  only where it raises the CUSUM, which each further one does with a chance f of P(Z > k) and a little. The chance f^(M-1) / ARL is put on
  the scale of one window, q(h) = (f^(M-1) / ARL / C)^(1/M), before it is compared or ranked.

Benjamini & Hochberg (1995) then bounds the share of false ones among the alarms that may end at one window of one initiative and detector:
it ranks the chance of the alarm, C(N, M) p^M, for a single window beyond its level says nothing to anybody yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb, erfc, exp, sqrt
from statistics import NormalDist

from detectors.window import WEEK

STANDARD = NormalDist()
OVERSHOOT = 1.166
FOLLOWS = 0.4  # P(Z > 1/2) = .31, and a little for scores that follow each other
TESTS = 2.0  # by its own value and by its past: they share the alarms, half each
ROOT_2 = sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one series may cost: `rate` false alarms per window, and how many of how many windows make an alarm.

    `level` is the chance a window's p is held against; `shared` by what a p is multiplied where two tests share the alarms (half the alarms
    need no half of a level of M windows), and `z` the standard score of the level then: what a single window must reach.
    """

    rate: float
    datapoints: int = 2
    periods: int = 2
    choices: int = field(init=False, repr=False, compare=False)
    level: float = field(init=False, repr=False, compare=False)
    shared: float = field(init=False, repr=False, compare=False)
    z: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keep = object.__setattr__  # asked for at every window: worked out once
        keep(self, "choices", comb(self.periods, self.datapoints))
        keep(self, "level", self.window_p(self.rate))
        keep(self, "shared", float(TESTS ** (1.0 / self.datapoints)))
        keep(self, "z", -STANDARD.inv_cdf(self.level / self.shared))

    @classmethod
    def of(cls, per_series_week: float, window: int, datapoints: int = 2, periods: int = 2) -> "Budget":
        """Return the budget of a series of windows of so many ms."""
        return cls(min(0.5, per_series_week * window / WEEK), datapoints, periods)

    def window_p(self, alarm_rate: float) -> float:
        """Return the level per window that makes alarms at this rate per window."""
        return min(1.0, float((alarm_rate / self.choices) ** (1.0 / self.datapoints)))

    def alarm_p(self, p: float) -> float:
        """Return the chance of an alarm whose windows are all at most as likely as `p`: what a discovery is judged by."""
        return min(1.0, self.choices * p**self.datapoints)


def tail(z: float) -> float:
    """Return P(Z >= z) of a standard normal, above 0 for any finite z."""
    return max(1e-300, 0.5 * erfc(z / ROOT_2))


def cusum_rate(height: float, reference: float) -> float:
    """Return the chance per window that a CUSUM without change stands as high (Siegmund); 1 at the ground."""
    if height <= 0.0:
        return 1.0
    twice = 2.0 * reference * (height + OVERSHOOT)
    return min(1.0, 2.0 * reference**2 / max(1e-12, exp(min(600.0, twice)) - twice - 1.0))


def either(p: float, alarm_rate: float, budget: Budget) -> float:
    """Return the p of a window judged by its own value and by a CUSUM: the smaller on one scale, each for half the alarms."""
    following = alarm_rate * FOLLOWS ** (budget.datapoints - 1) if alarm_rate < 1.0 else 1.0
    return min(1.0, budget.shared * min(p, budget.window_p(following)))


def discoveries(chances: Sequence[float], fdr: float) -> list[bool]:
    """Return which hypotheses Benjamini-Hochberg rejects at a false discovery rate, in the order given."""
    order = sorted(range(len(chances)), key=lambda place: (chances[place], place))
    last = -1
    for rank, place in enumerate(order):
        if chances[place] <= fdr * (rank + 1) / len(order):
            last = rank
    found = [False] * len(order)
    for place in order[: last + 1]:
        found[place] = True
    return found
