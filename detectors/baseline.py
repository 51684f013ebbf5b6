"""The count a window should hold: a slow rate per exposure, times what its hour of the day and its kind of day usually make of it.

Forgetting sums of events and of what was expected, never means of rates, so a window with little volume weighs little. Slots are
wall-clock slots of event time (UTC), so a gap of days shifts nothing. Learning is winsorised at three standard deviations.

Over-dispersion is a coefficient of variation: Var = mu + (cv mu)², cv² from forgetting sums of z² - 1 and mu, so that a noisy busy hour
does not make the quiet ones blind. Rate and slots are known from so many events only, which adds to the variance of what is expected.
"""

from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Baseline:
    """A rate and its season; `memory` is how many windows the rate remembers, `visits` how many windows an hour has, at least 1."""

    memory: float = 168.0
    windows: int = 0
    events: float = 0.0
    exposure: float = 0.0
    squares: float = 0.0  # forgetting sum of z² - 1
    means: float = 0.0  # forgetting sum of mu
    slots: dict[int, list[float]] = field(default_factory=dict)  # slot -> [events, events the rate expected]
    visits: float = 1.0

    def expected(self, end: int, exposure: float) -> float:
        """Return the events expected of an exposure in the window that ends at `end` ms."""
        if self.exposure <= 0.0:
            return 0.0
        found = exposure * self.events / self.exposure
        for slot in slots_of(end):
            found *= self._factor(slot)
        return found

    def _factor(self, slot: int) -> float:
        pair = self.slots.get(slot)
        return 1.0 if pair is None else (pair[0] + self._prior) / (pair[1] + self._prior)

    @property
    def _prior(self) -> float:
        # The windows of one hour say together what one of an hour would: an hour of one day is no season yet.
        return PRIOR + (self.visits - 1.0) * self.events / max(1.0, self.known)

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
        return max(0.0, self.squares / self.means) if self.means > 0.0 else 0.0

    def unsure(self, end: int) -> float:
        """Return the relative variance of what is expected in the window that ends at `end`."""
        found = 1.0 / (self.events + 1.0)
        for slot in slots_of(end):
            pair = self.slots.get(slot)
            found += 1.0 / (self._prior + (pair[1] if pair is not None else 0.0))
        return found

    @property
    def known(self) -> float:
        """Return how many windows the rate is known from."""
        return min(self.memory, float(self.windows))

    def spread(self, mu: float, doubt: float = 0.0) -> float:
        """Return the standard deviation of the Anscombe deviation of a count of mean `mu`; `doubt` is further relative variance."""
        return float((1.0 + (self.variation() + doubt) * mu) ** 0.5)

    def learn(self, end: int, events: float, exposure: float, common: float = 1.0) -> None:
        """Take a window in; `common` is what its siblings say moved everybody, and is not learnt."""
        if exposure <= 0.0:
            return
        bare = exposure * self.events / self.exposure if self.exposure > 0.0 else events
        mu = self.expected(end, exposure) * common
        if self.windows >= WARM_WINDOWS // 2:
            deviation = anscombe(events, mu)
            most = max(SQUARE_MOST, (CLIP * self.spread(mu)) ** 2)
            keep = 1.0 - 1.0 / max(self.memory, NOISE_MEMORY)
            self.squares = self.squares * keep + min(most, deviation * deviation) - 1.0 - self.unsure(end) * mu
            self.means = self.means * keep + mu
            wide = CLIP * (mu + 1.0) ** 0.5 * self.spread(mu)
            events = min(mu + wide, max(0.0, mu - wide, events))
            self.squares, self.means = short(self.squares), short(self.means)
        self.windows += 1
        events /= max(0.2, min(5.0, common))
        shape = 1.0
        for slot in slots_of(end):
            shape *= self._factor(slot)
        keep = 1.0 - 1.0 / min(self.memory, float(self.windows))
        self.events = short(self.events * keep + events / shape)
        self.exposure = short(self.exposure * keep + exposure)
        for slot in slots_of(end):
            pair = self.slots.setdefault(slot, [0.0, 0.0])
            others = shape / self._factor(slot)
            fade = 1.0 - 1.0 / (self.visits * SLOT_DAYS * (1.0 if slot < WEEKEND else 12.0))
            pair[0] = short(pair[0] * fade + events)
            pair[1] = short(pair[1] * fade + bare * others)

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        slots = [[slot, *pair] for slot, pair in sorted(self.slots.items())]
        return [VERSION, self.memory, self.windows, self.events, self.exposure, self.squares, self.means, slots]

    @classmethod
    def of(cls, state: Plain, visits: float = 1.0) -> "Baseline":
        """Return the baseline of a state; raises StateVersionError."""
        memory, windows, events, exposure, squares, means, slots = versioned(state, VERSION)
        return cls(memory, windows, events, exposure, squares, means, {slot: [seen, due] for slot, seen, due in slots}, visits)


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
    """
    return float(f"{number:.7g}")
