"""One score for any series: how unusual each row is for its own series, given only the rows before it.

    row ─► expectation (no season, clock slots, found period: the best of late) ─► residual ─┬─► itself, and what its persistence leaves
                                                                                            ├─► its mean of 18 rows; its level's of 12, 48
                                                                                            └─► its steps: wilder or calmer than usual
    value ─► above or below all that was, itself and its mean of 12 rows; the same value again and again
    each number ─► how rare in its own past (`detectors.peak`) ─► evidence, -log10 p ─► told at its beginning (`detectors.refractory`)

The evidence of a row is that of its rarest aspect, and two fifths of the second's and third's. The score is 0.5 at `HALF`; the
first row of a surprise that reaches it is the breach.
The past of a residual is that of residuals from the same season: what a level has left unexplained, every morning, says nothing of what
is rare now that the hour of the day is known.
The residual of a value is its difference from the expectation in its slot's mean errors, of a count its Anscombe deviation. What its
persistence (lag-one autocorrelation) leaves judges a wandering series by its steps, the residual a noisy one by its values. An aspect's
evidence is a tail probability in the series' own past, so one threshold means about the same rate of false alarms in all series.

`score` never learns; `learn` takes what `score` has found. All state is bounded.
"""

from dataclasses import dataclass, field
from math import log, log10

from detectors.expectation import LEVEL_ROWS, WHOLE, Place, Rate, Smooth, anscombe, finite
from detectors.peak import Peak
from detectors.refractory import Refractory
from detectors.season import DAY_S, WEEK_S, Period, clock_phase

WARM = 40  # rows before anything is said
GROWN = 120  # rows before it is said in full: a young tail is a guess
HALF = 6.0  # evidence at which the score is 0.5 and the row a breach
OTHERS = 0.4  # what the second and the third rarest aspect add
SEASON_GAIN = 1.04  # a season must err so much less than none
SHORT, LONG = 12.0, 48.0  # rows of the means that show a shift and a drift
REFERENCE_ROWS = 400.0  # memory of the level a shift is measured from
RECENT_ROWS, USUAL_ROWS = 10.0, 200.0  # steps of late, and the usual ones
SLOW_ROWS = 500.0  # memory of the level extremes are measured from
LASTING = 18.0  # rows of the mean of residuals
CLIP, LARGE = 6.0, 10.0  # mean errors a residual counts for in a level, in the mean of residuals
OUTLIER = 8.0  # mean errors a residual is carried on for at most
SAME_LEAST = 0.3  # a repeated value is never rarer than that: many instruments repeat themselves
FLOOR = 1e-6  # what never moved is judged at a millionth of its size
CLOCK = {"day": DAY_S, "week": WEEK_S}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a row showed, on which it is judged and which is learnt."""

    place: Place
    name: str  # of the season
    residual: float
    level: float  # the season taken out
    short: float  # running means of the level
    long: float
    brief: float  # running mean of the value
    lasting: float  # and of the residual in mean errors of its slot
    step: float
    recent: float
    repeats: int
    statistics: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one row was: what was expected in its place, its score, and whether a breach begins there."""

    expected: float | None
    score: float
    breach: bool
    evidence: float = 0.0  # -log10 p, whatever came before
    seen: Seen | None = None


def of_value() -> tuple[Peak, ...]:
    """Return a tail for each statistic that knows no season, none learnt: wild, calm, same, above, below, away."""
    return Peak(), Peak(), Peak(), Peak(), Peak(), Peak()


def of_seasons() -> dict[str, tuple[Peak, ...]]:
    """Return a tail for each statistic of a season's residual, none learnt: value, step, lasting, shift, drift."""
    slow = {"gap": 10, "longest": 100, "apart": 5.0, "light": True}
    names = ("flat", *CLOCK, "period")
    return {name: (Peak(), Peak(), Peak(), Peak(**slow), Peak(**slow)) for name in names}  # type: ignore[arg-type]


