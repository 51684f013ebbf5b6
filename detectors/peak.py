"""How surprising a number is beside those before it: the tail beyond a running high quantile.

Peaks over threshold (Pickands 1975): excesses over the quantile u follow a generalised Pareto law, so that

    P(R > r) = (1 − q) (1 + ξ (r − u) / σ)^(−1/ξ),   r > u.

q and the shape ξ are fixed (a shape cannot be learnt from some dozens of excesses), u follows by stochastic approximation
(Robbins and Monro 1951), σ by the mean excess m: m = σ / (1 − ξ). Below u nothing is surprising. No claim goes beyond
n^−2.5 after n numbers: so little has been seen.
"""

from dataclasses import asdict, dataclass, field
from math import log10
from typing import Any

QUANTILE = 0.98
SHAPE = 0.2  # heavier than exponential: a metric's peaks are
COLD = 50  # numbers seen before anything is said
CLAIM = 2.5  # the most evidence after n numbers is CLAIM · log10(n)
MEMORY = 80.0  # excesses remembered: the mean of later ones forgets
WINSOR = 8.0  # deviations beyond this many mean deviations move the scale no further
RATE = 0.002  # how fast centre and scale follow
TINY = 1e-300


@dataclass(slots=True)
class Peak:
    """The running tail of one statistic; all state is plain numbers."""

    seen: int = 0
    quantile: float = 0.0
    excess: float = 0.0
    excesses: float = 0.0
    centre: float = 0.0
    scale: float = 0.0
    first: list[float] = field(default_factory=list)

    def evidence(self, number: float) -> float:
        """Return −log10 of the tail probability of a finite number, 0 below the quantile and while cold; learns nothing."""
        if self.seen < COLD or number <= self.quantile:
            return 0.0
        sigma = max((self.excess * self.excesses + self.scale * 2.0) / (self.excesses + 2.0), TINY) * (1.0 - SHAPE)
        beyond = log10(1.0 + SHAPE * min((number - self.quantile) / sigma, 1e150)) / SHAPE
        return min(beyond - log10(1.0 - QUANTILE), CLAIM * log10(self.seen))

    def learn(self, number: float) -> None:
        """Take a finite number in; one that is far out moves the scale as if it were near."""
        self.seen += 1
        if self.seen <= COLD:
            self.first.append(number)
            if self.seen == COLD:
                self._begin()
            return
        step = self.scale * max(0.01, 3.0 / self.seen)
        if number > self.quantile:
            self.excesses = min(self.excesses + 1.0, MEMORY)
            self.excess += (number - self.quantile - self.excess) / self.excesses
            self.quantile += step * QUANTILE
        else:
            self.quantile -= step * (1.0 - QUANTILE)
        away = max(-WINSOR * self.scale, min(WINSOR * self.scale, number - self.centre))
        self.centre += RATE * away
        self._set_scale(self.scale + RATE * (abs(away) - self.scale))

    def _begin(self) -> None:
        ordered = sorted(self.first)
        self.first = []
        self.quantile = ordered[round(QUANTILE * (COLD - 1))]
        self.centre = sum(ordered) / COLD
        self._set_scale(sum(abs(number - self.centre) for number in ordered) / COLD)
        self.excess, self.excesses = self.scale, 1.0

    def _set_scale(self, scale: float) -> None:
        self.scale = max(scale, 1e-9 * abs(self.centre), TINY)

    def state(self) -> dict[str, Any]:
        """Return everything it keeps as plain numbers."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Peak":
        """Return the tail whose state this is."""
        return cls(**{**state, "first": list(state["first"])})
