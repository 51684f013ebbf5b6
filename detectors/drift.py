"""A figure that settles at another level, slower than any window shows: river's Page-Hinkley test on standardised scores.

The scores come from a slow baseline (four weeks), because the test is scale-dependent: fed raw rates it never fires. Its height is read as
the chance of a CUSUM with reference DELTA (Siegmund, see `budget`), 1 of 1, so the stated budget and not a tuned bound decides.
Once told, the test begins anew and measures from the level it then finds; what was told stands for two days of hours, or until the scores
are back. One river object answers for all series: each question sets all its numbers first, and what is kept is ours.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from river.drift import PageHinkley

from detectors.accumulation import Accumulation
from detectors.baseline import Baseline, short, visits_of
from detectors.budget import Budget, cusum_rate
from detectors.dip import Dip, Window
from detectors.protocol import Plain, Verdict, versioned
from detectors.window import HOUR

VERSION = 3
DELTA = 0.15
SLOW = 672.0
CLIP = 3.0
FADING = 0.9999
STANDS = 48  # windows after which a level is the new one
# Nearer to an alarm than so many times its chance the baseline does not follow the scores, so that a drift is not learnt away. Held sooner
# (it was at one in a hundred windows), a baseline that is a little off stays so just when chance speaks for it: three times the alarms.
HELD = 10.0
BACK = 6  # windows after which the scores since may say that it is over
TEST: Any = PageHinkley(min_instances=1, delta=DELTA, threshold=1e18, alpha=FADING, mode="up")


@dataclass(slots=True)
class Drift:
    """The detector of one series of one figure; `sign` -1 looks for less, +1 for more."""

    sign: int
    budget: Budget
    window: int = HOUR
    inner: Dip = field(init=False)
    test: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])  # n, mean, sum, lowest sum
    told: int = 0  # windows since it was told, counted from STANDS down
    _judged: tuple[Window, list[float]] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        visits = visits_of(self.window)
        self.inner = Dip(self.sign, self.budget, Baseline(SLOW * visits, visits=visits))

    def _after(self, z: float) -> list[float]:
        """Return the test's numbers after one more score."""
        n, mean, total, lowest = self.test
        known = TEST._x_mean
        known.n, known._mean = n, mean
        TEST._sum_increase, TEST._min_increase = total, lowest if n else inf
        TEST.update(min(CLIP, max(-CLIP, z)))
        return [short(float(known.n)), short(float(known.get())), short(float(TEST._sum_increase)), short(float(TEST._min_increase))]

    def score(self, seen: Window) -> Verdict:
        """Judge a window."""
        if not self.inner.usable(seen) or not self.inner.baseline.warm:
            return Verdict()
        mu, _, sums, stretch = self.inner.look(seen)
        wide = float(stretch**0.5)  # scores that follow each other make wider sums, see `accumulation`
        z = sums / wide
        number, mean, total, lowest = after = self._after(z)
        self._judged = seen, after
        height = total - lowest
        p = cusum_rate(height, DELTA) if z > 0.0 else 1.0
        spread = self.inner.baseline.spread(mu, seen.doubt) * wide
        visible = min(9.0, 2.0 * DELTA * spread / max(mu, 1e-9) ** 0.5)
        stands = self.told > 0 and (number < BACK or mean * number**0.5 > 0.5)
        expected = mu / seen.exposure
        return Verdict(p, height, seen.events / seen.exposure, expected, learning=False, detectable=visible, stands=stands)

    def learn(self, seen: Window) -> None:
        """Take a window in."""
        if not self.inner.usable(seen):
            return
        if self.inner.baseline.warm:
            if self._judged is not None and self._judged[0] is seen:
                self.test = self._judged[1]
            else:
                _, _, sums, stretch = self.inner.look(seen)
                self.test = self._after(sums / float(stretch**0.5))
            self.told = max(0, self.told - 1)
        self._judged = None
        _, _, total, lowest = self.test
        self.inner.learn(seen, held=cusum_rate(total - lowest, DELTA) < HELD * self.budget.level)

    def tell(self) -> None:
        """Note that the window learnt last was told as a breach."""
        self.test, self.told = [0.0, 0.0, 0.0, 0.0], STANDS

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        return [VERSION, self.inner.baseline.state(), self.inner.past.state(), list(self.test), self.told]

    @classmethod
    def of(cls, state: Plain, sign: int, budget: Budget, window: int = HOUR) -> "Drift":
        """Return the detector of a state; raises StateVersionError."""
        baseline, past, test, told = versioned(state, VERSION)
        found = cls(sign, budget, window)
        found.inner.baseline, found.inner.past, found.test = Baseline.of(baseline, visits_of(window)), Accumulation(*past), list(test)
        found.told = told
        return found
