"""The count a window should hold: a slow rate per exposure, times what its hour of the day and its kind of day usually make of it.

Forgetting sums of events and of what was expected, never means of rates, so a window with little volume weighs little. Slots are
wall-clock slots of event time (UTC), so a gap of days shifts nothing. Learning is winsorised at three standard deviations.

Over-dispersion is a coefficient of variation: Var = mu + (cv mu)², cv² from forgetting sums of z² - 1 and mu, so that a noisy busy hour
does not make the quiet ones blind. Rate and slots are known from so many events only, which adds to the variance of what is expected.
"""

from dataclasses import dataclass
from math import log10, prod
from typing import NamedTuple

import numpy as np
from scipy import special

from detectors.protocol import Column, States, Truth
from detectors.window import DAY, HOUR, MONDAY

WARM_WINDOWS = 48
WARM_EVENTS = 30.0
CLIP = 3.0
PRIOR = 20.0  # expected events by which a slot's factor is drawn to 1
SLOT_DAYS = 14.0
WEEKEND = 24  # the slot behind the hours: Saturday and Sunday against the other days
SLOTS = 25
NOISE_MEMORY = 504.0  # windows: of scores that follow each other a few hundred are only some dozens
SQUARE_MOST = 12.0  # a z² beyond it, and beyond three spreads, says "fault" and not "noisy"

# What is known of a series: windows seen, sums of events and exposure, of z² - 1 and mu; a slot's events each; what the rate expected each.
WINDOWS, EVENTS, EXPOSURE, SQUARES, MEANS = range(5)
SEEN = 5
DUE = SEEN + SLOTS
WIDTH = DUE + SLOTS


class Expected(NamedTuple):
    """The events expected of each series, the relative variance of that, and of what is left of it in a sum of the windows of one hour."""

    mu: Column
    unsure: Column
    lasting: Column


@dataclass(frozen=True, slots=True)
class Baseline:
    """Rates and their seasons; `memory` is how many windows a rate remembers, `visits` how many windows an hour has, at least 1.

    The rates are a matrix, a row of WIDTH numbers a series. Where nothing is known there are divisions by 0: callers hold numpy's warnings
    back.
    """

    memory: float = 168.0
    visits: float = 1.0

    def expected(self, rates: States, end: int, exposure: Column) -> Expected:
        """Return what is expected of exposures in the window that ends at `end` ms; nothing where nothing is known."""
        events = rates[:, EVENTS]
        prior = self._prior(rates[:, WINDOWS], events)
        mu, unsure = exposure * events / rates[:, EXPOSURE], 1.0 / (events + 1.0)
        lasting = unsure
        for slot in slots_of(end):
            mu = mu * factor(rates, slot, prior)
            unsure = unsure + 1.0 / (rates[:, DUE + slot] + prior)
            lasting = lasting + self.visits / (rates[:, DUE + slot] + PRIOR)  # all windows of an hour are off alike
        return Expected(np.where(rates[:, EXPOSURE] > 0.0, mu, 0.0), unsure, lasting)

    def _prior(self, windows: Column, events: Column) -> Column | float:
        # The windows of one hour say together what one of an hour would: an hour of one day is no season yet.
        if self.visits == 1.0:
            return PRIOR
        return PRIOR + (self.visits - 1.0) * events / np.maximum(1.0, np.minimum(self.memory, windows))

    def known(self, rates: States) -> Column:
        """Return how many windows of equal weight would say as much of the rates."""
        return worth(rates[:, WINDOWS], self.memory)

    def learn(self, rates: States, end: int, events: Column, exposure: Column, common: Column, doubt: Column) -> States:
        """Return the rates after a window; what siblings say moved all, `common`, is not learnt, nor is its relative variance `doubt`.

        Exposures are above 0.
        """
        found, slots = rates.copy(), slots_of(end)
        bare = np.where(rates[:, EXPOSURE] > 0.0, exposure * rates[:, EVENTS] / rates[:, EXPOSURE], events)
        expected = self.expected(rates, end, exposure)
        events = self._heed(rates, found, events, expected._replace(mu=expected.mu * common), doubt)
        found[:, WINDOWS] += 1.0
        events = events / np.maximum(0.2, np.minimum(5.0, common))
        prior = self._prior(found[:, WINDOWS], rates[:, EVENTS])
        shape = prod(factor(rates, slot, prior) for slot in slots)
        keep = 1.0 - 1.0 / np.minimum(self.memory, found[:, WINDOWS])
        found[:, EVENTS] = rates[:, EVENTS] * keep + events / shape
        found[:, EXPOSURE] = rates[:, EXPOSURE] * keep + exposure
        prior = self._prior(found[:, WINDOWS], found[:, EVENTS])
        for slot in slots:
            others = shape / factor(rates, slot, prior)
            fade = 1.0 - 1.0 / (self.visits * SLOT_DAYS * (1.0 if slot < WEEKEND else 12.0))
            found[:, SEEN + slot] = rates[:, SEEN + slot] * fade + events
            found[:, DUE + slot] = rates[:, DUE + slot] * fade + bare * others
        return found

    def _heed(self, rates: States, found: States, events: Column, expected: Expected, doubt: Column) -> Column:
        """Take the windows' noise in where the rate is settled; return the events, there winsorised.

        A window whose mean is less known than twice its noise says nothing of it: the first weekend of millions of events would take more
        off the sum of squares than all the days before have put there.
        """
        mu, unsure, _ = expected
        settles, noise = settled(rates), spread(mu, variation(rates) + doubt)
        heeded = settles & (unsure * mu <= 2.0 * noise * noise)
        deviation = anscombe(events, mu)
        wide = CLIP * noise
        keep = 1.0 - 1.0 / max(self.memory, NOISE_MEMORY)
        square = np.minimum(np.maximum(SQUARE_MOST, wide * wide), deviation * deviation)
        squares = rates[:, SQUARES] * keep + square - 1.0 - (unsure + doubt) * mu
        found[:, SQUARES] = np.where(heeded, squares, rates[:, SQUARES])
        found[:, MEANS] = np.where(heeded, rates[:, MEANS] * keep + mu, rates[:, MEANS])
        return np.where(settles, winsorised(events, mu, variation(found) + doubt), events)