@dataclass(slots=True)
class Series:
    """A scorer of one series of values, or of counts out of an exposure (`counts`)."""

    counts: bool = False
    rows: int = 0  # rows learnt
    place: int = 0  # rows seen, holes included
    models: dict[str, Smooth | Rate] = field(default_factory=dict)
    period: Period = field(default_factory=Period)
    seasonal: dict[str, tuple[Peak, ...]] = field(default_factory=of_seasons)
    tails: tuple[Peak, ...] = field(default_factory=of_value)
    refractory: Refractory = field(default_factory=lambda: Refractory(HALF))
    time_s: float | None = None  # the latest
    step_s: float = 0.0  # usual step of time
    value: float = 0.0  # the one before, of a count its residual
    size: float = 0.0  # mean absolute value
    residual: float = 0.0  # the one before, and clipped
    carried: float = 0.0
    power: float = 0.0
    product: float = 0.0
    spread: float = 0.0
    short: float = 0.0
    long: float = 0.0
    brief: float = 0.0
    lasting: float = 0.0
    reference: float = 0.0
    usual: float = 0.0
    recent: float = 0.0
    slow: float = 0.0  # level of long
    wide: float = 0.0  # mean distance from it
    repeats: int = 0  # the value's repetitions so far
    same: int = 0  # rows that repeated the one before
    holes: int = 0  # since the last row that could be judged

    def score(self, value: float, exposure: float | None, time_s: float | None) -> Judged:
        """Judge one row; a value that is no finite number scores 0. Exposure is for counts, time is epoch seconds or None."""
        name, at = self._best(time_s)
        expected = self._expected(name, at, exposure)
        if expected is None or not self._usable(value, exposure):
            return Judged(expected, 0.0, breach=False)
        seen = self._look(name, at, value, expected)
        if self.rows < WARM:
            return Judged(expected, 0.0, breach=False, seen=seen)
        evidence = self._evidence(seen)
        said = self.refractory.said(evidence)
        return Judged(expected, 1.0 - 0.5 ** (said / HALF), said >= HALF and not self.refractory.told(), evidence, seen)

    def learn(self, value: float, exposure: float | None, time_s: float | None, judged: Judged) -> None:
        """Take one row in, with what was said of it; one that is no finite number only keeps its place in a season."""
        if time_s is not None and finite(time_s):
            self._pace(time_s)
        if self._usable(value, exposure):
            if judged.seen is not None:
                self._learn_seen(judged.seen, value)
            else:
                self._begin(value)
            self.refractory.learn(judged.evidence)
            self.rows += 1
            self.size += (abs(value) - self.size) / min(self.rows, 500)
            self._learn_models(value, exposure, time_s)
            self.holes = 0
        else:
            self.holes += 1
            if judged.expected is not None and not self.counts and self.period.learn(judged.expected):
                self._adopt()
        self.place += 1

    def _look(self, name: str, at: Place, value: float, expected: float) -> Seen:
        model = self.models[name]
        floor = self._floor()
        if isinstance(model, Smooth):
            residual, usual, base, own = value - expected, max(model.cost, floor), model.base(), max(model.spread(at), floor)
        else:
            residual, usual, base, own, value = anscombe(value, expected), max(model.cost, floor), 0.0, max(model.cost, floor), 0.0
            value = residual
        level = base + max(-CLIP * usual, min(CLIP * usual, residual))
        short, long = self.short + (level - self.short) / SHORT, self.long + (level - self.long) / LONG
        lasting = self.lasting + (max(-LARGE, min(LARGE, residual / own)) - self.lasting) / min(self.rows, LASTING)
        brief = self.brief + (value - self.brief) / SHORT
        step = self.usual if self.holes else abs(residual - self.residual)  # a step over a hole says nothing
        recent = self.recent + (min(step, 20.0 * self.usual + floor) - self.recent) / min(max(1.0, self.rows), RECENT_ROWS)
        wildness = log((recent + 1e-3 * self.usual + 1e-300) / (1.001 * self.usual + 1e-300)) if self.rows > 1 else 0.0
        repeats = self.repeats + 1 if value == self.value and not self.counts and not self.holes else 0
        wide = max(self.wide, floor)
        statistics = (
            abs(residual) / own,
            abs(residual - self._persistence() ** (1 + self.holes) * self.carried) / own,
            abs(lasting),
            abs(short - self.reference) / usual,
            abs(long - self.reference) / usual,
            max(0.0, wildness),
            max(0.0, -wildness),
            log(1.0 + repeats),
            max(0.0, value - self.slow) / wide,
            max(0.0, self.slow - value) / wide,
            abs(brief - self.slow) / wide,
        )
        return Seen(
            at, name, residual, level, short, long, brief, lasting, step, recent, repeats, tuple([min(1e6, one) for one in statistics])
        )

    def _evidence(self, seen: Seen) -> float:
        each = [tail.evidence(one) for tail, one in zip(self._tails(seen), seen.statistics, strict=True)]
        value, step, lasting, shift, drift, wild, calm, same, above, below, away = each
        same = min(same, -seen.repeats * log10(max(SAME_LEAST, (self.same + 1.0) / (self.rows + 1.0))))
        each = [max(value, step), max(lasting, shift, drift), max(above, below), away, wild, calm, same]
        each.sort(reverse=True)
        return min(1.0, self.rows / GROWN) * (each[0] + OTHERS * (each[1] + each[2]))

    def _tails(self, seen: Seen) -> tuple[Peak, ...]:
        return self.seasonal[seen.name] + self.tails

    def _begin(self, value: float) -> None:
        if not self.counts:
            self.value = self.short = self.long = self.brief = self.reference = self.slow = value

    def _learn_seen(self, seen: Seen, value: float) -> None:
        if self.rows >= WARM // 2:
            for tail, number in zip(self._tails(seen), seen.statistics, strict=True):
                tail.learn(number)
        rows = float(self.rows)
        self.short, self.long, self.brief = seen.short, seen.long, seen.brief
        self.lasting, self.recent = seen.lasting, seen.recent
        self.reference += (seen.long - self.reference) / min(rows, REFERENCE_ROWS)
        bound = 10.0 * self.usual if rows > WARM // 2 and self.usual > 0.0 else seen.step
        self.usual += (min(seen.step, bound) - self.usual) / min(rows, USUAL_ROWS)
        shown = seen.residual if self.counts else value
        away = abs(shown - self.slow)
        self.wide += (min(away, CLIP * self.wide if rows > WARM and self.wide > 0.0 else away) - self.wide) / min(rows, SLOW_ROWS)
        self.slow += (shown - self.slow) / min(rows + 1.0, SLOW_ROWS)
        self._correlate(seen.residual)
        self.same += seen.repeats > 0
        self.repeats = seen.repeats
        bound = OUTLIER * max(self.spread, self._floor())  # the way back from a spike is no second one
        self.carried = min(bound, max(-bound, seen.residual))
        self.residual = seen.residual
        self.value = seen.residual if self.counts else value

    def _correlate(self, residual: float) -> None:
        bound = CLIP * self.spread if self.rows > WARM else abs(residual) + abs(self.carried)
        now, was = min(bound, max(-bound, residual)), min(bound, max(-bound, self.carried))
        weight = 1.0 / min(float(self.rows), USUAL_ROWS)
        self.power += (was * was - self.power) * weight
        self.product += (now * was - self.product) * weight
        self.spread += (abs(now) - self.spread) * weight

    def _persistence(self) -> float:
        return min(0.99, max(0.0, self.product / self.power)) if self.power > 0.0 and self.rows > WARM else 0.0

    def _floor(self) -> float:
        return 1.0 if self.counts else FLOOR * self.size + 1e-300

    def _usable(self, value: float, exposure: float | None) -> bool:
        if not self.counts:
            return finite(value)
        return exposure is not None and finite(value) and finite(exposure) and exposure > 0.0 and value >= 0.0

    def _pace(self, time_s: float) -> None:
        """Follow the usual step of time, and with it how many rows a slot gets in a season."""
        if self.time_s is not None and time_s > self.time_s:
            step = time_s - self.time_s
            if step != self.step_s:
                self.step_s += (min(step, 3.0 * self.step_s) - self.step_s) / 50.0 if self.step_s else step
                self._paced()
        if self.time_s is None or time_s > self.time_s:
            self.time_s = time_s

    def _paced(self) -> None:
        for name, season_s in CLOCK.items():
            model = self.models.get(name)
            if model is not None and self.step_s:
                model.pace = max(1.0, season_s / self.step_s / model.slots)
            if isinstance(model, Smooth) and self.step_s:
                model.level_rows = max(LEVEL_ROWS, DAY_S / self.step_s)

    def _place(self, name: str, model: Smooth | Rate, time_s: float | None) -> Place | None:
        if name == "flat":
            return WHOLE
        if name == "period":
            slot = self.place % self.period.length
            return Place(slot, slot, 0.0)
        if time_s is None or not finite(time_s):
            return None
        return model.place(clock_phase(time_s, CLOCK[name]))

    def _best(self, time_s: float | None) -> tuple[str, Place]:
        best, least = ("flat", WHOLE), float("inf")
        for name, model in self.models.items():
            at = self._place(name, model, time_s)
            if at is None or not model.ripe(at):
                continue
            cost = model.cost if name == "flat" else model.cost * SEASON_GAIN  # the simpler one where they are as good
            if cost < least:
                best, least = (name, at), cost
        return best

    def _expected(self, name: str, at: Place, exposure: float | None) -> float | None:
        model = self.models.get(name)
        if model is None or not model.seen:
            return None
        if isinstance(model, Smooth):
            return model.expected(at)
        return model.expected(at, exposure) if exposure is not None and finite(exposure) and exposure > 0.0 else None

    def _learn_models(self, value: float, exposure: float | None, time_s: float | None) -> None:
        kind = Rate if self.counts else Smooth
        if not self.models:
            self.models = {"flat": kind(1)}
        if time_s is not None and "day" not in self.models:
            self.models |= {"day": kind(24), "week": kind(168)}
            self._paced()
        for name, model in self.models.items():
            at = self._place(name, model, time_s)
            if at is None or (name in CLOCK and not self.step_s):  # how many rows a slot gets is not known yet
                continue
            if isinstance(model, Smooth):
                model.learn(at, value)
            else:
                model.learn(at, value, exposure or 0.0)
        if not self.counts and self.period.learn(value):
            self._adopt()

    def _adopt(self) -> None:
        """Start the season of a period just found by replaying the rows kept: all of them came before."""
        length = self.period.length
        model, kept = Smooth(length, level_rows=max(LEVEL_ROWS, float(length))), self.period.recent
        first = self.place + 1 - len(kept)
        for place, value in enumerate(kept):
            slot = (first + place) % length
            model.learn(Place(slot, slot, 0.0), value)
        self.models["period"] = model
