"""A key that has gone quiet: how many events the silence should have held, by the key's own rate in each hour of the week.

With m events expected and counts of variance mu + phi mu², a silence has chance (1 + phi m)^(-1/phi) (negative binomial; e^-m for
Poisson). A feed that comes more regularly than chance would (hourly tallies) has gaps of gamma law, of shape mean / variance of its hours,
and is missed sooner. A feed that always comes in bursts has long silences by nature: the worst expected count a normal silence ever had is
remembered, fading over weeks, and a silence must be twice as bad. An hour nobody has seen yet expects nothing.
"""

from dataclasses import dataclass
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.budget import Budget
from detectors.expectation import MOST
from detectors.protocol import Column, Places, States, Truth, Verdicts, columns_of
from detectors.tail import waiting_p
from detectors.window import DAY, HOUR, MONDAY

VISITS = 2  # an hour counts once it was seen on so many days
MEMORY = 10  # days of the same slot
BURST = 2.0
HOLIDAY = 0.5  # a day off halves the traffic and is no fault
FADE = 0.98  # of the worst silence, per day
HARDLY = 1e-6  # events: where fewer were due there is no usual time between two
PHI_MOST = 0.5
STEADY_MOST = 8.0  # shape of the gaps of the most regular feed: not even a clock is trusted further
STEADY_DAYS = 4
LONGEST = 14 * 24  # hours of silence walked through; what is longer is long enough
SHORT = 3  # hours: nearly all silences end before
LN10 = log(10.0)

FEWEST = 6  # hours known, or nothing is missed

SLOTS = 48
# A state: the end of the hour being counted, its events so far, when the key was first and last seen, how many slots count, the worst two
# silences; of each slot the days (up to MEMORY; four bits each, as many as a double holds whole), the events in an hour, and their squared
# deviations.
HOURLY, COUNTED, SINCE, LAST, KNOWN, WORST, NEXT_WORST = range(7)
PACKED = 12
DAYS = 7
MEANS = DAYS + SLOTS // PACKED
SQUARES = MEANS + SLOTS
WIDTH = SQUARES + SLOTS

Numbers = tuple[Column, Column, Column]


class Silences(NamedTuple):
    """One evaluation of each key: its time, the window's length, events in the window, time of the last event ever; all times ms."""

    end: int
    window: int
    events: Column
    last: Column
    sla: int | None = None

    @classmethod
    def of(cls, end: int, window: int, events: ArrayLike, last: ArrayLike, sla: int | None = None) -> "Silences":
        """Return the evaluations of such numbers, one a key."""
        events, last = columns_of(events, last)
        return cls(end, window, events, last, sla)


