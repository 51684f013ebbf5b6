"""Key figures by hour, out of the counts the read model keeps; for the whole initiative or the place an incident is about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.cell import DIMENSIONS, REVENUE, Cell, Counts
from detectors.kpi import BUILT_IN, Ratio, denominator, ratio
from detectors.window import HOUR
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.likely import Point, Range, likely
from streams.read_model.situation import HourRow, Story

SHOWN = 48
EXPOSURES = "exposures"
TOO_FEW = 20  # of what a figure is measured on; an hour with fewer says nothing about it


@dataclass(frozen=True, slots=True)
class Span:
    """One hour up to `end` (ms) and its counts, empty where nothing arrived."""

    end: int
    counts: Counts

    def value(self, kpi: str, definitions: Mapping[str, Ratio]) -> float | None:
        """Return a key figure, None where there is none or too little to say."""
        definition = definitions.get(kpi)
        if definition is None or denominator(kpi, self.counts, definitions) < TOO_FEW:
            return None
        return ratio(definition, self.counts)

    def point(self, kpi: str, definitions: Mapping[str, Ratio]) -> Point | None:
        """Return a key figure with what it is measured on; `exposures` is a count of its own."""
        if kpi == EXPOSURES:
            return Point(self.end, float(self.counts.get(EXPOSURES, 0)))
        value = self.value(kpi, definitions)
        return None if value is None else Point(self.end, value, float(denominator(kpi, self.counts, definitions)))


def definitions_of(config: Config, initiative: str) -> dict[str, Ratio]:
    """Return the key figures an initiative has."""
    own = config.initiatives.get(initiative)
    kpis = {} if own is None else own.kpis
    return {**BUILT_IN, **{name: Ratio(kpi.numerator, kpi.denominator, kpi.better) for name, kpi in kpis.items()}}


def spans(rows: Sequence[HourRow], closed: int, key: Mapping[str, str] | None = None, count: int = SHOWN) -> list[Span]:
    """Return the last whole hours that are closed, oldest first, of the cells a key names; hours before the first seen are left out."""
    last = closed // HOUR * HOUR
    by_end = {row.end: row for row in rows}
    first = max(last - (count - 1) * HOUR, min(by_end, default=last))
    found = []
    for end in range(first, last + 1, HOUR):
        row = by_end.get(end)
        found.append(Span(end, row.total(lambda cell: matches(cell, key or {})) if row else {}))
    return found


def matches(cell: Cell, key: Mapping[str, str]) -> bool:
    """Return whether a cell is part of what a key names."""
    return all(key.get(name, value) == value for name, value in zip(DIMENSIONS, cell, strict=True))


def currency_of(counts: Counts) -> str | None:
    """Return the one currency of counts."""
    found = [name.removeprefix(REVENUE) for name in counts if name.startswith(REVENUE)]
    return found[0] if len(found) == 1 else None


def ranges(hours: Sequence[Span], kpi: str, definitions: Mapping[str, Ratio], held: Collection[int]) -> list[Range | None]:
    """Return where each hour's figure was to be expected by the other hours here, None where that is not known; `held` teach nothing."""
    counted = kpi == EXPOSURES or definitions[kpi].numerator != "revenue_minor"
    return likely([span.point(kpi, definitions) for span in hours], held, counted=counted)


def troubled(hours: Sequence[Span], stories: Iterable[Story]) -> set[int]:
    """Return the hours that say nothing of what is usual: the last, the one in question, and those of incidents until their end."""
    found = {len(hours) - 1}
    for story in stories:
        starts = [parse_instant(window["start"]) for window in story.now["windows"]]
        first = min(starts, default=parse_instant(story.now["opened_at"]))
        until = None if story.active else parse_instant(story.now["updated_at"])
        found |= {index for index, span in enumerate(hours) if first < span.end and (until is None or span.end - HOUR < until)}
    return found
