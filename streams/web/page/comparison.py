"""Who carries it: what every part lost (or had too much of) in the breached hours, against its own rate in the 24 hours before.

Drawn for all parts alike; which of them is claimed is the segment scan's to say, in the incident's explanation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from detectors.cell import DIMENSIONS, Counts, add
from detectors.kpi import Ratio, count, denominator, ratio
from detectors.window import HOUR
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.chart.bars import Part, segment_bars
from reporting.coverage import people
from reporting.figure import MINUS, carried, integer, points, rate
from reporting.wording import label, sentence
from streams.read_model.situation import HourRow, Situation, Story
from streams.web.page.hours import TOO_FEW, definitions_of, matches

ROWS = 8
BARS = 4
BEFORE = 24 * HOUR
TRIED = ("profile", "channel", "variant", "cohort")
WIDE, NARROW = 592.0, 326.0
LOST = {"ctr": "lost clicks", "conversion_rate": "lost conversions"}
ADDED = {"technical_fallback_rate": "added technical fallbacks", "consent_fallback_rate": "added consent fallbacks"}

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One part before and during the breached hours, and how many events of the figure are missing (or too many)."""

    place: Place
    before: Counts
    during: Counts
    moved: float
    few: bool


def compare(story: Story, situation: Situation, config: Config, bound: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return bars and a table by the dimensions of the claim, else by the first that has several values; None for nothing to compare."""
    data = story.now
    kpi = data["key"].get("kpi") or (bound or {}).get("kpi")
    definitions = definitions_of(config, situation.overview.initiative)
    if kpi not in definitions or definitions[kpi].numerator == "revenue_minor" or not data["windows"]:
        return None
    claims = [dict(segment["where"]) for segment in (data.get("explanation") or {}).get("segments", ())]
    claimed = tuple(name for name in DIMENSIONS if claims and name in claims[0])
    tried = [claimed] if claimed else [(name,) for name in TRIED if data["key"].get(name) is None]
    for names in tried:
        key = {name: value for name, value in data["key"].items() if name not in names}
        sides = _sides(story, situation, names, key, kpi, definitions, config.privacy.minimum_subjects)
        if len(sides) > 1:
            return _shown(sides, names, claims, kpi, definitions)
    return None


def _sides(
    story: Story,
    situation: Situation,
    names: Sequence[str],
    key: Mapping[str, str],
    kpi: str,
    definitions: Mapping[str, Ratio],
    minimum: int,
) -> list[Side]:
    windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in story.now["windows"]]
    first, last = min(start for start, _ in windows), max(end for _, end in windows)
    before, during = dict[Place, Counts](), dict[Place, Counts]()
    for row in situation.hours:
        if first - BEFORE < row.end <= first:
            _gather(before, row, names, key)
        elif first < row.end <= last + HOUR - 1:
            _gather(during, row, names, key)
    definition, sign = definitions[kpi], 1 if definitions[kpi].better == "up" else -1
    whole: Counts = {}
    for counts in before.values():
        add(whole, counts)
    usual = ratio(definition, whole)
    if usual is None:
        return []
    found = []
    for place, counts in during.items():
        was = before.get(place, {})
        few = min(denominator(kpi, was, definitions), denominator(kpi, counts, definitions)) < TOO_FEW or people(counts) < minimum
        known = ratio(definition, was)
        expected = (usual if few or known is None else known) * denominator(kpi, counts, definitions)
        found.append(Side(place, was, counts, sign * (expected - (count(definition.numerator, counts) or 0)), few))
    return sorted(found, key=lambda side: (-side.moved, side.place))


def _gather(into: dict[Place, Counts], row: HourRow, names: Sequence[str], key: Mapping[str, str]) -> None:
    places = [DIMENSIONS.index(name) for name in names]
    for cell, counts in row.cells.items():
        if matches(cell, key):
            add(into.setdefault(tuple(cell[place] for place in places), {}), counts)


def _shown(
    sides: Sequence[Side], names: Sequence[str], claims: Sequence[Mapping[str, str]], kpi: str, definitions: Mapping[str, Ratio]
) -> dict[str, Any]:
    claimed = {tuple(claim[name] for name in names) for claim in claims if set(claim) == set(names)}
    total = sum(side.moved for side in sides)
    what = (LOST if definitions[kpi].better == "up" else ADDED).get(kpi, f"change of {label(kpi)}")
    by = " × ".join(names)
    parts = _parts(sides, claimed, total, what) if total > 0.5 else []
    shares = {side.place: side.moved / total for side in sides} if parts else {}
    named = [place for place in sorted(claimed) if place in shares]
    return {
        "claim": " × ".join(named[0]) if named else "",
        "title": f"carries {carried(shares[named[0]])} of the {what}" if named else f"{label(kpi)} by {by}",
        "scope": "above the evidence bar" if named else "no part cleared the evidence bar; small ones move by chance",
        "of": f"share of {integer(round(total))} {what}, breached hours against the 24 h before" if parts else "",
        "wide": Markup(segment_bars(parts, f"{integer(round(total))} {what}", WIDE)) if parts else "",
        "narrow": Markup(segment_bars(parts, f"{integer(round(total))} {what}", NARROW)) if parts else "",
        "head": sentence(by),
        "rows": [_row(side, kpi, definitions) for side in sides[:ROWS]],
    }


def _parts(sides: Sequence[Side], claimed: set[Place], total: float, what: str) -> list[Part]:
    shown = [side for side in sides if not side.few][:BARS]
    rest = [side for side in sides if side not in shown]
    noun = what.rpartition(" ")[2]
    parts = [Part(" × ".join(side.place), side.moved / total, _many(side.moved, what, noun), side.place in claimed) for side in shown]
    if rest:
        moved = sum(side.moved for side in rest)
        parts.append(Part(f"{len(rest)} other{'s' if len(rest) > 1 else ''}", moved / total, _many(moved, what, noun)))
    return parts


def _many(moved: float, what: str, noun: str) -> str:
    number = round(moved) if what.startswith("added") else -round(moved)
    sign = MINUS if number < 0 else "+" if number > 0 else ""
    return f"{sign}{integer(abs(number))} {noun}"


def _row(side: Side, kpi: str, definitions: Mapping[str, Ratio]) -> dict[str, str]:
    was, now = (ratio(definitions[kpi], counts) for counts in (side.before, side.during))
    change = points(now - was) if was is not None and now is not None else "too few"
    exposures = integer(side.during.get("exposures", 0))
    if side.few:
        return {"name": " × ".join(side.place), "exposures": "too few", "before": "", "during": "", "change": ""}
    return {"name": " × ".join(side.place), "exposures": exposures, "before": rate(was), "during": rate(now), "change": change}
