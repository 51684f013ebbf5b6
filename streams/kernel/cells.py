"""The cell rows of one initiative: minutes, hours, days and what came late to a day; in slices, so that no row grows with the cells.

m [initiative, end, slice]   minute rows, kept 3 h      every admitted cell has an ordinal; slice = ordinal // SLICE_CELLS,
h [initiative, end, slice]   hour rows, kept 48 h       so a slice of an hour is made of the same slice of its minutes
d [initiative, end, slice]   day rows, kept 400 d
z [initiative, end, slice]   what was added to the day itself while it is open, late
e [initiative, end]          counts of the whole initiative on that day: path edges, rule versions
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from detectors.cell import DIMENSIONS, OTHER, Cell, Counts, add
from detectors.window import DAY, HOUR, end_of
from governance.config.section import Limits
from streams.kernel.rows import Draft, pack, row_key, unpack

MINUTES, HOURS, DAYS, LATE, EXTRAS, ADMITTED, NAMES = b"m", b"h", b"d", b"z", b"e", b"k", b"n"
SLICE_CELLS = 1_000
KEPT_MINUTES, KEPT_HOURS, KEPT_DAYS = 3 * HOUR, 48 * HOUR, 400 * DAY
EXTRA_NAMES = 400  # path edges and rule versions kept apart per initiative and day
LIMITS = ("profiles", "channels", "cohorts", "variants")

Cells = dict[Cell, Counts]


def pack_cells(cells: Mapping[Cell, Counts]) -> bytes:
    """Return the value of a cell row."""
    return pack([[*cell, counts] for cell, counts in sorted(cells.items())])


def unpack_cells(value: bytes | None) -> Cells:
    """Return the cells of a row, none for None."""
    if value is None:
        return {}
    (rows,) = unpack(value)
    return {(profile, channel, cohort, variant): counts for profile, channel, cohort, variant, counts in rows}


def slices_of(cells: int) -> range:
    """Return the slices an initiative with so many admitted cells has."""
    return range(-(-cells // SLICE_CELLS))


def merge(into: Cells, more: Mapping[Cell, Mapping[str, int]]) -> None:
    """Add cells to cells."""
    for cell, counts in more.items():
        take(into, cell, counts)


def take(into: Cells, cell: Cell, counts: Mapping[str, int]) -> None:
    """Add one cell to cells."""
    found = into.get(cell)
    if found is None:
        into[cell] = dict(counts)  # counts never hold a 0, see `add`
    else:
        add(found, counts)


class CellRows:
    """Reads and writes the cell rows of one initiative through a step's draft."""

    def __init__(self, draft: Draft, initiative: str, base: int) -> None:
        self._draft = draft
        self._initiative = initiative
        self._base = base

    def key(self, kind: bytes, end: int, part: int = 0) -> bytes:
        """Return the key of one slice of a row."""
        return row_key(kind, self._initiative, end, part)

    def read(self, kind: bytes, end: int, slices: Iterable[int]) -> Cells:
        """Return the cells of a row, of the slices asked for."""
        found: Cells = {}
        for part in slices:
            merge(found, unpack_cells(self._draft.get(self.key(kind, end, part))))
        return found

    def window(self, start: int, end: int, now: int, slices: Iterable[int]) -> Cells:
        """Return the cells of base windows ending in (start, end]; hour rows stand in where base windows are gone."""
        found: Cells = {}
        parts = list(slices)
        gone = now - KEPT_MINUTES
        for hour in range(end_of(start, HOUR), min(end, gone) + 1, HOUR):
            merge(found, self.read(HOURS, hour, parts))
        for minute in range(max(start, gone) + self._base, end + 1, self._base):
            merge(found, self.read(MINUTES, minute, parts))
        return found

    def write(self, kind: bytes, end: int, part: int, cells: Mapping[Cell, Counts]) -> None:
        """Set one slice of a row; an empty one is not kept."""
        if cells:
            self._draft.put(self.key(kind, end, part), pack_cells(cells))
        else:
            self._draft.drop(self.key(kind, end, part))

    def add(self, kind: bytes, end: int, part: int, cells: Mapping[Cell, Counts]) -> None:
        """Add to one slice of a row."""
        if cells:
            found = self.read(kind, end, (part,))
            merge(found, cells)
            self.write(kind, end, part, found)

    def drop(self, kind: bytes, end: int, slices: Iterable[int]) -> None:
        """Delete a row."""
        for part in slices:
            self._draft.drop(self.key(kind, end, part))


def add_extra(draft: Draft, initiative: str, day: int, extra: Mapping[str, int]) -> None:
    """Add counts of the whole initiative to its day; names beyond the cap share one."""
    key = row_key(EXTRAS, initiative, day)
    value = draft.get(key)
    if value is None:
        draft.drop(row_key(EXTRAS, initiative, day - KEPT_DAYS))
    draft.put(key, pack(with_names(unpack(value)[0] if value else {}, extra)))


def with_names(found: Counts, extra: Mapping[str, int]) -> Counts:
    """Return the counts with more added to them; names beyond the cap share one."""
    for name, number in sorted(extra.items()):
        kept = name if name in found or len(found) < EXTRA_NAMES else orjson.dumps([orjson.loads(name)[0], OTHER]).decode()
        found[kept] = found.get(kept, 0) + number
    return found


