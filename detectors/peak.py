"""How rare a number is in its own series: peaks over a running high quantile, learnt one number at a time.

Beyond the quantile u, peaks follow a generalised Pareto law (Pickands 1975; Siffer et al., KDD 2017), so that

    P(X > x) = (1 − q) (1 + ξ (x − u) / σ)^(−1/ξ),   x > u.

u follows by stochastic approximation (Robbins and Monro 1951). ξ and σ are had from mean m and variance v of the peaks,
ξ = (1 − m²/v) / 2 and σ = m (1 − ξ) (Hosking and Wallis 1987), drawn to a prior by what few peaks there are. Numbers above u that follow
each other are one peak, learnt at its end (Coles 2001, 5.3): otherwise whatever lasts would teach the tail that it is usual while it is
still being judged. A series that is spiky by nature gets a heavy tail and is not called rare for what it always does; that
is what makes evidence compare across series. No claim goes beyond n^−2 after n numbers: so little has been seen.
"""

from dataclasses import dataclass, field
from math import log10

QUANTILE = 0.98
COLD = 40  # numbers seen before anything is said
CLAIM = 2.0  # the most evidence after n numbers is CLAIM · log10(n)
MEMORY = 40.0  # peaks remembered
SHAPE, SHAPE_PEAKS = 0.15, 15.0  # the prior of ξ, and the peaks it counts for; single values are a little heavier than exponential
HEAVIEST = 0.5  # above it the variance is infinite and its estimate noise
PRIOR_PEAKS = 2.0  # how many peaks of one spread the prior of m counts for
WINSOR = 8.0  # a peak teaches as at most so many mean ones, a number as so many spreads
QUANTILE_STEP, RATE = 0.01, 0.002  # how fast quantile, and centre and spread, follow
FLOOR = 0.05  # the least spread: numbers are expected in standard deviations or logarithms
BODY = 1.7  # evidence at the quantile; below it the square law of a normal one, so that ranks go on


@dataclass(slots=True)
class Peak:
    """The running tail of one statistic, in units of about one: `evidence` asks, `learn` learns."""

    gap: int = 2  # numbers below u that end a peak
    longest: int = 50  # numbers after which it ends whatever comes: what stays is the new usual
    apart: float = 1.0  # how many numbers tell as much as one that depends on no other
    light: bool = False  # of a mean of many: its tail is near a normal one's
    seen: int = 0
    quantile: float = 0.0
    centre: float = 0.0
    spread: float = 0.0
    mean: float = 0.0
    square: float = 0.0
    peaks: float = 0.0
    open: float = 0.0  # height over u of the peak that has not ended
    length: int = 0
    below: int = 0
    first: list[float] = field(default_factory=list)

    def evidence(self, number: float) -> float:
        """Return −log10 of the chance of a number at least this large, 0 while cold; learns nothing."""
        if self.seen < COLD:
            return 0.0
        over = number - self.quantile
        if over <= 0.0:
            wide = self.quantile - self.centre
            return BODY * ((number - self.centre) / wide) ** 2 if number > self.centre and wide > 0.0 else 0.0
        shape = self._shape()
        mean = (self.mean * self.peaks + self.spread * PRIOR_PEAKS) / (self.peaks + PRIOR_PEAKS)
        beyond = log10(1.0 + shape * over / (mean * (1.0 - shape))) / shape
        return min(BODY + beyond, CLAIM * log10(self.seen / self.apart))

    def _shape(self) -> float:
        if self.light:
            return 0.05
        square = self.mean * self.mean
        variance = max(self.square - square, 1e-9 * square, 1e-300)
        found = min(HEAVIEST, max(0.0, 0.5 * (1.0 - square / variance)))
        return (found * self.peaks + SHAPE * SHAPE_PEAKS) / (self.peaks + SHAPE_PEAKS)

    def learn(self, number: float) -> None:
        """Take a finite number in; one that is far out moves the spread as if it were near."""
        self.seen += 1
        if self.seen <= COLD:
            self.first.append(number)
            if self.seen == COLD:
                self._begin()
            return
        over = number - self.quantile
        step = QUANTILE_STEP if self.seen > 3.0 / QUANTILE_STEP else 3.0 / self.seen
        self.quantile += self.spread * step * (QUANTILE if over > 0.0 else QUANTILE - 1.0)
        if over > 0.0:
            self.open, self.below = max(self.open, over), 0
        if self.open > 0.0:
            self._follow(over)
        rate = RATE if self.seen > 1.0 / RATE else 1.0 / self.seen
        away, bound = number - self.centre, WINSOR * self.spread
        if away > bound:
            away = bound
        elif away < -bound:
            away = -bound
        self.centre += rate * away
        self.spread = max(self.spread + rate * (abs(away) - self.spread), FLOOR)

    def _follow(self, over: float) -> None:
        self.length += 1
        self.below += over <= 0.0
        if self.below < self.gap and self.length < self.longest:
            return
        height = min(self.open, WINSOR * max(self.mean, self.spread))
        self.peaks = min(self.peaks + 1.0, MEMORY)
        self.mean += (height - self.mean) / self.peaks
        self.square += (height * height - self.square) / self.peaks
        self.open, self.length, self.below = 0.0, 0, 0

    def _begin(self) -> None:
        ordered = sorted(self.first)
        self.first = []
        self.quantile = ordered[-2]
        self.centre = sum(ordered) / COLD
        self.spread = max(sum(abs(number - self.centre) for number in ordered) / COLD, FLOOR)
        self.mean, self.square, self.peaks = self.spread, 2.0 * self.spread**2, 1.0
