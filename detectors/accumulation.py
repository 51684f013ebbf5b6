"""A CUSUM (Page 1954) of standard scores, and how much of each score its predecessor already said.

S = max(0, S + z/f - k). Scores that follow each other (correlation rho) make runs by themselves: a sum of them is wider than of independent
ones by f = sqrt((1 + rho) / (1 - rho)), and two in a row are as telling as two independent ones only at z / sqrt(1 + rho).
"""

from dataclasses import dataclass

from detectors.baseline import short
from detectors.budget import cusum_rate
from detectors.protocol import Plain

REFERENCE = 0.5  # k: half a change of one standard deviation a window
HIGHEST = 12.0  # beyond what any budget asks for, and so near that it comes down soon after the fault
CLIP = 4.0  # one window adds at most so much: a lone outlier is no lasting change
MEMORY = 504.0
TRUSTED = 2.5  # a score beyond it says little about correlation
PRIOR = 15.0  # windows' worth of "not correlated"


@dataclass(slots=True)
class Accumulation:
    """The evidence of past windows of one series."""

    height: float = 0.0
    before: float = 0.0
    product: float = 0.0
    power: float = PRIOR

    @property
    def correlation(self) -> float:
        """Return the lag-one correlation of the scores, 0 to 0.95."""
        return min(0.95, max(0.0, self.product / self.power))

    @property
    def stretch(self) -> float:
        """Return f²: how much wider in variance a long sum is than one of independent scores."""
        return (1.0 + self.correlation) / (1.0 - self.correlation)

    def single(self, z: float) -> float:
        """Return a window's score as M of N may count it."""
        return float(z / (1.0 + self.correlation) ** 0.5)

    def after(self, z: float) -> float:
        """Return how high the CUSUM would stand with one more score."""
        step = min(CLIP, z) / float(self.stretch**0.5)
        return min(HIGHEST, max(0.0, self.height + step - REFERENCE))

    def rate(self, z: float) -> float:
        """Return the chance per window of so high a CUSUM; 1 in a window that does not raise it: there its height is memory."""
        return cusum_rate(self.after(z), REFERENCE) if z > REFERENCE else 1.0

    def learn(self, z: float) -> None:
        """Take one more score in."""
        self.height = self.after(z)
        now = min(TRUSTED, max(-TRUSTED, z))
        keep = 1.0 - 1.0 / MEMORY
        self.product = self.product * keep + now * self.before
        self.power = self.power * keep + self.before * self.before
        self.before = now

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        return [short(number) for number in (self.height, self.before, self.product, self.power)]