class Admission:
    """Which dimension values and cells an initiative may have; the rest shares `__other__` (design section 8).

    They are admitted as they arrive, in the order of the signals, and for good: what waits for its window is as small as the caps.
    """

    def __init__(self, draft: Draft, initiative: str, cells: int) -> None:
        self._draft = draft
        self._initiative = initiative
        self.cells = cells
        self._names: dict[str, set[str]] = {}
        self._all: list[set[str]] = []
        self._homes: dict[Cell, tuple[Cell, int]] = {}  # of admitted cells only, so that it stays as small as the limits

    def _known(self, dimension: str) -> set[str]:
        names = self._names.get(dimension)
        if names is None:
            value = self._draft.get(row_key(NAMES, self._initiative, dimension))
            names = self._names[dimension] = set(unpack(value)[0]) if value else set()
        return names

    def admit(self, cells: Iterable[Cell], limits: Limits) -> set[str]:
        """Admit cells in order while there is room; return what had none left: dimensions, or `cell`."""
        full: set[str] = set()
        grown: set[str] = set()
        for cell in cells:
            if cell in self._homes:
                continue
            for dimension, limit, value in zip(DIMENSIONS, LIMITS, cell, strict=True):
                known = self._known(dimension)
                if value in known or value == OTHER:
                    continue
                if len(known) < getattr(limits, limit):
                    known.add(value)
                    grown.add(dimension)
                else:
                    full.add(dimension)
            home = self._reduced(cell)
            number = self._number(home, limits.cells)
            if number is None:
                full.add("cell")
            elif home == cell:
                self._homes[cell] = home, number // SLICE_CELLS
        for dimension in grown:
            self._draft.put(row_key(NAMES, self._initiative, dimension), pack(sorted(self._names[dimension])))
        return full

    def _number(self, cell: Cell, most: int) -> int | None:
        """Return the number of a cell, admitted now if need be; None where there is no room for it."""
        key = row_key(ADMITTED, self._initiative, *cell)
        value = self._draft.get(key)
        if value is not None:
            ordinal: int = unpack(value)[0]
            return ordinal
        whole = (OTHER,) * 4
        if cell != whole and self.cells >= most:
            self._number(whole, most)
            return None
        self._draft.put(key, pack(self.cells))
        self.cells += 1
        return self.cells - 1

    def _reduced(self, cell: Cell) -> Cell:
        profiles, channels, cohorts, variants = self._all or self._read()
        profile, channel, cohort, variant = cell
        return (
            profile if profile in profiles else OTHER,
            channel if channel in channels else OTHER,
            cohort if cohort in cohorts else OTHER,
            variant if variant in variants else OTHER,
        )

    def _read(self) -> list[set[str]]:
        self._all = [self._known(dimension) for dimension in DIMENSIONS]  # the sets themselves, as they grow
        return self._all

    def home(self, cell: Cell) -> tuple[Cell, int]:
        """Return the cell an admitted or overflown cell is counted in, and its slice."""
        known = self._homes.get(cell)
        if known is not None:
            return known
        home = self._reduced(cell)
        value = self._draft.get(row_key(ADMITTED, self._initiative, *home))
        if value is None:
            home = (OTHER, OTHER, OTHER, OTHER)
            value = self._draft.get(row_key(ADMITTED, self._initiative, *home))
        assert value is not None, "a cell is counted before it was admitted"
        ordinal: int = unpack(value)[0]
        found = home, ordinal // SLICE_CELLS
        if home == cell:
            self._homes[cell] = found
        return found

    def folded(self, rows: Iterable[list[Any]]) -> list[list[Any]]:
        """Return the cells of an add of a bulletin, all admitted before, as they are counted."""
        found: Cells = {}
        for profile, channel, cohort, variant, counts in rows:
            home, _ = self.home((profile, channel, cohort, variant))
            take(found, home, counts)
        return [[*cell, counts] for cell, counts in found.items() if counts]


def sliced(cells: Mapping[Cell, Counts], admission: Admission) -> dict[int, Cells]:
    """Return cells merged into the cells they are counted in, by slice."""
    found: dict[int, Cells] = {}
    for cell, counts in cells.items():
        home, part = admission.home(cell)
        take(found.setdefault(part, {}), home, counts)
    return found


def plain_cell(named: Sequence[str]) -> Cell:
    """Return the cell that stands in a message as a list."""
    profile, channel, cohort, variant = named
    return profile, channel, cohort, variant


def wholes(slices: Any) -> dict[tuple[str, ...], Counts]:
    """Return the counts over all variants by (profile, channel, cohort)."""
    found: dict[tuple[str, ...], Counts] = {}
    for cells in slices:
        for cell, counts in cells.items():
            add(found.setdefault(cell[:3], {}), counts)
    return found


def positions(names: Sequence[str]) -> tuple[int, ...]:
    """Return where dimensions stand in a cell."""
    return tuple(DIMENSIONS.index(name) for name in names)
