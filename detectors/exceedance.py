"""How rare a deviation is in its own series: a peaks-over-threshold tail that is learnt one value at a time.

Beyond a running 95 % quantile u the excess is taken as generalised Pareto (Pickands 1975; Siffer et al., KDD 2017), its shape and scale by
moments (Hosking & Wallis 1987): with mean m and variance v of the excess, xi = (1 - m²/v) / 2 and sigma = m (m²/v + 1) / 2. A series
that is spiky by nature gets a heavy tail and so is not called anomalous for what it always does; that is what makes scores comparable.
"""

from dataclasses import dataclass
from math import exp, log10

BODY = 0.95  # the share of deviations below the threshold
BODY_ORDERS = 1.301  # -log10 of the rest
EXCESS = 0.42  # mean excess of |N(0, 1)| over its 95 % quantile 1.96: where learning starts
START = 1.96
MEMORY = 100.0  # exceedances remembered: two thousand values
HEAVIEST = 0.5  # above it the variance is infinite and its estimate noise
CLIP = 12.0  # a single excess counts as at most so many mean excesses, so that one catastrophe does not hide the next


@dataclass(slots=True)
class Exceedance:
    """The tail of the absolute deviations seen so far; `rarity` asks, `learn` learns."""

    threshold: float = START
    mean: float = EXCESS
    square: float = 2.2 * EXCESS * EXCESS
    weight: float = 12.0  # what the starting values count for
    step: float = 0.02  # the quantile's step in units of itself
    seen: int = 0

    def rarity(self, deviation: float) -> float:
        """Return -log10 of the chance of a deviation (non-negative, any unit) at least this large."""
        excess = deviation - self.threshold
        if excess <= 0.0:
            return BODY_ORDERS * (deviation / self.threshold) ** 2  # as a normal one would, so that ranks go on below
        variance = max(self.square - self.mean * self.mean, 1e-12)
        ratio = self.mean * self.mean / variance
        shape = min(HEAVIEST, max(0.0, 0.5 * (1.0 - ratio)))
        scale = max(1e-9, self.mean * (1.0 - shape))
        tail = -excess / scale / 2.302585092994046 if shape < 1e-3 else -log10(1.0 + shape * excess / scale) / shape
        return BODY_ORDERS - tail

    def learn(self, deviation: float) -> None:
        """Take one more deviation into the quantile and, where it exceeds it, into the tail."""
        self.seen += 1
        step = max(self.step, 1.0 / (self.seen + 20.0)) * max(self.threshold, 1e-6)
        excess = deviation - self.threshold
        self.threshold = max(1e-6, self.threshold + step * (BODY if excess > 0.0 else BODY - 1.0))
        if excess <= 0.0:
            return
        excess = min(excess, CLIP * self.mean)
        self.weight = min(MEMORY, self.weight + 1.0)
        self.mean += (excess - self.mean) / self.weight
        self.square += (excess * excess - self.square) / self.weight


def score_of(rarity: float, half: float) -> float:
    """Return a rarity (-log10 p) as a score in [0, 1) that is 0.5 at `half`."""
    return 1.0 - exp(-0.6931471805599453 * max(0.0, rarity) / half)
