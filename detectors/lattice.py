"""Every combination of up to three dimension values of a cube, and which cells each of them holds."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from detectors.cube import Cube, Floats, Integers, Mask, Value, Where

Numbers = npt.NDArray[np.int32]

DEEPEST = 3  # a segment of more values is a list of cells, not an explanation
DENSE = 1 << 16  # codes up to here are counted, above they are sorted


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The segments of a cube, numbered; `members[c][i]` is the segment of combination c that holds cell i.

    `depth[s]` is how many values segment s fixes, `first[s]` one cell it holds, `sizes[d]` how many segments of depth d there are.
    """

    combinations: tuple[tuple[int, ...], ...]
    members: Numbers
    combination: Integers
    first: Integers
    depth: Integers
    sizes: dict[int, int]

    def totals(self, columns: Floats, cells: Integers) -> Floats:
        """Return the sums over every segment of columns given for some cells: (cells, m) in, (segments, m) out."""
        combinations, count = len(self.combinations), len(cells)
        if not combinations:
            return np.zeros((0, columns.shape[1]))
        ends = np.arange(0, combinations * count + 1, combinations, dtype=np.int32)
        parts = np.ones(combinations * count), self.members.T[cells].ravel(), ends
        return np.asarray(sparse.csc_matrix(parts, shape=(len(self.depth), count)) @ columns, np.float64)

    def holds(self, segment: int) -> Mask:
        """Return which cells a segment holds."""
        return np.asarray(self.members[self.combination[segment]] == segment)

    def where(self, cube: Cube, segment: int) -> Where:
        """Return the values a segment fixes."""
        cell = int(self.first[segment])
        fixed = self.combinations[self.combination[segment]]
        return tuple((cube.names[d], value_of(cube, d, cell)) for d in fixed)


def value_of(cube: Cube, dimension: int, cell: int) -> Value:
    return cube.values[dimension][int(cube.codes[dimension, cell])]


def lattice_of(cube: Cube) -> Lattice:
    """Number the segments of a cube, dimension by dimension; dimensions with one value only name nothing and are left out."""
    telling = [d for d, level in enumerate(cube.values) if len(level) > 1]
    found = tuple(fixed for depth in range(1, min(DEEPEST, len(telling)) + 1) for fixed in combinations(telling, depth))
    members, first = np.zeros((len(found), cube.codes.shape[1]), np.int32), []
    codes: dict[tuple[int, ...], tuple[Integers, int]] = {(): (np.zeros(cube.codes.shape[1], np.intp), 1)}
    offset = 0
    for c, fixed in enumerate(found):
        code, size = codes[fixed[:-1]]  # shallower ones come first
        values = len(cube.values[fixed[-1]])
        codes[fixed] = code, size = code * values + cube.codes[fixed[-1]], size * values
        cell_of = number(code, size, offset, members[c])
        offset += len(cell_of)
        first.append(cell_of)
    sizes: dict[int, int] = {}
    for fixed, cell_of in zip(found, first, strict=True):
        sizes[len(fixed)] = sizes.get(len(fixed), 0) + len(cell_of)
    of = np.repeat(np.arange(len(found)), [len(cell_of) for cell_of in first])
    depth = np.array([len(fixed) for fixed in found], np.intp)[of]
    return Lattice(found, members, of, np.concatenate([np.zeros(0, np.intp), *first]), depth, sizes)


def number(code: Integers, size: int, offset: int, into: Numbers) -> Integers:
    """Write each cell's number among the codes below `size` that occur, from `offset` on, into `into`; return a cell for each number."""
    if size > DENSE:
        _, cell_of, numbers = np.unique(code, return_index=True, return_inverse=True)
        into[:] = numbers + offset
        return cell_of
    cell_at = np.full(size, -1, np.intp)
    cell_at[code] = np.arange(len(code))
    present = cell_at >= 0
    into[:] = (np.cumsum(present, dtype=np.int32) + np.int32(offset - 1))[code]
    return cell_at[present]
