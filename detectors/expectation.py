"""What the next value of a series should be, under one season: a level and what each slot of the season adds to it.

Values: additive, winsorised exponential smoothing, a line drawn between the slots' centres. Counts: forgetting sums of events and of what
was expected, so that a row with little volume weighs little; a slot multiplies the rate (volume-weighted, as the reference page asks).
A slot remembers seasons, not rows: the rows that fall into it in one season (`pace`) count as one visit together. Otherwise a
slot of many rows follows whatever happens within the hour, and there is no anomaly left to see.
"""

from dataclasses import dataclass, field

CLIP = 5.0  # a value moves a level by at most so many mean errors
LEVEL_ROWS = 120.0  # least memory of the level
COST_ROWS = 200.0
SLOT_VISITS = 8.0  # memory of a slot, in seasons
SPREAD_VISITS, SPREAD_PRIOR = 30.0, 4.0  # memory of a slot's own mean error in rows, and what the series' counts for in it
RIPE = 2.0  # seasons seen before one is relied on: fewer in some slots only, and a row of an hour would have another model than the next
RATE_ROWS = 300.0  # memory of a rate, in rows
PRIOR = 4.0  # expected events by which a slot's factor is drawn to 1
MOST = 1e150  # a number at it or beyond is none that may be squared


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a season a row lies: between two slots, `share` of the way to the second."""

    first: int
    second: int
    share: float

    @property
    def nearest(self) -> int:
        """The slot whose centre is nearer."""
        return self.first if self.share < 0.5 else self.second


WHOLE = Place(0, 0, 0.0)


@dataclass(slots=True)
class Smooth:
    """The expectation of a value under one season of `slots` slots; `cost` is its mean absolute error of late."""

    slots: int
    pace: float = 1.0  # rows that fall into a slot in one season
    level_rows: float = LEVEL_ROWS
    level: float = 0.0
    seen: int = 0
    cost: float = 0.0
    total: float = 0.0  # sum of the profile
    filled: int = 0  # slots ever visited
    turns: float = 0.0  # visits in all
    profile: list[float] = field(default_factory=list)
    visits: list[float] = field(default_factory=list)
    errors: list[tuple[float, float]] = field(default_factory=list)  # rows and mean absolute error of each slot

    def __post_init__(self) -> None:
        self.profile = self.profile or [0.0] * self.slots
        self.visits = self.visits or [0.0] * self.slots
        self.errors = self.errors or [(0.0, 0.0)] * self.slots

    def place(self, phase: float) -> Place:
        """Return where a phase in [0, 1) lies; the rows of a series with one slot are all in it."""
        if self.slots == 1:
            return WHOLE
        at = phase * self.slots
        first = int(at)
        return Place(first % self.slots, (first + 1) % self.slots, at - first)

    def ripe(self, at: Place) -> bool:
        """Return whether enough seasons were seen, and the place in one of them."""
        if self.slots == 1:
            return True
        return self.turns >= RIPE * self.filled and (self.visits[at.first] > 0.0 or self.visits[at.second] > 0.0)

    def expected(self, at: Place) -> float:
        """Return what is expected at a place."""
        if self.slots == 1:
            return self.level
        share = at.share if self.visits[at.first] and self.visits[at.second] else float(not self.visits[at.first])
        return self.level + self.profile[at.first] * (1.0 - share) + self.profile[at.second] * share

    def base(self) -> float:
        """Return the level with the season taken out: a mean over the season."""
        return self.level + self.total / self.filled if self.filled else self.level

    def spread(self, at: Place) -> float:
        """Return the mean absolute error to be expected at a place: nights may be calmer than days."""
        if self.slots == 1:
            return self.cost
        rows, error = self.errors[at.nearest]
        return (rows * error + SPREAD_PRIOR * self.cost) / (rows + SPREAD_PRIOR)

    def learn(self, at: Place, value: float) -> None:
        """Take a value into the level, the slots and the cost."""
        self.seen += 1
        if self.seen == 1:
            self.level = value
        error = value - self.expected(at)
        bound = CLIP * self.cost if self.seen > 20 and self.cost > 0.0 else abs(error)
        clipped = error if -bound < error < bound else bound if error > 0.0 else -bound
        size = min(abs(error), 2.0 * bound)
        self.cost += (size - self.cost) / min(float(self.seen), COST_ROWS)
        self.level += clipped / min(float(self.seen), self.level_rows)
        if self.slots == 1:
            return
        rows, mean = self.errors[at.nearest]
        rows = min(rows + 1.0, SPREAD_VISITS)
        self.errors[at.nearest] = (rows, mean + (size - mean) / rows)
        for slot, share in ((at.first, 1.0 - at.share), (at.second, at.share)):
            if share <= 0.0:
                continue
            before = self.profile[slot]
            if not self.visits[slot]:
                self.profile[slot] = value - self.level  # the first visit says where the slot lies
                self.filled += 1
            self.visits[slot] += share / self.pace
            self.turns += share / self.pace
            self.profile[slot] += clipped * share / max(1.0, self.pace * min(self.visits[slot], SLOT_VISITS))
            self.total += self.profile[slot] - before


@dataclass(slots=True)
class Rate:
    """The expectation of a count out of an exposure under one season; `cost` is the mean absolute Anscombe residual of late."""

    slots: int
    pace: float = 1.0
    events: float = 0.0
    exposure: float = 0.0
    seen: int = 0
    cost: float = 0.0
    filled: int = 0
    turns: float = 0.0
    profile: list[float] = field(default_factory=list)  # events seen in a slot, and
    bare: list[float] = field(default_factory=list)  # events the level expected there
    visits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.profile = self.profile or [0.0] * self.slots
        self.bare = self.bare or [0.0] * self.slots
        self.visits = self.visits or [0.0] * self.slots

    def place(self, phase: float) -> Place:
        """Return where a phase in [0, 1) lies: in one slot."""
        slot = int(phase * self.slots) % self.slots
        return Place(slot, slot, 0.0)

    def ripe(self, at: Place) -> bool:
        """Return whether enough seasons were seen, and the place in one of them."""
        return self.slots == 1 or (self.turns >= RIPE * self.filled and self.visits[at.first] > 0.0)

    def expected(self, at: Place, exposure: float) -> float:
        """Return the events expected out of an exposure at a place."""
        if self.exposure <= 0.0:
            return 0.0
        slot = at.first
        factor = (self.profile[slot] + PRIOR) / (self.bare[slot] + PRIOR) if self.slots > 1 else 1.0
        return exposure * self.events / self.exposure * factor

    def learn(self, at: Place, events: float, exposure: float) -> None:
        """Take one row into the sums; its count is clipped at five standard deviations."""
        self.seen += 1
        mu = self.expected(at, exposure)
        residual = anscombe(events, mu)
        self.cost += (min(abs(residual), 6.0) - self.cost) / min(float(self.seen), COST_ROWS)
        if self.seen > 20:
            wide = CLIP * max(1.0, 1.25 * self.cost) * (mu + 1.0) ** 0.5
            events = min(mu + wide, max(mu - wide, events))
        keep = 1.0 - 1.0 / RATE_ROWS
        bare = exposure * self.events / self.exposure if self.exposure > 0.0 else events
        factor = mu / bare if bare > 0.0 and mu > 0.0 else 1.0
        self.events = self.events * keep + events / factor
        self.exposure = self.exposure * keep + exposure
        if self.slots > 1:
            slot, fade = at.first, 1.0 - 1.0 / (SLOT_VISITS * self.pace)
            self.profile[slot] = self.profile[slot] * fade + events
            self.bare[slot] = self.bare[slot] * fade + bare
            self.filled += not self.visits[slot]
            self.visits[slot] += 1.0 / self.pace
            self.turns += 1.0 / self.pace


def anscombe(count: float, mu: float) -> float:
    """Return the deviation of a Poisson count from its mean in standard deviations (Anscombe 1948); finite for any mean at or above 0."""
    return float(2.0 * ((max(count, 0.0) + 0.375) ** 0.5 - (max(mu, 0.0) + 0.375) ** 0.5))


def finite(value: float) -> bool:
    """Return whether a number may go anywhere near a detector; river panics on the others."""
    return -MOST < value < MOST
