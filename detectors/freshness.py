"""A key that has gone quiet: how many events the silence should have held, by the key's own rate in each hour of the week.

With m events expected and counts of variance mu + phi mu², a silence has chance (1 + phi m)^(-1/phi) (negative binomial; e^-m for
Poisson). A feed that comes more regularly than chance would (hourly tallies) has gaps of gamma law, of shape mean / variance of its hours,
and is missed sooner. A feed that always comes in bursts has long silences by nature: the worst expected count a normal silence ever had is
remembered, fading over weeks, and a silence must be twice as bad. An hour nobody has seen yet expects nothing.
"""

from dataclasses import dataclass, field
from math import exp, log
from typing import Any, NamedTuple

from detectors.baseline import FIRST, short
from detectors.budget import Budget
from detectors.expectation import finite
from detectors.protocol import Plain, Verdict, versioned
from detectors.tail import waiting_p
from detectors.window import DAY, HOUR, MONDAY

VERSION = 1
VISITS = 2  # an hour counts once it was seen on so many days
MEMORY = 10.0  # days of the same slot
BURST = 2.0
HOLIDAY = 0.5  # a day off halves the traffic and is no fault
FADE = 0.98  # of the worst silence, per day
PHI_MOST = 0.5
STEADY_MOST = 8.0  # shape of the gaps of the most regular feed: not even a clock is trusted further
STEADY_DAYS = 4
LONGEST = 14 * 24  # hours of silence walked through; what is longer is long enough

Slot = list[Any]  # its number, days seen, events an hour, squared deviation
UNSEEN: Slot = [-1, 0.0, 0.0, 0.0]


class Silence(NamedTuple):
    """One evaluation of a key: its time, the window's length, events in the window, time of the last event ever; all times ms."""

    end: int
    window: int
    events: int
    last: int
    sla: int | None = None


