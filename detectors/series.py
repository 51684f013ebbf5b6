"""One score for any series: how unusual each row is for its own series, given only the rows before it.

    row ─► expectation (no season, clock slots, found period: the best of late) ─► residual ─┬─► innovation ─► rarity of a point
                                                                                            └─► its running mean ─► rarity of a shift
    value ─► above, below its slow level; its roughness (gone flat, gone wild) ─► rarity by peaks over threshold (`detectors.peak`)
    evidence = the rarest of these and a fifth of the second; score 0.5 at `HALF` decimal orders

What follows a surprise within a twentieth of the rows so far is the same surprise: unless it is rarer, a quarter of it counts.

`score` never learns, `learn` never scores. The residual of a value is its difference from the expectation, of a count its Anscombe
deviation.
The innovation is what the residual's own persistence (lag-one autocorrelation) does not explain, so a wandering series is judged by
its steps and a noisy one by its values.
"""

from dataclasses import dataclass, field
from math import log

from detectors.exceedance import Exceedance, score_of
from detectors.expectation import Rate, Smooth, anscombe, finite
from detectors.peak import Peak
from detectors.season import DAY_S, WEEK_S, Period, clock_slot

WARM = 40  # rows before anything is said
HALF = 4.0  # evidence at which the score is 0.5 and the row a breach
SECOND = 0.2  # what the second rarest adds
SHADOW_LEAST, SHADOW_SHARE, ECHO = 30, 20, 0.25  # rows a surprise covers: a twentieth of those so far
LEVEL_ROWS, STEPS_ROWS, STEPS_LATE = 500.0, 200.0, 10.0  # memory of the slow level, of the usual step and of the late one
SHIFT = 1.0 / 12.0  # the running mean's weight of the newest residual
REFERENCE_ROWS = 300.0  # memory of the level a shift is measured from; where a breach's shadow ends the new level is accepted
SCALE_ROWS = 200.0
CLIP = 6.0
FLOOR = 1e-3  # a series that never moved is judged at a thousandth of its level


@dataclass(frozen=True, slots=True)
class Judged:
    """What one row was: what was expected in its place, its score, and whether it is a breach."""

    expected: float | None
    score: float
    breach: bool
    evidence: float = 0.0  # -log10 p, the shadow left out


@dataclass(slots=True)
class Channel:
    """A residual made comparable: divided by its own running scale, judged by its own tail."""

    scale: float = 0.0
    seen: int = 0
    rows: float = SCALE_ROWS  # memory of the scale
    tail: Exceedance = field(default_factory=Exceedance)

    def deviation(self, residual: float, floor: float) -> float:
        """Return a residual in (roughly normal) standard deviations."""
        return min(1e6, abs(residual) / max(1.2533 * self.scale, floor))

    def learn(self, residual: float, floor: float) -> None:
        """Take a residual into tail and scale."""
        size = abs(residual)
        if self.seen >= WARM // 2:
            self.tail.learn(self.deviation(residual, floor))
            size = min(size, max(CLIP * self.scale, floor))
        self.seen += 1
        self.scale += (size - self.scale) / min(float(self.seen), self.rows)


@dataclass(slots=True)
class Extent:
    """How far a value is from the slow level, each way, and how rough the series is against how rough it used to be."""

    rows: int = 0
    before: float = 0.0
    level: float = 0.0
    usual: float = 0.0  # mean step
    late: float = 0.0
    peaks: tuple[Peak, Peak, Peak] = field(default_factory=lambda: (Peak(), Peak(), Peak()))

    def _statistics(self, value: float) -> tuple[float, float, float]:
        step = abs(value - self.before)
        usual = self.usual + (step - self.usual) / STEPS_ROWS
        late = self.late + (step - self.late) / STEPS_LATE
        floor = FLOOR * usual + 1e-12
        return value - self.level, self.level - value, abs(log((late + floor) / (usual + floor)))

    def evidence(self, value: float) -> tuple[float, ...]:
        """Return -log10 p of each of the three; learns nothing."""
        if not self.rows:
            return (0.0, 0.0, 0.0)
        return tuple(peak.evidence(number) for peak, number in zip(self.peaks, self._statistics(value), strict=True))

    def learn(self, value: float) -> None:
        """Take one value in."""
        if not self.rows:
            self.level = value
        else:
            for peak, number in zip(self.peaks, self._statistics(value), strict=True):
                peak.learn(number)
            step = abs(value - self.before)
            self.usual += (step - self.usual) / (STEPS_ROWS if self.rows > 1 else 1.0)
            self.late += (step - self.late) / (STEPS_LATE if self.rows > 1 else 1.0)
            self.level += (value - self.level) / min(self.rows + 1.0, LEVEL_ROWS)
        self.rows += 1
        self.before = value


