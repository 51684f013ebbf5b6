"""The count a window should hold: a slow rate per exposure, times what its hour of the day and its kind of day usually make of it.

Forgetting sums of events and of what was expected, never means of rates, so a window with little volume weighs little. Slots are
wall-clock slots of event time (UTC), so a gap of days shifts nothing. Learning is winsorised at three standard deviations.

Over-dispersion is a coefficient of variation: Var = mu + (cv mu)², cv² from forgetting sums of z² - 1 and mu, so that a noisy busy hour
does not make the quiet ones blind. Rate and slots are known from so many events only, which adds to the variance of what is expected.
"""

from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from detectors.expectation import anscombe
from detectors.protocol import Plain, versioned
from detectors.window import DAY, HOUR, MONDAY

VERSION = 1
WARM_WINDOWS = 48
WARM_EVENTS = 30.0
CLIP = 3.0
PRIOR = 20.0  # expected events by which a slot's factor is drawn to 1
SLOT_DAYS = 14.0
WEEKEND = 24  # the slot behind the hours: Saturday and Sunday against the other days
SLOTS = 25
NOISE_MEMORY = 504.0  # windows: of scores that follow each other a few hundred are only some dozens
SQUARE_MOST = 12.0  # a z² beyond it, and beyond three spreads, says "fault" and not "noisy"

Slot = list[Any]  # its number, events, events the rate expected
UNSEEN: Slot = [-1, 0.0, 0.0]
FIRST = itemgetter(0)


@dataclass(slots=True)
class Baseline:
    """A rate and its season; `memory` is how many windows the rate remembers, `visits` how many windows an hour has, at least 1."""

    memory: float = 168.0
    windows: int = 0
    events: float = 0.0
    exposure: float = 0.0
    squares: float = 0.0  # forgetting sum of z² - 1
    means: float = 0.0  # forgetting sum of mu
    slots: dict[int, Slot] = field(default_factory=dict)
    visits: float = 1.0
    # What the state says of a window end is asked for several times a window: kept for one end, until something is learnt.
    _end: int | None = field(default=None, init=False, repr=False, compare=False)
    _season: tuple[float, ...] = field(default=(), init=False, repr=False, compare=False)
    _unsure: float = field(default=0.0, init=False, repr=False, compare=False)

    def expected(self, end: int, exposure: float) -> float:
        """Return the events expected of an exposure in the window that ends at `end` ms."""
        if self.exposure <= 0.0:
            return 0.0
        if end != self._end:
            self._look(end)
        found = exposure * self.events / self.exposure
        for factor in self._season:
            found *= factor
        return found

    def unsure(self, end: int) -> float:
        """Return the relative variance of what is expected in the window that ends at `end`."""
        if end != self._end:
            self._look(end)
        return self._unsure

    def _look(self, end: int) -> None:
        prior = self._prior
        pairs = [self.slots.get(slot, UNSEEN) for slot in slots_of(end)]
        self._unsure = 1.0 / (self.events + 1.0)
        for _, _, due in pairs:
            self._unsure += 1.0 / (prior + due)
        self._season = tuple([(seen + prior) / (due + prior) for _, seen, due in pairs])
        self._end = end

    @property
    def _prior(self) -> float:
        # The windows of one hour say together what one of an hour would: an hour of one day is no season yet.
        return PRIOR if self.visits == 1.0 else PRIOR + (self.visits - 1.0) * self.events / max(1.0, self.known)

    @property
    def settled(self) -> bool:
        """Return whether the rate is known well enough to weigh a mixture by it."""
        return self.windows >= WARM_WINDOWS // 2

    @property
    def warm(self) -> bool:
        """Return whether enough was seen to judge by."""
        return self.windows >= WARM_WINDOWS and self.events >= WARM_EVENTS

    def variation(self) -> float:
        """Return the squared coefficient of variation beyond Poisson noise."""
        return self.squares / self.means if self.squares > 0.0 and self.means > 0.0 else 0.0

    @property
    def known(self) -> float:
        """Return how many windows the rate is known from."""
        return min(self.memory, float(self.windows))

    def spread(self, mu: float, doubt: float = 0.0) -> float:
        """Return the standard deviation of the Anscombe deviation of a count of mean `mu`; `doubt` is further relative variance."""
        return float((1.0 + (self.variation() + doubt) * mu) ** 0.5)

    def winsorised(self, events: float, mu: float, doubt: float = 0.0) -> float:
        """Return a count at most three standard deviations from its mean; `doubt` is the relative variance of that mean."""
        wide = CLIP * float((mu + 1.0) ** 0.5) * self.spread(mu, doubt)
        return min(mu + wide, max(0.0, mu - wide, events))

    def learn(self, end: int, events: float, exposure: float, common: float = 1.0, doubt: float = 0.0) -> None:
        """Take a window in; `common` is what its siblings say moved everybody, and is not learnt, nor is its relative variance `doubt`."""
        if exposure <= 0.0:
            return
        bare = exposure * self.events / self.exposure if self.exposure > 0.0 else events
        if self.windows >= WARM_WINDOWS // 2:
            events = self._heed(end, events, self.expected(end, exposure) * common, doubt)
        self._end = None
        self.windows += 1
        events /= max(0.2, min(5.0, common))
        prior, shape, slots = self._prior, 1.0, slots_of(end)
        for slot in slots:
            _, seen, due = self.slots.get(slot, UNSEEN)
            shape *= (seen + prior) / (due + prior)
        keep = 1.0 - 1.0 / min(self.memory, float(self.windows))
        self.events = short(self.events * keep + events / shape)
        self.exposure = short(self.exposure * keep + exposure)
        prior = self._prior
        for slot in slots:
            _, seen, due = self.slots.get(slot, UNSEEN)
            others = shape / ((seen + prior) / (due + prior))
            fade = 1.0 - 1.0 / (self.visits * SLOT_DAYS * (1.0 if slot < WEEKEND else 12.0))
            self.slots[slot] = [slot, short(seen * fade + events), short(due * fade + bare * others)]  # a new one: states share the old

    def _heed(self, end: int, events: float, mu: float, doubt: float) -> float:
        """Take a window's noise in; return its events, winsorised."""
        deviation = anscombe(events, mu)
        most = max(SQUARE_MOST, (CLIP * self.spread(mu, doubt)) ** 2)
        keep = 1.0 - 1.0 / max(self.memory, NOISE_MEMORY)
        self.squares = self.squares * keep + min(most, deviation * deviation) - 1.0 - (self.unsure(end) + doubt) * mu
        self.means = self.means * keep + mu
        events = self.winsorised(events, mu, doubt)
        self.squares, self.means = short(self.squares), short(self.means)
        return events

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        slots = sorted(self.slots.values(), key=FIRST)
        return [VERSION, self.memory, self.windows, self.events, self.exposure, self.squares, self.means, slots]

    @classmethod
    def of(cls, state: Plain, visits: float = 1.0) -> "Baseline":
        """Return the baseline of a state; raises StateVersionError."""
        memory, windows, events, exposure, squares, means, slots = versioned(state, VERSION)
        return cls(memory, windows, events, exposure, squares, means, {slot[0]: slot for slot in slots}, visits)


