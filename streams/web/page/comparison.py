"""Who moved: a figure by one dimension, the breached hours against the hours before them. Figures only; a claim needs the segment scan."""

from collections.abc import Mapping
from typing import Any

from detectors.cell import DIMENSIONS, Counts, add
from detectors.kpi import Ratio, denominator, ratio
from detectors.window import HOUR
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.figure import integer, points, rate
from reporting.wording import label, sentence
from streams.read_model.situation import HourRow, Situation, Story
from streams.web.page.hours import TOO_FEW, definitions_of, matches

ROWS = 8
BEFORE = 24 * HOUR
TRIED = ("profile", "channel", "variant", "cohort")


def compare(story: Story, situation: Situation, config: Config, bound: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a table by the first dimension that has several values inside the incident's place; None where there is nothing to compare."""
    data = story.now
    kpi = data["key"].get("kpi") or (bound or {}).get("kpi")
    definitions = definitions_of(config, situation.overview.initiative)
    if kpi not in definitions or definitions[kpi].numerator == "revenue_minor" or not data["windows"]:
        return None
    first = min(parse_instant(window["start"]) for window in data["windows"])
    last = max(parse_instant(window["end"]) for window in data["windows"])
    for name in TRIED:
        if data["key"].get(name) is not None:
            continue
        before, during = dict[str, Counts](), dict[str, Counts]()
        for row in situation.hours:
            if first - BEFORE < row.end <= first:
                _gather(before, row, name, data["key"])
            elif first < row.end <= last + HOUR - 1:
                _gather(during, row, name, data["key"])
        if before and len(during) > 1:
            rows = [_row(value, before.get(value, {}), counts, kpi, definitions) for value, counts in _largest(during)]
            scope = "breached hours against the 24 h before; small parts move by chance"
            return {"title": f"{label(kpi)} by {name}", "scope": scope, "head": sentence(name), "rows": rows}
    return None


def _gather(into: dict[str, Counts], row: HourRow, name: str, key: Mapping[str, str]) -> None:
    place = DIMENSIONS.index(name)
    for cell, counts in row.cells.items():
        if matches(cell, key):
            add(into.setdefault(cell[place], {}), counts)


def _largest(found: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    return sorted(found.items(), key=lambda item: (-item[1].get("exposures", 0), item[0]))[:ROWS]


def _row(name: str, before: Counts, during: Counts, kpi: str, definitions: Mapping[str, Ratio]) -> dict[str, str]:
    was, now = (
        ratio(definitions[kpi], counts) if denominator(kpi, counts, definitions) >= TOO_FEW else None for counts in (before, during)
    )
    change = points(now - was) if was is not None and now is not None else "too few"
    exposures = integer(during.get("exposures", 0))
    return {"name": name, "exposures": exposures, "before": rate(was), "during": rate(now), "change": change}