def factor(rates: States, slot: int, prior: Column | float) -> Column:
    """Return what a slot makes of the rates: 1 where it was never seen."""
    found: Column = (rates[:, SEEN + slot] + prior) / (rates[:, DUE + slot] + prior)
    return found


def settled(rates: States) -> Truth:
    """Return whether rates are known well enough to weigh a mixture by them."""
    return rates[:, WINDOWS] >= WARM_WINDOWS // 2


def warm(rates: States) -> Truth:
    """Return whether enough was seen to judge by."""
    return (rates[:, WINDOWS] >= WARM_WINDOWS) & (rates[:, EVENTS] >= WARM_EVENTS)


def variation(rates: States) -> Column:
    """Return the squared coefficient of variation beyond Poisson noise."""
    return beyond_chance(rates[:, SQUARES], rates[:, MEANS])


def beyond_chance(squares: Column, means: Column) -> Column:
    """Return the squared coefficient of variation that sums of z² - 1 and of mu make, 0 where they make none."""
    return np.where((squares > 0.0) & (means > 0.0), squares / means, 0.0)


def spread(mu: Column, variance: Column) -> Column:
    """Return the standard deviation of the Anscombe deviation of a count of mean `mu`; `variance` is what is relative and not chance."""
    return np.sqrt(1.0 + variance * mu)


def winsorised(events: Column, mu: Column, variance: Column) -> Column:
    """Return counts at most three standard deviations from their means; `variance` as in `spread`."""
    wide = CLIP * np.sqrt(mu + 1.0) * spread(mu, variance)
    return np.minimum(mu + wide, np.maximum(np.maximum(0.0, mu - wide), events))


def anscombe(count: Column, mu: Column) -> Column:
    """Return the deviation of Poisson counts from their means in standard deviations (Anscombe 1948); finite for any mean at or above 0."""
    return 2.0 * (np.sqrt(np.maximum(count, 0.0) + 0.375) - np.sqrt(np.maximum(mu, 0.0) + 0.375))


def worth(windows: Column, memory: float) -> Column:
    """Return how many windows of equal weight would say as much as a mean that forgets: nearly twice its memory in the end.

    A mean that takes the newest in with a weight w has the variance (1 - w)² v + w² after one of variance v, so w / (2 - w) in the end.
    """
    weight = 1.0 / memory
    final = weight / (2.0 - weight)
    fading = special.exp10(2.0 * log10(1.0 - weight) * np.maximum(0.0, windows - memory))
    found: Column = np.minimum(windows, 1.0 / (final + (weight - final) * fading))
    return found


def visits_of(window: int) -> float:
    """Return how many windows of so many ms an hour has, 1 for longer ones: a slot remembers days, however often it is visited."""
    return max(1.0, HOUR / window)


def slots_of(end: int) -> tuple[int, ...]:
    """Return the slots of a window by its end, ms: its hour of the day, and the weekend where it lies there."""
    at = end - 1
    hour = at % DAY // HOUR
    return (hour, WEEKEND) if (at - MONDAY) // DAY % 7 >= 5 else (hour,)
