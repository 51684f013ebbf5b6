"""Many counts into few: the same sums as merging them one by one, taken column by column because a report adds thousands of cells.

names     clicks  exposures  last_ms         every Counts becomes a vector over the same names,
vectors      4       100        t1           a column is added up at once, `last_ms` by its maximum
             7       200        t2
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

from detectors.cell import LAST_MS, Counts

Vector = tuple[int, ...]


class Rollup:
    """Sums over a fixed set of names: every name that is in any of the counts given."""

    __slots__ = ("_names",)

    def __init__(self, counts: Iterable[Mapping[str, int]]) -> None:
        self._names = tuple(sorted(set().union(*counts)))

    def vector(self, counts: Mapping[str, int]) -> Vector:
        """Return counts as a vector; a name that is not there is 0."""
        return tuple(map(counts.get, self._names, repeat(0)))

    def total(self, vectors: Sequence[Vector]) -> Counts:
        """Return the sum of vectors as counts, without the entries that come to 0."""
        columns = zip(self._names, zip(*vectors, strict=True), strict=False)
        found = {name: max(column) if name == LAST_MS else sum(column) for name, column in columns}
        return {name: number for name, number in found.items() if number}