def visits_of(window: int) -> float:
    """Return how many windows of so many ms an hour has, 1 for longer ones: a slot remembers days, however often it is visited."""
    return max(1.0, HOUR / window)


def slots_of(end: int) -> tuple[int, ...]:
    """Return the slots of a window by its end, ms: its hour of the day, and the weekend where it lies there."""
    at = end - 1
    hour = at % DAY // HOUR
    return (hour, WEEKEND) if (at - MONDAY) // DAY % 7 >= 5 else (hour,)


def short(number: float) -> float:
    """Return a number with seven significant digits: what is lost is far below the noise, and a row is half as long.

    Numbers are shortened where they are learnt, so that a detector which lives and one rebuilt from its row are the same to the last bit.
    What `float(f"{number:.7g}")` says, in half the time: a scaled number that is no tie is rounded to the integer the text would show, and
    an integer over a power of ten, both exact, is the double nearest to that text.
    """
    size = number if number >= 0.0 else -number
    if 1.0 <= size < 1e5:
        scale = 1e6 if size < 10.0 else 1e5 if size < 100.0 else 1e4 if size < 1e3 else 1e3 if size < 1e4 else 1e2
    elif 1e-3 <= size < 1.0:
        scale = 1e7 if size >= 0.1 else 1e8 if size >= 0.01 else 1e9
    else:
        return float(f"{number:.7g}")
    scaled = number * scale
    whole = round(scaled)
    return whole / scale if -0.499999 < scaled - whole < 0.499999 else float(f"{number:.7g}")
