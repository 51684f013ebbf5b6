"""Performance: what was counted, what it comes to, how sure that is and what it was before.

Counts are added as integers; every division happens once, here. A row of a table is one key over the whole period; `trend` is
the whole initiative over time, `trends` the same by facet for the keys that may be shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detectors.cell import CONSENT, DIMENSIONS, REVENUE, Cell, Counts, add, total
from detectors.kpi import BUILT_IN, Ratio, count, kpi
from governance.message.instant import format_instant
from reporting.coverage import MERGED, Key, Split, hidden, people, sizes, split
from reporting.decision_path import decision_paths
from reporting.interval import LEVEL, Z95, newcombe, quantile, wilson
from reporting.rollup import Rollup, Vector
from reporting.snapshot import Row, Snapshot

COUNTED = ("exposures", "clicks", "conversions", "technical_fallbacks", "consent_fallbacks", "no_match_fallbacks", "late", "subjects")
FACETS = 6  # facets with a trend of their own, by exposures; more cannot be read side by side
FINEST = (0, 1, 3)  # profile, channel, variant: the dimensions of a full report
NOT_MERGED: Key = ()
DIGITS = 9  # of an interval's ends: a thousandth of one in a million, and half the bytes of a table of cells
METHODS = {
    "interval": "Wilson score interval, 95 %",
    "change": "Newcombe interval of the difference of two rates, 95 %",
    "moved": "the Newcombe interval at 1 − 0.05/m excludes 0, m the rates compared in one table",
    "subjects": "distinct people per day and cell, added over days and cells: one person on two days is two",
    "money": "minor units of the currency",
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The sums of one run of rows: the whole, per shown or merged key, per row, and per row and facet."""

    whole: Counts
    keys: dict[Key, Counts]
    rows: tuple[Counts, ...]
    facets: tuple[dict[Key, Counts], ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """How cells become keys: the dimensions of a table's rows and the one that trends are drawn by."""

    dimensions: tuple[int, ...]
    facet: int
    veiled: frozenset[Cell] = frozenset()

    def key(self, cell: Cell) -> Key:
        if cell in self.veiled:
            return MERGED
        return tuple([cell[index] for index in self.dimensions])

    def named(self, key: Key) -> dict[str, str]:
        return {DIMENSIONS[index]: value for index, value in zip(self.dimensions, key, strict=True)}


def cut_of(request: Mapping[str, Any]) -> Cut:
    """Return the cut a request asks for: its dimension, else channels for a summary and profile × channel × variant in full."""
    if request.get("dimension"):
        index = DIMENSIONS.index(request["dimension"])
        return Cut((index,), index)
    channel = DIMENSIONS.index("channel")
    return Cut((channel,), channel) if request.get("detail") == "summary" else Cut(FINEST, channel)


def definitions_of(snapshot: Snapshot) -> dict[str, Ratio]:
    """Return every ratio of the report: the built-in ones and those the initiative's config names."""
    named = snapshot.settings.kpis
    return {**BUILT_IN, **{name: Ratio(ratio.numerator, ratio.denominator, ratio.better) for name, ratio in named.items()}}


def counts_of(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return counts in their public shape: every count present, money by currency, verdicts by kind."""
    shaped: dict[str, Any] = {name: counts.get(name, 0) for name in COUNTED}
    shaped["revenue_minor"] = {name[len(REVENUE) :]: counts[name] for name in sorted(counts) if name.startswith(REVENUE)}
    shaped["consent"] = {name[len(CONSENT) :]: counts[name] for name in sorted(counts) if name.startswith(CONSENT)}
    return shaped


def kpis_of(
    counts: Mapping[str, int], definitions: Mapping[str, Ratio], end: int, whole: Mapping[str, int] | None = None
) -> dict[str, float | None]:
    """Return every key figure of `counts` at `end` (ms); null where nothing stands below the line or nothing was evaluated."""
    figures = {name: kpi(name, counts, definitions) for name in definitions}
    figures["variant_share"] = kpi("variant_share", counts, definitions, whole=whole)
    figures["freshness_s"] = kpi("freshness_s", counts, definitions, window_end=end)
    figures["srm_failure_share"] = None
    return figures


def pair(ratio: Ratio, counts: Mapping[str, int]) -> tuple[int, int] | None:
    """Return (numerator, denominator) where the ratio is a share of counted events, None for money and for what has no denominator."""
    if ratio.numerator.startswith("revenue_minor") or ratio.denominator.startswith("revenue_minor"):
        return None
    above, below = count(ratio.numerator, counts), count(ratio.denominator, counts)
    return (above, below) if above is not None and below else None


def intervals_of(counts: Mapping[str, int], definitions: Mapping[str, Ratio]) -> dict[str, list[float] | None]:
    """Return the 95 % interval of each rate, null where the figure is not a proportion."""
    found: dict[str, list[float] | None] = {}
    for name, ratio in definitions.items():
        parts = pair(ratio, counts)
        ends = wilson(*parts) if parts else None
        found[name] = _ends(ends)
    return found


def change_of(now: Mapping[str, int], before: Mapping[str, int], definitions: Mapping[str, Ratio], z: float = Z95) -> dict[str, Any]:
    """Return the change of each figure with its 95 % interval; `moved` where the interval at `z` excludes 0."""
    changes: dict[str, Any] = {}
    for name, ratio in definitions.items():
        figure, old = kpi(name, now, definitions), kpi(name, before, definitions)
        if figure is None or old is None:
            changes[name] = None
            continue
        parts, parts_before = pair(ratio, now), pair(ratio, before)
        ends = newcombe(*parts, *parts_before) if parts and parts_before else None
        strict = newcombe(*parts, *parts_before, z) if parts and parts_before else None
        moved = strict is not None and (strict[0] > 0 or strict[1] < 0)
        changes[name] = {"difference": figure - old, "interval": _ends(ends), "moved": moved}
    return changes


def _ends(ends: tuple[float, float] | None) -> list[float] | None:
    return [round(end, DIGITS) for end in ends] if ends else None


def tabulate(rows: Sequence[Row], cut: Cut, shown: frozenset[Key]) -> Tables:
    """Return the sums of these rows; keys that are not `shown` are added up under MERGED."""
    rollup = Rollup(counts for row in rows for counts in row.cells.values())
    place = {cell: key if (key := cut.key(cell)) in shown else MERGED for cell in {cell for row in rows for cell in row.cells}}
    facet = {cell: key if key == MERGED else (cell[cut.facet],) for cell, key in place.items()}
    keys: dict[Key, list[Vector]] = {}
    facets: list[dict[Key, Counts]] = []
    for row in rows:
        parts: dict[Key, list[Vector]] = {}
        for cell, counts in row.cells.items():
            vector = rollup.vector(counts)
            keys.setdefault(place[cell], []).append(vector)
            parts.setdefault(facet[cell], []).append(vector)
        facets.append({key: rollup.total(vectors) for key, vectors in parts.items()})
    by_row = tuple(total(parts.values()) for parts in facets)
    return Tables(total(by_row), {key: rollup.total(vectors) for key, vectors in keys.items()}, by_row, tuple(facets))


def split_of(snapshot: Snapshot) -> Split:
    """Return which keys of the report's table may stand alone.

    A reader may hold the finest table of the same period too. So what is merged there stays out of a coarser row where it is small
    within that row: the row less the cells shown of it would tell it. Where it is large enough within the row it is part of it.
    """
    cut, minimum = cut_of(snapshot.request), snapshot.config.privacy.minimum_subjects
    if not set(cut.dimensions) < set(FINEST):
        return split(snapshot.rows, cut.key, minimum)
    finest = Cut(FINEST, cut.facet)
    kept = split(snapshot.rows, finest.key, minimum).shown
    veiled = _veiled(snapshot, cut, finest, kept)
    here = {cell for row in snapshot.rows for cell in row.cells}
    apart = len({finest.key(cell) for cell in veiled & here})
    found = split(snapshot.rows, replace(cut, veiled=veiled).key, minimum, apart)
    return replace(found, veiled=veiled, apart=apart)


def _veiled(snapshot: Snapshot, cut: Cut, finest: Cut, kept: frozenset[Key]) -> frozenset[Cell]:
    """Return the cells that the finest table does not show and that are too few within their row here, in this period or the one before."""

    def rest(cell: Cell) -> Key:
        return NOT_MERGED if finest.key(cell) in kept else cut.key(cell)

    few: set[Key] = set()
    for rows in (snapshot.rows, snapshot.previous):
        few |= {key for key, size in sizes(rows, rest).items() if size < snapshot.config.privacy.minimum_subjects}
    cells = {cell for rows in (snapshot.rows, snapshot.previous) for row in rows for cell in row.cells}
    return frozenset(cell for cell in cells if rest(cell) in few - {NOT_MERGED})


def performance(snapshot: Snapshot, parts: Split) -> dict[str, Any]:
    """Return the report's `performance`; totals are whole, the segments and their merged row add up to them exactly."""
    cut, definitions = replace(cut_of(snapshot.request), veiled=parts.veiled), definitions_of(snapshot)
    now = tabulate(snapshot.rows, cut, parts.shown)
    before = tabulate(snapshot.previous, cut, parts.shown)
    return {
        "totals": {
            "counts": counts_of(now.whole),
            "kpis": kpis_of(now.whole, definitions, snapshot.period_to),
            "interval": intervals_of(now.whole, definitions),
        },
        "dimensions": [DIMENSIONS[index] for index in cut.dimensions],
        "segments": _segments(snapshot, cut, parts, now, before),
        "trend": [_point(row, counts, definitions) for row, counts in zip(snapshot.rows, now.rows, strict=True)],
        "trends": _trends(snapshot, cut, now, before, definitions),
        "previous": _previous(snapshot, now, before, definitions),
        "decision_paths": decision_paths(
            snapshot.decision_paths, snapshot.config.privacy.minimum_subjects, snapshot.paths_before
        ),
        "definitions": {
            name: {"numerator": r.numerator, "denominator": r.denominator, "better": r.better} for name, r in definitions.items()
        },
        "thresholds": _thresholds(snapshot),
        "methods": METHODS,
    }


def _thresholds(snapshot: Snapshot) -> list[dict[str, Any]]:
    rules = snapshot.settings.thresholds
    return [{"id": rule.id, "kpi": rule.kpi, "op": rule.op, "value": rule.value, "group_by": list(rule.group_by)} for rule in rules]


def _point(row: Row, counts: Mapping[str, int], definitions: Mapping[str, Ratio]) -> dict[str, Any]:
    return {
        "start": format_instant(row.start_ms),
        "end": format_instant(row.end_ms),
        "partial": row.partial,
        "counts": counts_of(counts),
        "kpis": kpis_of(counts, definitions, row.end_ms),
    }


def _segments(snapshot: Snapshot, cut: Cut, parts: Split, now: Tables, before: Tables) -> list[dict[str, Any]]:
    """Return the table's rows, the largest first and the merged one last."""
    definitions = definitions_of(snapshot)
    concealed = _concealed_before(snapshot, cut, now)
    compared = [key for key in now.keys if key in before.keys and key not in concealed]
    z = quantile(1 - (1 - LEVEL) / max(1, len(compared) * len(definitions)))
    whole_of = _variant_wholes(cut, now, parts.merged)
    segments = []
    for key in sorted(now.keys, key=lambda key: (key == MERGED, -now.keys[key].get("exposures", 0), key)):
        counts, old = now.keys[key], before.keys.get(key) if key not in concealed else None
        segments.append(
            {
                "key": {"merged": MERGED[0]} if key == MERGED else cut.named(key),
                "merged": key == MERGED,
                "counts": counts_of(counts),
                "kpis": kpis_of(counts, definitions, snapshot.period_to, whole_of(key)),
                "interval": intervals_of(counts, definitions),
                "previous": {"counts": counts_of(old), "kpis": kpis_of(old, definitions, snapshot.period_from)} if old else None,
                "previous_suppressed": key in concealed,
                "change": change_of(counts, old, definitions, z) if old else None,
            }
        )
    return segments


def _concealed_before(snapshot: Snapshot, cut: Cut, now: Tables) -> frozenset[Key]:
    """Return the rows whose previous period was too small to show; like the rows themselves, never one alone."""
    parts = {cut.key(cell) for cell in {cell for row in snapshot.previous for cell in row.cells}}
    held = sizes(snapshot.previous, lambda cell: key if (key := cut.key(cell)) in now.keys else MERGED)
    minimum = snapshot.config.privacy.minimum_subjects
    if len(parts - now.keys.keys()) > 1:  # several cells together may be shown however small, as in this period
        held[MERGED] = max(minimum, held[MERGED])
    return hidden(held, minimum)


def _variant_wholes(cut: Cut, now: Tables, merged: frozenset[Key]) -> Callable[[Key], Counts | None]:
    """Return a function to the counts over all variants of a key's other dimensions, None where a merged cell is among them.

    A share whose whole included a merged cell would give that cell away by subtraction; the whole of all cells is public anyway.
    """
    if DIMENSIONS[cut.dimensions[-1]] != "variant":
        return lambda key: None
    if len(cut.dimensions) == 1:
        return lambda key: None if key == MERGED else now.whole
    veiled = {key[:-1] for key in merged}
    wholes: dict[Key, Counts] = {}
    for key, counts in now.keys.items():
        add(wholes.setdefault(key[:-1], {}), counts)
    return lambda key: None if key == MERGED or key[:-1] in veiled else wholes[key[:-1]]


def _trends(snapshot: Snapshot, cut: Cut, now: Tables, before: Tables, definitions: Mapping[str, Ratio]) -> list[dict[str, Any]]:
    """Return the figures over time of the largest facets, summed over the keys that may be shown; too small a row is null."""
    sums: dict[Key, int] = {}
    for facets in now.facets:
        for key, counts in facets.items():
            sums[key] = sums.get(key, 0) + counts.get("exposures", 0)
    largest = sorted((key for key in sums if key != MERGED), key=lambda key: (-sums[key], key))[:FACETS]
    minimum = snapshot.config.privacy.minimum_subjects
    return [
        {
            "key": {DIMENSIONS[cut.facet]: key[0]},
            "points": _facet_points(key, snapshot.rows, now.facets, minimum, definitions),
            "previous": _facet_points(key, snapshot.previous, before.facets, minimum, definitions),
        }
        for key in largest
    ]


def _facet_points(
    key: Key, rows: Sequence[Row], by_facet: Sequence[dict[Key, Counts]], minimum: int, definitions: Mapping[str, Ratio]
) -> list[dict[str, Any]]:
    points = []
    for row, facets in zip(rows, by_facet, strict=True):
        small = hidden({facet: people(counts) for facet, counts in facets.items()}, minimum)
        counts = facets.get(key) if key not in small else None
        points.append(
            {
                "start": format_instant(row.start_ms),
                "partial": row.partial,
                "suppressed": key in small,
                "kpis": {name: kpi(name, counts, definitions) for name in definitions} if counts else None,
            }
        )
    return points


def _previous(snapshot: Snapshot, now: Tables, before: Tables, definitions: Mapping[str, Ratio]) -> dict[str, Any] | None:
    if not before.whole:  # rows before the first event are empty, and nothing compares with nothing
        return None
    return {
        "from": format_instant(snapshot.previous[0].start_ms),
        "to": format_instant(snapshot.previous[-1].end_ms),
        "rows": len(snapshot.previous),
        "totals": {"counts": counts_of(before.whole), "kpis": kpis_of(before.whole, definitions, snapshot.period_from)},
        "change": change_of(now.whole, before.whole, definitions, quantile(1 - (1 - LEVEL) / max(1, len(definitions)))),
        "exposures": _pace(snapshot, now, before),
    }


def _pace(snapshot: Snapshot, now: Tables, before: Tables) -> dict[str, Any] | None:
    """Compare exposures per complete row, because a partial row would read as a loss."""
    complete = [counts.get("exposures", 0) for row, counts in zip(snapshot.rows, now.rows, strict=True) if not row.partial]
    old = [counts.get("exposures", 0) for row, counts in zip(snapshot.previous, before.rows, strict=True) if not row.partial]
    if not complete or not sum(old):
        return None
    return {"per": f"complete {snapshot.unit}", "relative": (sum(complete) * len(old)) / (sum(old) * len(complete)) - 1}
