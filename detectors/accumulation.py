"""A CUSUM (Page 1954) of standard scores, and how much of each score its predecessor already said.

S = max(0, S + z/f - k). Scores that follow each other make runs by themselves: a sum of them is wider than of independent ones by f. With a
correlation rho of neighbours alone f² = (1 + rho) / (1 - rho). A series without siblings to take it out has a slow wobble under quick
noise, so that its neighbours tell too little: a wobble of memory w, of which rho is what the noise leaves to see, makes it
f² = 1 + 2 rho / (1 - w). It is measured, too, as the variance of a running mean of a day over that of independent scores, which takes
weeks; the largest counts. Two in a row are as telling as two independent ones only at z / sqrt(1 + rho).

What is expected is itself known from N windows only, worth N/f² independent ones. It is off by a normal e of spread f/sqrt(N), for long,
and the chance of a height h grows by e^(2he/f); over all e that is a factor of e^(2h²/N) on the average, and a single score is wider by
sqrt(1 + f²/N).
"""

from dataclasses import dataclass
from math import exp

from detectors.baseline import short
from detectors.budget import cusum_rate
from detectors.protocol import Plain

REFERENCE = 0.5  # k: half a change of one standard deviation a window
HIGHEST = 12.0  # beyond what any budget asks for, and so near that it comes down soon after the fault
CLIP = 4.0  # one window adds at most so much: a lone outlier is no lasting change
MEMORY = 504.0
KEEP = 1.0 - 1.0 / MEMORY
TRUSTED = 2.5  # a score beyond it says little about correlation
PRIOR = 5.0  # windows' worth of "not correlated"
RUN = 1.0 / 32.0  # weight of the newest score in the running mean
WOBBLE = 0.875  # what is left of a slow wobble from one window to the next: what moves a whole fades over a working day
LATE = 1.0 / 8.0  # weight of the newest in the mean of the latest: a fault that ends is forgotten in a few windows
CALM = 150.0  # windows' worth of "no slow wobble"


@dataclass(slots=True)
class Accumulation:
    """The evidence of past windows of one series."""

    height: float = 0.0
    before: float = 0.0
    product: float = 0.0
    power: float = PRIOR
    run: float = 0.0  # running mean of scores
    wide: float = 1.0  # its variance, 1 for independent scores
    seen: int = 0
    late: float = 0.0  # mean of the latest scores

    @property
    def correlation(self) -> float:
        """Return the lag-one correlation of the scores, 0 to 0.95."""
        found = self.product / self.power
        return 0.0 if found <= 0.0 else min(0.95, found)

    def stretch(self, *, wobbles: bool) -> float:
        """Return f²: how much wider in variance a long sum is than one of independent scores; `wobbles` where no siblings are there."""
        correlation = self.correlation
        near = (1.0 + correlation) / (1.0 - correlation)
        return max(near, 1.0 + 2.0 * correlation / (1.0 - WOBBLE), self.wide) if wobbles else near

    def single(self, z: float, known: float, stretch: float) -> float:
        """Return a window's score as M of N may count it, where `known` windows say what is expected."""
        return float(z / ((1.0 + self.correlation) * (1.0 + stretch / max(1.0, known))) ** 0.5)

    def after(self, z: float, stretch: float) -> float:
        """Return how high the CUSUM would stand with one more score."""
        height = self.height + (z if z < CLIP else CLIP) / float(stretch**0.5) - REFERENCE
        return 0.0 if height <= 0.0 else min(HIGHEST, height)

    def rate(self, z: float, known: float, stretch: float) -> float:
        """Return the chance per window of so high a CUSUM where `known` windows say what is expected.

        1 in a window that does not raise it: there its height is memory.
        """
        return doubted(self.after(z, stretch), REFERENCE, known) if z > REFERENCE else 1.0

    def learn(self, z: float, stretch: float, *, following: bool = True) -> None:
        """Take one more score in; not `following` where scores are known not to follow each other."""
        self.height = short(self.after(z, stretch))
        now = 0.0 if not following else short(min(TRUSTED, max(-TRUSTED, z)))
        before = self.before
        self.product = short(self.product * KEEP + now * before)
        self.power = short(self.power * KEEP + before * before)
        self.before = now
        self.seen += 1
        self.late = short(self.late + (min(CLIP, max(-CLIP, z)) - self.late) * LATE)
        run = self.run = short(self.run + (now - self.run) * RUN)
        square = run * run * (2.0 - RUN) / RUN
        self.wide = short(self.wide + (square - self.wide) / min(MEMORY, CALM + self.seen))

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        return [self.height, self.before, self.product, self.power, self.run, self.wide, self.seen, self.late]


def lasting(deviation: float) -> float:
    """Return a mean of the latest scores drawn to 0 by what chance makes of it (James & Stein 1961)."""
    square, chance = deviation * deviation, LATE / (2.0 - LATE)
    return deviation * (1.0 - chance / square) if square > chance else 0.0


def doubted(height: float, reference: float, known: float) -> float:
    """Return the chance per window of a CUSUM of this height where what is expected is known from so many windows."""
    return min(1.0, cusum_rate(height, reference) * exp(2.0 * height * height / max(1.0, known)))
