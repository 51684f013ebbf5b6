"""What the next value of a series should be, under one season: a level and what each slot of the season adds to it.

Values: additive, winsorised exponential smoothing. Counts: forgetting sums of events and of what was expected, so that a row with little
volume weighs little; a slot multiplies the rate (volume-weighted, as the reference page asks).
"""

from dataclasses import dataclass, field

CLIP = 3.0  # a value moves a level by at most so many scales
LEVEL_ROWS = 120.0  # memory of the level
SLOT_VISITS = 8.0  # memory of a slot, in seasons
RATE_ROWS = 300.0  # memory of a rate, in rows
PRIOR = 4.0  # expected events by which a slot's factor is drawn to 1
MOST = 1e150  # a number at it or beyond is none that may be squared


@dataclass(slots=True)
class Smooth:
    """The expectation of a value under one season of `slots` slots; `cost` is its mean absolute error of late."""

    slots: int
    level: float = 0.0
    seen: int = 0
    cost: float = 0.0
    profile: list[float] = field(default_factory=list)
    visits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.profile = self.profile or [0.0] * self.slots
        self.visits = self.visits or [0] * self.slots

    def expected(self, slot: int) -> float:
        """Return what is expected in a slot."""
        return self.level + self.profile[slot]

    def learn(self, slot: int, value: float) -> None:
        """Take a value into the level, the slot and the cost."""
        self.seen += 1
        if self.seen == 1:
            self.level, self.visits[slot] = value, 1
            return
        error = value - self.level - self.profile[slot]
        bound = CLIP * self.cost if self.seen > 20 and self.cost > 0.0 else abs(error)
        clipped = min(bound, max(-bound, error))
        weight = 1.0 / min(self.seen, 100)
        self.cost += (min(abs(error), 2.0 * bound) - self.cost) * weight
        self.level += clipped / min(float(self.seen), LEVEL_ROWS)
        if self.slots > 1:
            self.visits[slot] += 1
            first = self.visits[slot] == 1
            move = error if first else clipped  # the first visit only says where the slot lies
            self.profile[slot] += move / min(float(self.visits[slot]), SLOT_VISITS) if not first else 0.7 * move


@dataclass(slots=True)
class Rate:
    """The expectation of a count out of an exposure under one season; `cost` is the mean absolute Anscombe residual of late."""

    slots: int
    events: float = 0.0
    exposure: float = 0.0
    seen: int = 0
    cost: float = 0.0
    profile: list[float] = field(default_factory=list)  # events seen in a slot, and
    visits: list[float] = field(default_factory=list)  # events the level expected there

    def __post_init__(self) -> None:
        self.profile = self.profile or [0.0] * self.slots
        self.visits = self.visits or [0.0] * self.slots

    def expected(self, slot: int, exposure: float) -> float:
        """Return the events expected out of an exposure in a slot."""
        if self.exposure <= 0.0:
            return 0.0
        factor = (self.profile[slot] + PRIOR) / (self.visits[slot] + PRIOR) if self.slots > 1 else 1.0
        return exposure * self.events / self.exposure * factor

    def learn(self, slot: int, events: float, exposure: float) -> None:
        """Take one row into the sums; its count is clipped at three standard deviations."""
        self.seen += 1
        mu = self.expected(slot, exposure)
        residual = anscombe(events, mu)
        self.cost += (min(abs(residual), 6.0) - self.cost) / min(self.seen, 100)
        if self.seen > 20:
            wide = CLIP * max(1.0, 1.25 * self.cost) * (mu + 1.0) ** 0.5
            events = min(mu + wide, max(mu - wide, events))
        keep = 1.0 - 1.0 / RATE_ROWS
        bare = exposure * self.events / self.exposure if self.exposure > 0.0 else events
        factor = mu / bare if bare > 0.0 and mu > 0.0 else 1.0
        self.events = self.events * keep + events / factor
        self.exposure = self.exposure * keep + exposure
        if self.slots > 1:
            fade = 1.0 - 1.0 / SLOT_VISITS
            self.profile[slot] = self.profile[slot] * fade + events
            self.visits[slot] = self.visits[slot] * fade + bare


def anscombe(count: float, mu: float) -> float:
    """Return the deviation of a Poisson count from its mean in standard deviations (Anscombe 1948); finite for any mean at or above 0."""
    return float(2.0 * ((max(count, 0.0) + 0.375) ** 0.5 - (max(mu, 0.0) + 0.375) ** 0.5))


def finite(value: float) -> bool:
    """Return whether a number may go anywhere near a detector; river panics on the others."""
    return -MOST < value < MOST
