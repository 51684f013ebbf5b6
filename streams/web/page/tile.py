"""The strip of key figures: the last closed hour, whether a bound is breached, and the two days before."""

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.kpi import Ratio, denominator
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.figure import NONE, integer, money, rate, short
from reporting.wording import label, off, where
from streams.read_model.situation import Situation, Story
from streams.web.page.hours import EXPOSURES, SHOWN, TOO_FEW, Span, currency_of, definitions_of, ranges, spans, troubled
from streams.web.page.mark import spark

FIGURES = ("ctr", "conversion_rate", "revenue_per_exposure", "technical_fallback_rate", "consent_fallback_rate")
FRESHNESS = "freshness_s"
Verdict = tuple[str, str]  # its look and its words
UNWATCHED: Verdict = ("none", "usual, no bound is set")
SIDES = {-1: "below what is usual", 1: "above what is usual"}


def tiles(situation: Situation, config: Config, stale: str | None) -> list[dict[str, Any]]:
    """Return six tiles; `stale` says since when nothing is judged, None while all is well."""
    name = situation.overview.initiative
    hours = spans(situation.hours, situation.overview.closed)
    definitions = definitions_of(config, name)
    quiet = _quiet_verdicts(config, name, len(hours))
    found = []
    for kpi in (EXPOSURES, *FIGURES):
        watched = FRESHNESS if kpi == EXPOSURES else kpi
        about = [story for story in situation.incidents if story.now["key"].get("kpi") == watched]
        tile = Tile(kpi, hours, definitions, about)
        found.append(tile.shown(stale, quiet.get(kpi, UNWATCHED)))
    return found


def _quiet_verdicts(config: Config, name: str, hours: int) -> dict[str, Verdict]:
    """Return what is said of a figure that has nothing open: by a detector once it has learnt, else by its bounds."""
    own = config.initiative(name)
    verdicts: dict[str, Verdict] = {threshold.kpi: ("good", "within its bounds") for threshold in own.thresholds}
    watched = {detector.kpi for detector in (own.detectors.dip, own.detectors.drift) if detector is not None}
    if own.detectors.freshness is not None:
        watched.add(EXPOSURES)
    learnt: Verdict = ("good", "as expected") if hours >= SHOWN else ("learning", f"learning, {hours} of {SHOWN}")
    return {**verdicts, **dict.fromkeys(watched, learnt)}


class Tile:
    """One figure by hour, and the incidents about it."""

    def __init__(self, kpi: str, hours: Sequence[Span], definitions: Mapping[str, Ratio], about: Sequence[Story]) -> None:
        self._kpi, self._hours = kpi, hours
        self._active = [story for story in about if story.active]
        counted = kpi == EXPOSURES
        self._values = [float(span.counts.get(EXPOSURES, 0)) if counted else span.value(kpi, definitions) for span in hours]
        self._measured_on = EXPOSURES if counted else definitions[kpi].denominator.replace("_", " ")
        self._under = 0 if counted or not hours else denominator(kpi, hours[-1].counts, definitions)
        enough = len(hours) >= SHOWN
        self._ranges = ranges(hours, kpi, definitions, troubled(hours, about)) if enough else [None] * len(hours)
        self._currency = next((found for span in reversed(hours) if (found := currency_of(span.counts))), None)

    def shown(self, stale: str | None, quiet: Verdict) -> dict[str, Any]:
        """Return what the tile says."""
        last = self._values[-1] if self._values else None
        verdict = self._verdict(stale, quiet)
        name = label(self._kpi)
        finding = f"{name}: {self._said(last)} in the last closed hour, {verdict[1]}."
        return {
            "name": name,
            "value": self._said(last),
            "unit": "per hour" if self._kpi == EXPOSURES else "",
            "verdict": verdict,
            "foot": self._foot(),
            "spark": spark(self._values, self._breached(), finding, self._ranges, dashed=verdict[0] in ("learning", "stale")),
        }

    def _verdict(self, stale: str | None, quiet: Verdict) -> Verdict:
        last = self._values[-1] if self._values else None
        if stale:
            return "stale", f"stale since {stale}"
        if self._active and self._kpi == EXPOSURES:
            return "bad", f"{where(self._active[0].now['key'])} silent"
        usual = self._ranges[-1] if self._ranges else None
        if self._active and last is not None and usual is not None and usual.side(last):
            return "bad", off(last, usual.expected)
        if self._active:
            one = len(self._active) == 1
            return "bad", f"breached, {where(self._active[0].now['key'])}" if one else f"breached, {len(self._active)} incidents"
        if last is None:
            return "none", "not evaluated" if self._hours else "nothing closed yet"
        if usual is None:
            return quiet if quiet != UNWATCHED else ("none", "no bound is set")
        side = usual.side(last)
        return ("plain", SIDES[side] + (", within its bounds" if quiet[1] == "within its bounds" else ", no breach")) if side else quiet

    def _foot(self) -> str:
        usual = self._ranges[-1] if self._ranges else None
        if usual is not None and usual.low > 0.0:
            return f"expected {_range(self._short(usual.low), self._short(usual.high))}"
        if usual is not None:
            return f"expected below {self._short(usual.high)}"
        if not self._hours:
            return "no hour is closed yet"
        if self._values[-1] is None:
            return f"{integer(self._under)} {self._measured_on}, needs {TOO_FEW}"
        known = [value for value in self._values if value is not None]
        hours = len(self._hours)
        if hours < SHOWN:
            return f"no range until {SHOWN} hours; {_range(self._short(min(known)), self._short(max(known)))}"
        return f"48 h: {_range(self._short(min(known)), self._short(max(known)))}"

    def _said(self, value: float | None) -> str:
        if self._kpi == EXPOSURES:
            return NONE if value is None else integer(round(value))
        return money(value, self._currency, 3) if self._kpi == "revenue_per_exposure" else rate(value)

    def _short(self, value: float) -> str:
        return short(round(value)) if self._kpi == EXPOSURES else self._said(value)

    def _breached(self) -> list[int]:
        windows = [window for story in self._active for window in story.now["windows"]]
        ends = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in windows]
        return [index for index, span in enumerate(self._hours) if any(start < span.end <= end for start, end in ends)]


def _range(low: str, high: str) -> str:
    """Return a range with its unit once."""
    low = low.removesuffix("\u00a0%") if high.endswith("\u00a0%") else low
    return f"{low} to {high}"
