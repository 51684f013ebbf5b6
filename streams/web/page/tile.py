"""The strip of key figures: the last closed hour, whether a bound is breached, and the two days before."""

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.kpi import Ratio
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.figure import NONE, integer, money, rate, short
from reporting.wording import LABELS, where
from streams.read_model.situation import Situation, Story
from streams.web.page.hours import SHOWN, Span, currency_of, definitions_of, spans
from streams.web.page.mark import spark

FIGURES = ("ctr", "conversion_rate", "revenue_per_exposure", "technical_fallback_rate", "consent_fallback_rate")
FRESHNESS, EXPOSURES = "freshness_s", "exposures"
Verdict = tuple[str, str]  # its look and its words
UNWATCHED: Verdict = ("none", "no bound is set")


def tiles(situation: Situation, config: Config, stale: str | None) -> list[dict[str, Any]]:
    """Return six tiles; `stale` says since when nothing is judged, None while all is well."""
    name = situation.overview.initiative
    hours = spans(situation.hours, situation.overview.closed)
    definitions = definitions_of(config, name)
    quiet = _quiet_verdicts(config, name, len(hours))
    active = [story for story in situation.incidents if story.active]
    silent = [story for story in active if story.now["key"].get("kpi") == FRESHNESS]
    found = [_exposures(hours, silent, stale, quiet.get(EXPOSURES, UNWATCHED))]
    for kpi in FIGURES:
        about = [story for story in active if story.now["key"].get("kpi") == kpi]
        found.append(_figure(kpi, hours, definitions, about, stale, quiet.get(kpi, UNWATCHED)))
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


def _exposures(hours: Sequence[Span], silent: Sequence[Story], stale: str | None, quiet: Verdict) -> dict[str, Any]:
    values = [span.counts.get("exposures", 0) for span in hours]
    verdict = ("bad", f"{where(silent[0].now['key'])} silent") if silent else quiet
    if stale:
        verdict = ("stale", f"stale since {stale}")
    foot = f"48 h: {short(min(values))} to {short(max(values))}" if values else "no hour is closed yet"
    shown = integer(values[-1]) if values else NONE
    return {
        "name": "Exposures",
        "value": shown,
        "unit": "per hour",
        "verdict": verdict,
        "foot": foot,
        "spark": spark([float(value) for value in values], [], f"Exposures: {shown} in the last closed hour."),
    }


def _figure(
    kpi: str, hours: Sequence[Span], definitions: Mapping[str, Ratio], about: Sequence[Story], stale: str | None, quiet: Verdict
) -> dict[str, Any]:
    values = [span.value(kpi, definitions) for span in hours]
    known = [value for value in values if value is not None]
    currency = next((found for span in reversed(hours) if (found := currency_of(span.counts))), None)
    last = values[-1] if values else None

    def said(value: float | None) -> str:
        return money(value, currency, 3) if kpi == "revenue_per_exposure" else rate(value)

    if stale:
        verdict = ("stale", f"stale since {stale}")
    elif about:
        verdict = ("bad", f"breached, {where(about[0].now['key'])}" if len(about) == 1 else f"breached, {len(about)} incidents")
    elif last is None:
        verdict = ("none", "too few to say" if hours else "nothing closed yet")
    else:
        verdict = quiet
    return {
        "name": LABELS[kpi],
        "value": said(last),
        "unit": "",
        "verdict": verdict,
        "foot": f"48 h: {_range(said(min(known)), said(max(known)))}" if known else "no hour with enough yet",
        "spark": spark(values, _breached(hours, about), f"{LABELS[kpi]}: {said(last)} in the last closed hour, {verdict[1]}."),
    }


def _range(low: str, high: str) -> str:
    """Return a range with its unit once."""
    low = low.removesuffix("\u00a0%") if high.endswith("\u00a0%") else low
    return f"{low} to {high}"


def _breached(hours: Sequence[Span], about: Sequence[Story]) -> list[int]:
    ends = [(parse_instant(window["start"]), parse_instant(window["end"])) for story in about for window in story.now["windows"]]
    return [index for index, span in enumerate(hours) if any(start < span.end <= end for start, end in ends)]
