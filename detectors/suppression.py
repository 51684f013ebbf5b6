"""A variant that is shown less than its share: its count against the group's total, whatever the group's traffic does.

The share expected is the configured one, and bends to the recent one by at most a fifth: people come back to their own variant, so shares
of few people stay a little off for long without a fault. Where nobody stated a share a bandit moves it as it likes, in hours, while a
fault takes it at a stroke: there the share is what it was over the last days or the last hours, whichever is less, a fifth of it may be
gone for hours, and only a window that lost two fifths is a breach. Slow moves are no noise, so the noise is taken from differences of
neighbours (von Neumann 1941).

z = deviation over sqrt((1 - s)(1 + cv² mu)); levels and CUSUM as for dips.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from detectors import accumulation
from detectors.baseline import anscombe, beyond_chance, worth
from detectors.budget import Budget, either, tail
from detectors.expectation import MOST
from detectors.protocol import Column, States, Truth, Verdicts, columns_of
from detectors.tail import binomial_score

BENDS = 0.8
WARM_WINDOWS = 48
MEMORY = 72.0
SQUARE_MOST = 12.0
CLIP = 1.5
MATERIAL = 0.4  # of its recent share a bandit may take from a variant in any window,
USUAL = 0.2  # and this much for hours on end
LATELY = 6.0  # windows that say what the share is by now, up to LONGEST where they hold fewer events than
ENOUGH = 50.0  # which know a share within a seventh; half as many are the least to go by
LONGEST = 16.0  # of more windows a fault would be learnt before it is found

# What is known of a series: windows seen, sums of its exposures and the group's, of z² - 1 and mu, the last deviation from the share; sums
# of the last windows alone, where nobody stated a share.
WINDOWS, SHOWN, TOTAL, SQUARES, MEANS, BEFORE, SHOWN_LATELY, TOTAL_LATELY = range(8)
PAST = slice(8, 8 + accumulation.WIDTH)


class Shares(NamedTuple):
    """One closed window of each series: how often a variant was shown, out of how many of its group, its configured share, nan for none."""

    end: int
    shown: Column
    total: Column
    allocated: Column

    @classmethod
    def of(cls, end: int, shown: ArrayLike, total: ArrayLike, allocated: ArrayLike = np.nan) -> "Shares":
        """Return the windows of such numbers, one for all where one is given."""
        return cls(end, *columns_of(shown, total, allocated))


@dataclass(frozen=True, slots=True)
class Suppression:
    """The detector of the variants of any groups."""

    budget: Budget
    version: int = 5
    width: int = PAST.stop

    def fresh(self, series: int) -> States:
        """Return states that have learnt nothing."""
        found = np.zeros((series, self.width))
        found[:, PAST] = accumulation.fresh(series)
        return found

    def usable(self, seen: Shares) -> Truth:
        """Return whether a window's numbers may be judged and learnt."""
        given = np.isnan(seen.allocated) | (abs(seen.allocated) < MOST)
        found: Truth = given & (seen.shown >= 0.0) & (seen.shown <= seen.total) & (seen.total < MOST) & (seen.total > 0.0)
        return found

    def share(self, states: States, allocated: Column) -> Column:
        """Return the shares expected, nan while nothing is known."""
        known = (states[:, WINDOWS] >= WARM_WINDOWS) & (states[:, TOTAL] > 0.0)
        recent = np.where(known, states[:, SHOWN] / states[:, TOTAL], np.nan)
        lately, total = states[:, SHOWN_LATELY], states[:, TOTAL_LATELY]
        moved = np.where(total * recent >= 0.5 * ENOUGH, np.minimum(recent, lately / total), recent)
        bent = np.where(known, np.maximum(BENDS * allocated, np.minimum(allocated, recent)), allocated)
        return np.where(np.isnan(allocated), moved, bent)

    @np.errstate(all="ignore")
    def score(self, states: States, seen: Shares) -> Verdicts:
        """Judge a window of each series."""
        usable, share, given = self.usable(seen), self.share(states, seen.allocated), ~np.isnan(seen.allocated)
        judged = usable & (states[:, WINDOWS] >= WARM_WINDOWS // 2) & (share > 0.0) & (share <= 1.0)
        held = np.where(given, share, (1.0 - USUAL) * share)
        mu, past = seen.total * held, states[:, PAST]
        stretch = accumulation.stretch(past, wobbles=False)
        spread = spread_of(states, mu, held, stretch)
        others = np.where(held < 1.0, 1.0 - held, 1.0)
        z = binomial_score(seen.shown, seen.total, np.minimum(held, 0.999), -1) / (spread / np.sqrt(others))
        lost = self.budget.z / np.sqrt(np.maximum(seen.total * share, 1e-9))
        visible = np.minimum(9.0, lost + np.where(given, 0.0, USUAL))
        sums = -anscombe(seen.shown, mu) / spread
        past_known = worth(states[:, WINDOWS], MEMORY)
        single = tail(accumulation.single(past, z, past_known, stretch))
        p = either(single, accumulation.rate(past, sums, past_known, stretch), self.budget)
        usual = ~given & (seen.shown > (1.0 - MATERIAL) * seen.total * share)
        observed = np.where(usable, seen.shown / seen.total, 0.0)
        return Verdicts.among(judged, np.where(usual, 1.0, p), z, observed, share, visible, notes=(share, stretch))

    @np.errstate(all="ignore")
    def learn(self, states: States, seen: Shares, said: Verdicts, told: Truth) -> States:
        """Return the states after a window; more than CLIP spreads off is learnt as CLIP: what gains by a fault is not missed after it."""
        (share, stretch), usable, given = said.notes.T, self.usable(seen), ~np.isnan(seen.allocated)
        found, seen_before = states.copy(), states[:, WINDOWS]
        known = usable & (share > 0.0) & (share <= 1.0) & (seen_before >= WARM_WINDOWS // 4)
        mu = seen.total * share
        z = -anscombe(seen.shown, mu) / spread_of(states, mu, share, stretch)
        self._vary(states, found, seen, mu, share, known)
        held = (1.0 - USUAL) * share
        usual = -anscombe(seen.shown, seen.total * held) / spread_of(found, seen.total * held, held, stretch)
        past = accumulation.learn(states[:, PAST], np.where(given, z, usual), stretch, given)
        summed = known & (seen_before >= WARM_WINDOWS // 2)
        found[:, PAST] = np.where(summed[:, None], past, states[:, PAST])
        far = known & (abs(z) > CLIP)
        near = np.minimum(seen.total, np.maximum(0.0, mu - (mu - seen.shown) * CLIP / abs(z)))
        self._follow(states, found, seen, np.where(known, mu, 0.0), known & (z > CLIP))
        found[:, WINDOWS] = seen_before + 1.0
        keep = 1.0 - 1.0 / np.minimum(MEMORY, found[:, WINDOWS])
        found[:, SHOWN] = states[:, SHOWN] * keep + np.where(far, near, seen.shown)
        found[:, TOTAL] = states[:, TOTAL] * keep + seen.total
        return found if usable.all() else np.where(usable[:, None], found, states)

    def _follow(self, states: States, found: States, seen: Shares, mu: Column, far: Truth) -> None:
        """Take the windows into what the share is by now, where nobody stated one and it was not lost at a stroke."""
        follows = np.isnan(seen.allocated) & ~(far & (seen.shown < (1.0 - MATERIAL) * mu))
        keep = 1.0 - 1.0 / np.minimum(LONGEST, np.maximum(LATELY, ENOUGH / np.maximum(mu, 1.0)))
        for number, one in ((SHOWN_LATELY, seen.shown), (TOTAL_LATELY, seen.total)):
            found[:, number] = np.where(follows, states[:, number] * keep + one, states[:, number])

    def _vary(self, states: States, found: States, seen: Shares, mu: Column, share: Column, known: Truth) -> None:
        """Take the windows' noise in where the share is known."""
        deviation = anscombe(seen.shown, mu) / np.sqrt(np.maximum(0.02, 1.0 - share))
        step = deviation - states[:, BEFORE]
        square = np.where(np.isnan(seen.allocated), 0.5 * (step * step), deviation * deviation)
        squares, means = states[:, SQUARES], states[:, MEANS]
        keep = 1.0 - 1.0 / (2.0 * MEMORY)
        square = np.minimum(np.maximum(SQUARE_MOST, 9.0 * (1.0 + beyond_chance(squares, means) * mu)), square)
        found[:, BEFORE] = np.where(known, deviation, states[:, BEFORE])
        found[:, SQUARES] = np.where(known, squares * keep + square - 1.0, squares)
        found[:, MEANS] = np.where(known, means * keep + mu, means)


def spread_of(states: States, mu: Column, share: Column, stretch: Column) -> Column:
    """Return the standard deviation of a deviation from a share."""
    known = np.maximum(1.0, worth(states[:, WINDOWS], MEMORY))  # windows that say what the share itself is
    variation = beyond_chance(states[:, SQUARES], states[:, MEANS]) * (1.0 + stretch / known)
    return np.sqrt(np.maximum(0.02, 1.0 - share) * (1.0 + variation * mu))
