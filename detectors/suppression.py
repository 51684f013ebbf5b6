"""A variant that is shown less than its share: its count against the group's total, whatever the group's traffic does.

The share expected is the configured one, or its recent one where a bandit allocates: there only a loss of two fifths is a
suppression. A configured share bends to the recent one by at
most a fifth: people come back to their own variant, so shares of few people stay a little off for long without a fault.
z = Anscombe deviation over sqrt((1 - s)(1 + cv² mu)); CUSUM and levels as for dips.
"""

from dataclasses import dataclass, field

from detectors.accumulation import Accumulation
from detectors.baseline import short
from detectors.budget import Budget, either, tail
from detectors.expectation import anscombe, finite
from detectors.protocol import Plain, Verdict, versioned

VERSION = 1
BENDS = 0.8
WARM_WINDOWS = 48
MEMORY = 72.0
SQUARE_MOST = 12.0
MATERIAL = 0.4  # where nobody stated a share a bandit moves it as it likes: a variant is suppressed once it lost more than this


@dataclass(frozen=True, slots=True)
class Share:
    """One closed window of a group: how often a variant was shown, out of how many, and its configured share, None for none."""

    end: int
    shown: float
    total: float
    allocated: float | None = None


@dataclass(slots=True)
class Suppression:
    """The detector of one variant of one group."""

    budget: Budget
    windows: int = 0
    shown: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    means: float = 0.0
    past: Accumulation = field(default_factory=Accumulation)

    def usable(self, seen: Share) -> bool:
        """Return whether a window's numbers may be judged and learnt."""
        given = seen.allocated is None or finite(seen.allocated)
        return given and finite(seen.shown) and finite(seen.total) and 0.0 <= seen.shown <= seen.total and seen.total > 0.0

    def share(self, allocated: float | None) -> float | None:
        """Return the share expected, None while nothing is known."""
        recent = self.shown / self.total if self.windows >= WARM_WINDOWS and self.total > 0.0 else None
        if allocated is None:
            return recent
        return allocated if recent is None else max(BENDS * allocated, min(allocated, recent))

    def z(self, seen: Share, share: float) -> float:
        """Return the standard score of a window, bad upwards."""
        mu = seen.total * share
        variation = max(0.0, self.squares / self.means) if self.means > 0.0 else 0.0
        variation *= 1.0 + self.past.stretch / MEMORY  # the share itself is known from so many windows only
        return -anscombe(seen.shown, mu) / float((max(0.02, 1.0 - share) * (1.0 + variation * mu)) ** 0.5)

    def score(self, seen: Share) -> Verdict:
        """Judge a window."""
        share = self.share(seen.allocated) if self.usable(seen) else None
        if share is None or self.windows < WARM_WINDOWS // 2 or share <= 0.0:
            return Verdict(observed=seen.shown / seen.total if self.usable(seen) else 0.0)
        z = self.z(seen, share)
        mu = seen.total * share
        visible = min(9.0, self.budget.z / max(mu, 1e-9) ** 0.5)
        p = either(tail(self.past.single(z)), self.past.rate(z), self.budget)
        if seen.allocated is None and seen.shown > (1.0 - MATERIAL) * mu:
            p = 1.0
        return Verdict(p, z, seen.shown / seen.total, share, learning=False, detectable=visible)

    def learn(self, seen: Share) -> None:
        """Take a window in; a share below the expected by more than three spreads is learnt as if at three."""
        if not self.usable(seen):
            return
        share = self.share(seen.allocated)
        shown = seen.shown
        if share is not None and share > 0.0 and self.windows >= WARM_WINDOWS // 4:
            z = self.z(seen, share)
            if self.windows >= WARM_WINDOWS // 2:
                self.past.learn(z)
            mu = seen.total * share
            deviation = anscombe(shown, mu) ** 2 / max(0.02, 1.0 - share)
            keep = 1.0 - 1.0 / (2.0 * MEMORY)
            most = max(SQUARE_MOST, 9.0 * (1.0 + max(0.0, self.squares / self.means) * mu if self.means > 0.0 else 1.0))
            self.squares = self.squares * keep + min(most, deviation) - 1.0
            self.means = self.means * keep + mu
            if abs(z) > 3.0:
                shown = min(seen.total, max(0.0, mu - (mu - shown) * 3.0 / abs(z)))
        self.windows += 1
        keep = 1.0 - 1.0 / min(MEMORY, float(self.windows))
        self.shown = self.shown * keep + shown
        self.total = self.total * keep + seen.total

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        sums = (self.shown, self.total, self.squares, self.means)
        return [VERSION, self.windows, *(short(number) for number in sums), self.past.state()]

    @classmethod
    def of(cls, state: Plain, budget: Budget) -> "Suppression":
        """Return the detector of a state; raises StateVersionError."""
        windows, shown, total, squares, means, past = versioned(state, VERSION)
        return cls(budget, windows, shown, total, squares, means, Accumulation(*past))
