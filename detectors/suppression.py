"""A variant that is shown less than its share: its count against the group's total, whatever the group's traffic does.

The share expected is the configured one, and bends to the recent one by at most a fifth: people come back to their own variant, so shares
of few people stay a little off for long without a fault. Where nobody stated a share a bandit moves it as it likes, in hours, while a
fault takes it at a stroke: there the share is what it was over the last days or the last hours, whichever is less, a tenth of it may be
gone for hours, and only a window that lost two fifths is a breach. Slow moves are no noise, so the noise is taken from differences of
neighbours (von Neumann 1941).

z = deviation over sqrt((1 - s)(1 + cv² mu)); levels and CUSUM as for dips.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.accumulation import Accumulation
from detectors.baseline import short
from detectors.budget import Budget, either, tail
from detectors.expectation import MOST, anscombe, finite
from detectors.protocol import Plain, Verdict, versioned
from detectors.tail import binomial_score

VERSION = 4
BENDS = 0.8
WARM_WINDOWS = 48
MEMORY = 72.0
SQUARE_MOST = 12.0
CLIP = 1.5
MATERIAL = 0.4  # of its recent share a bandit may take from a variant in any window,
USUAL = 0.1  # and this much for hours on end
LATELY = 6.0  # windows that say what the share is by now, up to LONGEST where they hold fewer events than
ENOUGH = 50.0  # which know a share within a seventh; half as many are the least to go by
LONGEST = 16.0  # of more windows a fault would be learnt before it is found
STROKE = 3.0  # spreads, and MATERIAL: what was lost so is not learnt as the share by now


class Share(NamedTuple):
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
    before: float = 0.0  # the last deviation from the recent share
    past: Accumulation = field(default_factory=Accumulation)
    lately: list[float] = field(default_factory=lambda: [0.0, 0.0])  # shown and total of the last windows, where nobody stated a share

    def usable(self, seen: Share) -> bool:
        """Return whether a window's numbers may be judged and learnt."""
        given = seen.allocated is None or finite(seen.allocated)
        return given and 0.0 <= seen.shown <= seen.total < MOST and seen.total > 0.0

    def share(self, allocated: float | None) -> float | None:
        """Return the share expected, None while nothing is known."""
        recent = self.shown / self.total if self.windows >= WARM_WINDOWS and self.total > 0.0 else None
        if allocated is None:
            shown, total = self.lately
            return recent if recent is None or total * recent < 0.5 * ENOUGH else min(recent, shown / total)
        return allocated if recent is None else max(BENDS * allocated, min(allocated, recent))

    @property
    def _stretch(self) -> float:
        return self.past.stretch(wobbles=False)

    def _spread(self, mu: float, share: float, stretch: float) -> float:
        variation = self.squares / self.means if self.squares > 0.0 and self.means > 0.0 else 0.0
        variation *= 1.0 + stretch / MEMORY  # the share itself is known from so many windows only
        return float((max(0.02, 1.0 - share) * (1.0 + variation * mu)) ** 0.5)

    def z(self, seen: Share, share: float, stretch: float) -> float:
        """Return the standard score of a window against a share, for sums of them; bad upwards."""
        mu = seen.total * share
        return -anscombe(seen.shown, mu) / self._spread(mu, share, stretch)

    def score(self, seen: Share) -> Verdict:
        """Judge a window."""
        share = self.share(seen.allocated) if self.usable(seen) else None
        if share is None or self.windows < WARM_WINDOWS // 2 or not 0.0 < share <= 1.0:
            return Verdict(observed=seen.shown / seen.total if self.usable(seen) else 0.0)
        held = share if seen.allocated is not None else (1.0 - USUAL) * share
        mu, past, stretch = seen.total * held, self.past, self._stretch
        spread = self._spread(mu, held, stretch)
        z = binomial_score(seen.shown, seen.total, min(held, 0.999), -1) / (spread / (1.0 - held or 1.0) ** 0.5)
        visible = min(9.0, self.budget.z / max(seen.total * share, 1e-9) ** 0.5 + (0.0 if held == share else USUAL))
        if seen.allocated is None and seen.shown > (1.0 - MATERIAL) * seen.total * share:
            return Verdict(1.0, z, seen.shown / seen.total, share, learning=False, detectable=visible)
        sums = -anscombe(seen.shown, mu) / spread
        p = either(tail(past.single(z, MEMORY, stretch)), past.rate(sums, MEMORY, stretch), self.budget)
        return Verdict(p, z, seen.shown / seen.total, share, learning=False, detectable=visible)

    def learn(self, seen: Share) -> None:
        """Take a window in; more than CLIP spreads off is learnt as CLIP: what gains by a fault is not missed after it."""
        if not self.usable(seen):
            return
        share = self.share(seen.allocated)
        shown, z, mu = seen.shown, 0.0, 0.0
        if share is not None and 0.0 < share <= 1.0 and self.windows >= WARM_WINDOWS // 4:
            stretch = self._stretch
            z = self.z(seen, share, stretch)
            mu = seen.total * share
            self._vary(seen, mu, share)
            if self.windows >= WARM_WINDOWS // 2:
                given = seen.allocated is not None
                self.past.learn(z if given else self.z(seen, (1.0 - USUAL) * share, stretch), stretch, following=given)
            if abs(z) > CLIP:
                shown = min(seen.total, max(0.0, mu - (mu - shown) * CLIP / abs(z)))
        if seen.allocated is None:
            self._follow(seen, mu, z)
        self.windows += 1
        keep = 1.0 - 1.0 / min(MEMORY, float(self.windows))
        self.shown = short(self.shown * keep + shown)
        self.total = short(self.total * keep + seen.total)

    def _follow(self, seen: Share, mu: float, z: float) -> None:
        if z > STROKE and seen.shown < (1.0 - MATERIAL) * mu:
            return
        shown, total = self.lately
        keep = 1.0 - 1.0 / min(LONGEST, max(LATELY, ENOUGH / max(mu, 1.0)))
        self.lately = [short(shown * keep + seen.shown), short(total * keep + seen.total)]

    def _vary(self, seen: Share, mu: float, share: float) -> None:
        deviation = anscombe(seen.shown, mu) / max(0.02, 1.0 - share) ** 0.5
        square = deviation * deviation if seen.allocated is not None else 0.5 * (deviation - self.before) ** 2
        self.before = short(deviation)
        keep = 1.0 - 1.0 / (2.0 * MEMORY)
        most = max(SQUARE_MOST, 9.0 * (1.0 + max(0.0, self.squares / self.means) * mu if self.means > 0.0 else 1.0))
        self.squares = short(self.squares * keep + min(most, square) - 1.0)
        self.means = short(self.means * keep + mu)

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        return [VERSION, self.windows, self.shown, self.total, self.squares, self.means, self.before, self.past.state(), list(self.lately)]

    @classmethod
    def of(cls, state: Plain, budget: Budget) -> "Suppression":
        """Return the detector of a state; raises StateVersionError."""
        windows, shown, total, squares, means, before, past, lately = versioned(state, VERSION)
        return cls(budget, windows, shown, total, squares, means, before, Accumulation(*past), list(lately))
