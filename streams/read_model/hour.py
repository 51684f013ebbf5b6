"""One hour of one initiative while it fills: closed windows by cell, each overwritten by its later revision: nothing adds twice."""

from dataclasses import dataclass, field

from detectors.cell import OTHER, Cell, Counts, add
from detectors.window import HOUR

CELLS = 64  # kept apart in an hour; a page shows margins, and reports have every cell
REST: Cell = (OTHER, OTHER, OTHER, OTHER)


@dataclass(slots=True)
class Hour:
    """The hour up to `end` (ms). `fine` are its windows by end and cell; `sums` what an hour that is over for long has come to."""

    end: int
    fine: dict[int, dict[Cell, Counts]] = field(default_factory=dict)
    sums: dict[Cell, Counts] = field(default_factory=dict)
    settled: bool = False

    def put(self, window_end: int, cell: Cell, counts: Counts) -> None:
        """Take one window of one cell, in place of what it was before."""
        if self.settled:
            return
        cells = self.fine.setdefault(window_end, {})
        cells[cell] = counts

    def cells(self) -> dict[Cell, Counts]:
        """Return the hour's counts by cell; the smallest share one where there are too many."""
        found: dict[Cell, Counts] = {cell: dict(counts) for cell, counts in self.sums.items()}
        for cells in self.fine.values():
            for cell, counts in cells.items():
                add(found.setdefault(cell, {}), counts)
        if len(found) <= CELLS:
            return found
        ranked = sorted(found.items(), key=lambda item: (item[0] == REST, -item[1].get("exposures", 0), item[0]))
        kept = dict(ranked[: CELLS - 1])
        rest = kept.setdefault(REST, {}) if REST in kept else {}
        for _, counts in ranked[CELLS - 1 :]:
            add(rest, counts)
        return kept | {REST: rest}

    def settle(self, closed: int, after: int) -> None:
        """Keep only the sums once the hour lies `after` ms behind what is closed: no revision is expected any more."""
        if not self.settled and closed >= self.end + after:
            self.sums = self.cells()
            self.fine = {}
            self.settled = True


KEPT = 48 * HOUR
SETTLED_AFTER = 2 * HOUR  # a consent revision follows `settle` after its window, minutes in any sensible config