@dataclass(frozen=True, slots=True)
class Freshness:
    """The detector of any keys."""

    budget: Budget
    version: int = 2
    width: int = WIDTH

    def fresh(self, series: int) -> States:
        """Return states that have learnt nothing."""
        found = np.zeros((series, self.width))
        found[:, WORST] = found[:, NEXT_WORST] = 1.0  # one alone may have been a fault
        return found

    @np.errstate(all="ignore")
    def score(self, states: States, seen: Silences) -> Verdicts:
        """Judge the silences up to now; a breach of the SLA has p 0."""
        usable, few = usable_of(seen), states[:, KNOWN] < FEWEST
        age = np.where(usable, np.maximum(0.0, seen.end - seen.last), 0.0)
        broken, longest = usable & (age > (np.inf if seen.sla is None else seen.sla)), seen.sla or 1
        p, score = np.where(broken, 0.0, 1.0), np.where(broken, age / longest, 0.0)
        expected = np.where(broken, longest / 1000, np.nan)
        quiet = np.flatnonzero(usable & ~broken & ~few & (age >= seen.window))  # a shorter one is never a silence
        p[quiet], score[quiet], expected[quiet] = self._silences(states[quiet], seen.last[quiet], seen.end)
        learning = ~usable | (few & ~broken) if seen.sla is None else ~usable  # within a stated SLA it is well, learnt or not
        none = np.full(len(states), np.nan)
        return Verdicts(p, score, age / 1000, expected, learning, none, none > 0.0, np.empty((len(states), 0)))

    def _silences(self, states: States, last: Column, end: int) -> Numbers:
        """Return (p, score, usual seconds between events) of silences since a time."""
        events, phi = missed(states, last, np.full(len(last), float(end)))
        due = events * HOLIDAY
        chance = np.where(due < BURST * states[:, NEXT_WORST], 0.5 * log(self.budget.rate), -np.inf)
        chance = np.maximum(chance, chance_of(states, due, phi))
        usual = np.where(due > HARDLY, (end - last) / np.maximum(due, HARDLY) / 1000.0, np.nan)
        return power(chance), -chance, usual

    @np.errstate(all="ignore")
    def learn(self, states: States, seen: Silences, said: Verdicts, told: Truth) -> States:
        """Return the states after an evaluation: hours that are over go to their slots, a silence that has ended may be the worst."""
        usable, found = usable_of(seen), states.copy()
        found[:, SINCE] = np.where(found[:, SINCE] > 0.0, found[:, SINCE], seen.last)
        ended = np.flatnonzero(usable & (states[:, LAST] > 0.0) & (seen.last - states[:, LAST] > seen.window))
        if len(ended):
            events, worst = HOLIDAY * missed(states[ended], states[ended, LAST], seen.last[ended])[0], states[ended, WORST]
            found[ended, WORST] = np.maximum(worst, events)
            found[ended, NEXT_WORST] = np.maximum(states[ended, NEXT_WORST], np.minimum(worst, events))
        found[:, LAST] = np.maximum(found[:, LAST], seen.last)
        hour = (seen.end - 1) // HOUR * HOUR + HOUR
        over = usable & (states[:, HOURLY] > 0.0) & (states[:, HOURLY] != hour)
        if over.any():
            hours = np.where(over, np.maximum(1.0, np.minimum((hour - states[:, HOURLY]) // HOUR, LONGEST + 1.0)), 0.0)
            for step in range(int(hours.max())):
                rows = np.flatnonzero(hours > step)
                ends = states[rows, HOURLY].astype(np.int64) + step * HOUR
                take_hour(found, rows, ends, states[rows, COUNTED] if step == 0 else np.zeros(len(rows)))
        found[:, COUNTED] = np.where(over, 0.0, states[:, COUNTED]) + seen.events
        found[:, HOURLY] = hour
        return found if usable.all() else np.where(usable[:, None], found, states)

    @staticmethod
    def last(states: States) -> Column:
        """Return the time of the last event each key has learnt, ms."""
        return states[:, LAST]

    @np.errstate(all="ignore")
    def rests(self, states: States, now: int, until: Silences, said: Verdicts) -> Truth:
        """Return whether silences that last are surely untold up to `until`, an end in the hour that holds the evaluation at `now`, ms.

        `said` is what `score` says of them then.
        Within an hour the missed events grow, and phi moves from one end's to the other's: the worst of both is worse than any between.
        Learning a silence changes nothing before the hour is over, so who rests need not be asked.
        """
        found = said.p > self.budget.level
        long = found & usable_of(until) & (until.end - until.last >= until.window) & (states[:, KNOWN] >= FEWEST)
        at = np.flatnonzero(long)
        if not len(at):
            return found
        ends = np.repeat([float(now), float(until.end)], len(at))
        events, phi = missed(np.tile(states[at], (2, 1)), np.tile(until.last[at], 2), ends)
        events, phi = HOLIDAY * events[len(at) :] * (1.0 + 1e-9), np.minimum(phi[: len(at)], phi[len(at) :])
        chance = chance_of(states[at], events, phi)
        found[at] = power(np.where(phi < 1e-6, np.minimum(chance, -events), chance)) > self.budget.level
        return found


def usable_of(seen: Silences) -> Truth:
    """Return which evaluations may be judged and learnt."""
    found: Truth = (abs(seen.events) < MOST) & (seen.last > 0.0)
    return found


def take_hour(states: States, rows: Places, ends: NDArray[np.int64], counts: Column) -> None:
    """Let some keys learn an hour that is over, each its own."""
    whole = ends - HOUR >= states[rows, SINCE]  # the hour it was first seen in is half an hour at best
    rows, ends, counts = rows[whole], ends[whole], counts[whole]
    midnight = rows[ends % DAY == 0]
    for worst in (WORST, NEXT_WORST):
        states[midnight, worst] = np.maximum(1.0, states[midnight, worst] * FADE)
    slot = slot_of(ends - 1)
    days = days_of(states, rows, slot)
    expected, square = states[rows, MEANS + slot], states[rows, SQUARES + slot]
    # A dead hour is a fault or a change: half is believed each day, so a change is accepted in days.
    counts = np.where((days >= VISITS) & (counts == 0.0) & (expected >= 3.0), expected * 0.5, counts)
    more = (days < MEMORY).astype(np.int64)
    days = days + more
    states[rows, DAYS + slot // PACKED] += more << 4 * (slot % PACKED)
    states[rows, KNOWN] += (days == VISITS) & (more > 0)
    weight, error = 1.0 / days, counts - expected
    mean = expected + weight * error
    states[rows, MEANS + slot] = mean
    states[rows, SQUARES + slot] = np.where(days > 1, square + weight * (error * (counts - mean) - square), 0.0)


def days_of(states: States, rows: Places, slot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days on which slots were seen, of some keys."""
    found: NDArray[np.int64] = states[rows, DAYS + slot // PACKED].astype(np.int64) >> 4 * (slot % PACKED) & 15
    return found


def missed(states: States, start: Column, end: Column) -> tuple[Column, Column]:
    """Return (events each key expected from a time to another, relative variance of such counts); those of alike length together."""
    total, spread = np.zeros(len(states)), np.zeros(len(states))
    start = np.maximum(start, end - LONGEST * HOUR)
    hours = (end - start) // HOUR
    for of in ((hours < SHORT), (hours >= SHORT)):
        rows = np.flatnonzero(of)
        if len(rows):
            total[rows], spread[rows] = due(states[rows], start[rows].astype(np.int64), end[rows].astype(np.int64))
    return total, np.where(total > 0.0, np.minimum(PHI_MOST, spread / total), 0.0)


def due(states: States, start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[Column, Column]:
    """Return (events expected, their variance beyond chance), hour by hour: a row has as many columns as the longest has hours."""
    first = start // HOUR
    longest = int(((end - 1) // HOUR - first).max()) + 1
    at = (first[:, None] + np.arange(max(1, longest))) * HOUR
    length = np.maximum(0, np.minimum(end[:, None], at + HOUR) - np.maximum(start[:, None], at))
    slot, row = slot_of(at), np.arange(len(states))[:, None]
    mean, square = states[row, MEANS + slot], states[row, SQUARES + slot]
    part = np.where(days_of(states, row, slot) >= VISITS, mean * length / HOUR, 0.0)
    beyond = np.where(part > 0.0, part * np.maximum(0.0, square - mean) / (mean * mean), 0.0)
    # Added one after the other: what a row comes to does not depend on how many hours of nothing stand behind it.
    return np.cumsum(part, axis=1)[:, -1], np.cumsum(beyond, axis=1)[:, -1]


def chance_of(states: States, events: Column, phi: Column) -> Column:
    """Return the log of the chance of silences in which so many events were due."""
    waiting: Column = special.xlogy(1.0, waiting_p(events, shape_of(states)))
    found: Column = np.where(phi < 1e-6, waiting, -special.log1p(phi * events) / phi)
    return found


def shape_of(states: States) -> Column:
    """Return the shape of the gaps between a key's events: 1 where they come by chance, more where they come regularly."""
    known = days_of(states, np.arange(len(states))[:, None], np.arange(SLOTS)) >= STEADY_DAYS
    mean = np.cumsum(np.where(known, states[:, MEANS:SQUARES], 0.0), axis=1)[:, -1]
    variance = np.cumsum(np.where(known, states[:, SQUARES:], 0.0), axis=1)[:, -1] * STEADY_DAYS / (STEADY_DAYS - 1)
    return np.where(mean > 0.0, np.minimum(STEADY_MOST, np.maximum(1.0, mean / np.maximum(variance, 1e-9))), 1.0)


def power(chance: Column) -> Column:
    """Return chances out of their logs."""
    found: Column = special.exp10(np.maximum(-700.0, chance) / LN10)
    return found


def slot_of(at: Any) -> Any:
    """Return the slot of a time in ms, or of a column of them: hour of the day, weekends apart from working days."""
    return at % DAY // HOUR + 24 * ((at - MONDAY) // DAY % 7 >= 5)