@dataclass(slots=True)
class Freshness:
    """The detector of one key."""

    budget: Budget
    hour: int = 0  # the end of the hour being counted
    counted: float = 0.0
    since: int = 0  # when the key was first seen
    slots: dict[int, Slot] = field(default_factory=dict)
    worst: list[float] = field(default_factory=lambda: [1.0, 1.0])  # the worst two: one alone may have been a fault
    last: int = 0

    def missed(self, start: int, end: int) -> tuple[float, float]:
        """Return (events expected in [start, end), relative variance of such counts)."""
        total = spread = 0.0
        whole: dict[int, tuple[float, float]] = {}  # hours of one slot are alike
        at = max(start, end - LONGEST * HOUR)
        while at < end:
            after, slot = min(end, (at // HOUR + 1) * HOUR), slot_of(at)
            if after - at < HOUR:
                due = self._due(slot, after - at)
            elif slot in whole:
                due = whole[slot]
            else:
                due = whole[slot] = self._due(slot, HOUR)
            total += due[0]
            spread += due[1]
            at = after
        return total, min(PHI_MOST, spread / total) if total > 0.0 else 0.0

    def _due(self, number: int, length: int) -> tuple[float, float]:
        _, days, mean, square = self.slots.get(number, UNSEEN)
        if days < VISITS:
            return 0.0, 0.0
        part = mean * length / HOUR
        return part, part * max(0.0, square - mean) / (mean * mean) if mean > 0.0 else 0.0

    def _shape(self) -> float:
        """Return the shape of the gaps between events: 1 where they come by chance, more where they come regularly."""
        known = [slot for slot in self.slots.values() if slot[1] >= STEADY_DAYS]
        mean = sum(slot[2] for slot in known)
        variance = sum(slot[3] * STEADY_DAYS / (STEADY_DAYS - 1) for slot in known)
        return min(STEADY_MOST, max(1.0, mean / max(variance, 1e-9))) if mean > 0.0 else 1.0

    def score(self, seen: Silence) -> Verdict:
        """Judge the silence up to now; a breach of the SLA has p 0."""
        if not finite(float(seen.events)) or seen.last <= 0:
            return Verdict()
        age = max(0, seen.end - seen.last)
        if seen.sla is not None and age > seen.sla:
            return Verdict(0.0, age / seen.sla, age / 1000, seen.sla / 1000, learning=False)
        if self._few():
            return Verdict(observed=age / 1000, learning=seen.sla is None)  # within a stated SLA it is well, learnt or not
        if age < seen.window:
            return Verdict(observed=age / 1000, learning=False)  # shorter than anybody looks: never a silence
        missed, phi = self.missed(seen.last, seen.end)
        missed *= HOLIDAY
        chance = log(waiting_p(missed, self._shape())) if phi < 1e-6 else -log(1.0 + phi * missed) / phi
        bar = -log(self.budget.rate)
        if missed < BURST * self.worst[1]:
            chance = max(chance, -0.5 * bar)
        rate = missed / age * 1000.0 if age else 0.0
        usual = 1.0 / rate if rate > 0.0 else None
        return Verdict(exp(max(-700.0, chance)), -chance, age / 1000, usual, learning=False)

    def rests(self, now: int, until: Silence) -> bool:
        """Return whether a silence that lasts is surely untold up to `until`, an end in the hour that holds the evaluation at `now`, ms.

        Within an hour the missed events grow, and phi moves from one end's to the other's: the worst of both is worse than any between.
        Learning a silence changes nothing before the hour is over, so who rests need not be asked.
        """
        if self.score(until).p <= self.budget.level:
            return False
        if until.end - until.last < until.window or self._few():
            return True
        (_, before), (missed, after) = self.missed(until.last, now), self.missed(until.last, until.end)
        missed, phi = HOLIDAY * missed * (1.0 + 1e-9), min(before, after)
        chance = min(log(waiting_p(missed, self._shape())), -missed) if phi < 1e-6 else -log(1.0 + phi * missed) / phi
        return exp(max(-700.0, chance)) > self.budget.level

    def _few(self) -> bool:
        """Return whether too few hours are known to miss anything."""
        return sum([1 for slot in self.slots.values() if slot[1] >= VISITS]) < 6

    def learn(self, seen: Silence) -> None:
        """Take an evaluation in: hours that are over go to their slots, a silence that has ended may be the worst so far."""
        if not finite(float(seen.events)) or seen.last <= 0:
            return
        self.since = self.since or seen.last
        if self.last and seen.last - self.last > seen.window:
            missed = HOLIDAY * self.missed(self.last, seen.last)[0]
            self.worst = sorted([*self.worst, short(missed)], reverse=True)[:2]
        self.last = max(self.last, seen.last)
        hour = (seen.end - 1) // HOUR * HOUR + HOUR
        if self.hour and hour != self.hour:
            self._over(self.hour, self.counted)
            missing = min((hour - self.hour) // HOUR - 1, LONGEST)
            for step in range(1, missing + 1):
                self._over(self.hour + step * HOUR, 0.0)
            self.counted = 0.0
        self.hour = hour
        self.counted += seen.events

    def _over(self, end: int, count: float) -> None:
        if end - HOUR < self.since:
            return  # the hour it was first seen in is half an hour at best
        if end % DAY == 0:
            self.worst = [max(1.0, short(worst * FADE)) for worst in self.worst]
        number = slot_of(end - 1)
        _, days, expected, square = self.slots.get(number, UNSEEN)
        if days >= VISITS and count == 0.0 and expected >= 3.0:
            count = expected * 0.5  # a dead hour is a fault or a change: half is believed each day, so a change is accepted in days
        days += 1
        weight = 1.0 / min(MEMORY, days)
        error = count - expected
        mean = short(expected + weight * error)
        square = short(square + weight * (error * (count - mean) - square)) if days > 1 else 0.0
        self.slots[number] = [number, days, mean, square]  # a new one: states share the old

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        slots = sorted(self.slots.values(), key=FIRST)
        return [VERSION, self.hour, self.counted, self.since, slots, list(self.worst), self.last]

    @classmethod
    def of(cls, state: Plain, budget: Budget) -> "Freshness":
        """Return the detector of a state; raises StateVersionError."""
        hour, counted, since, slots, worst, last = versioned(state, VERSION)
        return cls(budget, hour, counted, since, {slot[0]: slot for slot in slots}, list(worst), last)


def slot_of(at: int) -> int:
    """Return the slot of a time in ms: hour of the day, weekends apart from working days."""
    return at % DAY // HOUR + (24 if (at - MONDAY) // DAY % 7 >= 5 else 0)
