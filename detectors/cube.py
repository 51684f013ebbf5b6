"""A cube: per cell, how many of how many (k of n) before and after, and what it says as a whole.

Cells and dimensions are kept in one canonical order, so that the order in which rows arrived changes no figure, not even
in its last digit. A change of the whole rate is split into what cells did (rate) and how much of each there was (mix).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import gt

import numpy as np
import numpy.typing as npt

Value = str | int | bool | None
Row = tuple[Sequence[Value], int, int]  # the cell's values in the order of the dimensions, k, n
Where = tuple[tuple[str, Value], ...]  # (dimension, value), sorted by dimension
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

KINDS = {str, int, bool, type(None)}  # what a value may be
LARGEST_CODE = 2**62
LARGEST_TOTAL = 10**15  # a double still counts every event


class InvalidCubeError(ValueError):
    """Counts that cannot be: `field` says where, the message what would be right; never retried."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Side:
    """Totals of the cube, or of a part of it, on one side."""

    k: int
    n: int

    @property
    def rate(self) -> float | None:
        """k / n, None where n is 0."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """Counts by cell; `counts` has the columns k before, n before, k after, n after (float64, whole numbers).

    `codes[d][i]` is the index in `values[d]` of cell i's value of dimension d; `names` are sorted.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    codes: Integers
    counts: Floats

    @property
    def before(self) -> Side:
        return Side(int(self.counts[:, 0].sum()), int(self.counts[:, 1].sum()))

    @property
    def after(self) -> Side:
        return Side(int(self.counts[:, 2].sum()), int(self.counts[:, 3].sum()))


@dataclass(frozen=True, slots=True)
class Effects:
    """The change of the whole rate: rate + mix = rate after − rate before."""

    rate: float
    mix: float


def cube_of(names: Sequence[str], before: Sequence[Row], after: Sequence[Row]) -> Cube:
    """Build the cube; rows of one cell add up, a cell missing on a side counts 0 of 0 there.

    Raises InvalidCubeError for a repeated dimension, a row of the wrong length, something that is no value, k or n below 0,
    k above n, or totals above 10^15.
    """
    if len(set(names)) != len(names):
        raise InvalidCubeError("dimensions", "must not name a dimension twice")
    tables = [counts_of(field, len(names), rows) for field, rows in (("before", before), ("after", after))]
    keys = [key for rows in (before, after) for key, _, _ in rows]
    order = sorted(range(len(names)), key=lambda d: names[d])
    levels, columns = [], []
    for d in order:
        try:
            level, codes = coded([key[d] for key in keys])
        except TypeError:
            raise no_value(d, before, after) from None
        levels.append(level)
        columns.append(codes)
    cells, cell_of = distinct(levels, columns, len(keys))
    halves = np.split(cell_of, [len(before)])
    sums = [
        np.bincount(half, weights=column, minlength=cells.shape[1]) for half, table in zip(halves, tables, strict=True) for column in table
    ]
    counts = np.stack(sums, axis=1).astype(np.float64, copy=False)
    return Cube(tuple(names[d] for d in order), tuple(levels), cells, counts)


def counts_of(field: str, dimensions: int, rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Return the columns k and n of one side, checked."""
    keys, k, n = zip(*rows, strict=True) if rows else ((), (), ())
    if set(map(len, keys)) - {dimensions}:
        i = next(i for i, key in enumerate(keys) if len(key) != dimensions)
        raise InvalidCubeError(f"{field}[{i}][0]", f"must have one value for each of the {dimensions} dimensions, has {len(keys[i])}")
    if min(k, default=0) < 0 or min(n, default=0) < 0 or any(map(gt, k, n)):
        i = next(i for i, (some, whole) in enumerate(zip(k, n, strict=True)) if not 0 <= some <= whole)
        place, rule = (1, "0 or more") if k[i] < 0 else (2, "0 or more") if n[i] < 0 else (1, "at most the denominator")
        raise InvalidCubeError(f"{field}[{i}][{place}]", f"must be {rule}")
    if sum(n) > LARGEST_TOTAL:
        raise InvalidCubeError(field, f"must not count more than {LARGEST_TOTAL:.0e} together")
    return np.array(k, np.float64), np.array(n, np.float64)


def no_value(dimension: int, before: Sequence[Row], after: Sequence[Row]) -> InvalidCubeError:
    """Return the error that names the first thing in a dimension that is no value."""
    field, i = next(
        (field, i)
        for field, rows in (("before", before), ("after", after))
        for i, row in enumerate(rows)
        if type(row[0][dimension]) not in KINDS
    )
    return InvalidCubeError(f"{field}[{i}][0][{dimension}]", "must be text, a whole number, true, false or null")


def coded(column: list[Value]) -> tuple[tuple[Value, ...], Integers]:
    """Return the sorted values of a dimension, and for every row the number of its value; TypeError for what is no value."""
    occurring = set(column)
    if set(map(type, occurring)) <= {str}:
        level: list[Value] = sorted(occurring, key=str)
        number = {value: i for i, value in enumerate(level)}
        return tuple(level), np.fromiter(map(number.__getitem__, column), np.intp, len(column))
    if not set(map(type, column)) <= KINDS:
        raise TypeError
    # Types are kept apart, so that 1, True and "1" are three values.
    typed = [(type(value).__name__, value if isinstance(value, str | int) else 0, value) for value in column]
    kinds = sorted(set(typed), key=lambda kind: kind[:2])
    place = {kind: i for i, kind in enumerate(kinds)}
    return tuple(value for _, _, value in kinds), np.array([place[kind] for kind in typed], np.intp)


def distinct(levels: Sequence[tuple[Value, ...]], columns: Sequence[Integers], rows: int) -> tuple[Integers, Integers]:
    """Return the codes of the cells that occur, in order (dimensions, cells), and the cell of every row."""
    code, size = np.zeros(rows, np.intp), 1
    for level, column in zip(levels, columns, strict=True):
        if size * len(level) > LARGEST_CODE:
            _, code = np.unique(code, return_inverse=True)  # numbers what occurs: again below `rows`
            size = rows
        code = code * len(level) + column
        size *= len(level)
    _, code = np.unique(code, return_inverse=True)
    cells = int(code.max()) + 1 if rows else 0
    table = np.zeros((len(levels), cells), np.intp)
    for d, column in enumerate(columns):
        table[d, code] = column
    return table, code


def effects(cube: Cube) -> Effects | None:
    """Split the change of the whole rate over the cells; None where a side is empty.

    rate = Σ w1 (r1 − r0), mix = Σ (w1 − w0)(r0 − R0), with w a cell's share of n and R0 the whole rate before. A cell that
    was not there before has no r0 of its own: all it brings is mix.
    """
    whole_before = cube.before.rate
    if whole_before is None or cube.after.rate is None:
        return None
    k0, n0, k1, n1 = cube.counts.T
    w0, w1 = n0 / n0.sum(), n1 / n1.sum()
    r1 = np.divide(k1, n1, out=np.zeros_like(k1), where=n1 > 0)
    r0 = np.divide(k0, n0, out=r1.copy(), where=n0 > 0)
    rate = np.where(n1 > 0, w1 * (r1 - r0), 0.0).sum()
    return Effects(float(rate), float(((w1 - w0) * (r0 - whole_before)).sum()))