@dataclass(slots=True)
class Series:
    """A scorer of one series of values, or of counts out of an exposure (`counts`)."""

    counts: bool = False
    rows: int = 0  # rows learnt
    place: int = 0  # rows seen, holes included
    models: dict[str, Smooth | Rate] = field(default_factory=dict)
    period: Period = field(default_factory=Period)
    point: Channel = field(default_factory=Channel)
    # What is away stays away for many rows: learnt slowly, or a shift would be normal before it is seen.
    shift: Channel = field(default_factory=lambda: Channel(rows=1000.0, tail=Exceedance(step=0.004)))
    before: float = 0.0  # the residual before this row
    mean: float = 0.0  # running mean of the level without season
    reference: float = 0.0  # the same, slow
    power: float = 0.0
    product: float = 0.0
    size: float = 0.0
    spread: float = 0.0
    extent: Extent = field(default_factory=Extent)  # of values only: a share's extent is its exposure's
    shadow: float = 0.0  # the rarest evidence that later rows stand in the shadow of
    until: int = 0  # the row where the shadow ends

    def score(self, value: float, exposure: float | None, time_s: float | None) -> Judged:
        """Judge one row; a value that is no finite number scores 0. Exposure is for counts, time is epoch seconds or None."""
        name, slot = self._best(time_s)
        expected = self._expected(name, slot, exposure)
        if not self._usable(value, exposure) or expected is None:
            return Judged(expected, 0.0, False)
        if self.rows < WARM:
            return Judged(expected, 0.0, False)
        residual = self._residual(value, expected)
        floor = self._floor()
        innovation = residual - self._persistence() * self.before
        away = self._mean(residual, self._level(name)) - self.reference
        rarity = max(
            self.point.tail.rarity(self.point.deviation(innovation, floor)),
            self.shift.tail.rarity(self.shift.deviation(away, floor)),
        )
        rarity *= min(1.0, self.rows / (4.0 * WARM))  # a young tail is a guess
        ranked = sorted((rarity, *(() if self.counts else self.extent.evidence(value))), reverse=True)
        evidence = ranked[0] + (SECOND * ranked[1] if len(ranked) > 1 else 0.0)
        said = evidence * ECHO if self.rows < self.until and evidence <= self.shadow else evidence
        return Judged(expected, score_of(said, HALF), said >= HALF, evidence)

    def learn(self, value: float, exposure: float | None, time_s: float | None, judged: Judged) -> None:
        """Take one row in, with what was said of it; one that is no finite number changes nothing."""
        name, slot = self._best(time_s)
        expected = self._expected(name, slot, exposure)
        if not self._usable(value, exposure):
            if expected is not None and not self.counts:  # a hole keeps its place in a season counted in rows
                self.period.learn(expected)
            self.place += 1
            return
        if expected is not None and self.rows:
            residual, floor = self._residual(value, expected), self._floor()
            level = self._level(name)
            mean = self._mean(residual, level) if self.rows > 1 else level
            if self.rows >= WARM // 2:
                self.point.learn(residual - self._persistence() * self.before, floor)
                self.shift.learn(mean - self.reference, floor)
            self.mean = mean
            self.reference += (mean - self.reference) / min(float(self.rows), REFERENCE_ROWS)
            self._correlate(residual)
            self.before = residual
        self._cast(judged.evidence)
        self.rows += 1
        if not self.counts:
            self.extent.learn(value)
            gap = 1.0 / min(self.rows, 500)
            self.size += (abs(value) - self.size) * gap
        self._learn_models(value, exposure, time_s)
        self.place += 1

    def _cast(self, evidence: float) -> None:
        if self.rows >= self.until:
            if self.shadow >= HALF:
                self.reference = self.mean
            self.shadow = 0.0
        if evidence > self.shadow:
            self.shadow, self.until = evidence, self.rows + max(SHADOW_LEAST, self.rows // SHADOW_SHARE)

    def _usable(self, value: float, exposure: float | None) -> bool:
        if not self.counts:
            return finite(value)
        return exposure is not None and finite(value) and finite(exposure) and exposure > 0.0 and value >= 0.0

    def _slot(self, name: str, time_s: float | None) -> int | None:
        if name == "flat":
            return 0
        if name == "period":
            return self.place % self.period.length
        if time_s is None:
            return None
        return clock_slot(time_s, DAY_S if name == "day" else WEEK_S, 24 if name == "day" else 168)

    def _best(self, time_s: float | None) -> tuple[str, int]:
        best, least = ("flat", 0), float("inf")
        for name, model in self.models.items():
            slot = self._slot(name, time_s)
            if slot is None or (name != "flat" and model.seen < 2 * model.slots):
                continue
            cost = model.cost if name == "flat" else model.cost * 1.03  # the simpler one where they are as good
            if cost < least:
                best, least = (name, slot), cost
        return best

    def _expected(self, name: str, slot: int, exposure: float | None) -> float | None:
        model = self.models.get(name)
        if model is None or not model.seen:
            return None
        if isinstance(model, Smooth):
            return model.expected(slot)
        return model.expected(slot, exposure) if exposure is not None and finite(exposure) and exposure > 0.0 else None

    def _residual(self, value: float, expected: float) -> float:
        return anscombe(value, expected) if self.counts else value - expected

    def _floor(self) -> float:
        return 1.0 if self.counts else FLOOR * self.size + 1e-12

    def _persistence(self) -> float:
        return min(0.99, max(0.0, self.product / self.power)) if self.power > 0.0 and self.rows > WARM else 0.0

    def _level(self, name: str) -> float:
        model = self.models[name]
        return model.level if isinstance(model, Smooth) else 0.0

    def _mean(self, residual: float, level: float) -> float:
        bound = max(CLIP * self.spread, self._floor())
        return self.mean + (level + min(bound, max(-bound, residual)) - self.mean) * SHIFT

    def _correlate(self, residual: float) -> None:
        bound = max(CLIP * self.spread, self._floor()) if self.rows > WARM else abs(residual)
        now = min(bound, max(-bound, residual))
        was = min(bound, max(-bound, self.before))
        weight = 1.0 / min(self.rows, SCALE_ROWS)
        self.power += (was * was - self.power) * weight
        self.product += (now * was - self.product) * weight
        self.spread += (abs(now) - self.spread) * weight

    def _learn_models(self, value: float, exposure: float | None, time_s: float | None) -> None:
        if not self.models:
            kind = Rate if self.counts else Smooth
            self.models = {"flat": kind(1), "day": kind(24), "week": kind(168)} if time_s is not None else {"flat": kind(1)}
        for name, model in self.models.items():
            slot = self._slot(name, time_s)
            if slot is None:
                continue
            if isinstance(model, Smooth):
                model.learn(slot, value)
            else:
                model.learn(slot, value, exposure or 0.0)
        shown = value / exposure if self.counts and exposure else value
        if self.period.learn(shown) and not self.counts:
            self._adopt()

    def _adopt(self) -> None:
        """Start the season of a period just found by replaying the rows kept: all of them came before."""
        model = Smooth(self.period.length)
        kept = self.period.recent
        first = self.place + 1 - len(kept)
        for place, value in enumerate(kept):
            model.learn((first + place) % self.period.length, value)
        self.models["period"] = model
