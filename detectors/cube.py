"""A cube: per cell, how many of how many (k of n) before and after, and what it says as a whole.

Cells and dimensions are kept in one canonical order, so that the order in which rows arrived changes no figure, not even
in its last digit. A change of the whole rate is split into what cells did (rate) and how much of each there was (mix).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Value = str | int | bool | None
Row = tuple[Sequence[Value], int, int]  # the cell's values in the order of the dimensions, k, n
Where = tuple[tuple[str, Value], ...]  # (dimension, value), sorted by dimension
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

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


def cube_of(names: Sequence[str], before: Iterable[Row], after: Iterable[Row]) -> Cube:
    """Build the cube; rows of one cell add up, a cell missing on a side counts 0 of 0 there.

    Raises InvalidCubeError for a repeated dimension, a row of the wrong length, k or n below 0, k above n, or totals above 10^15.
    """
    if len(set(names)) != len(names):
        raise InvalidCubeError("dimensions", "a dimension is named twice")
    order = sorted(range(len(names)), key=lambda d: names[d])
    totals: dict[tuple[tuple[str, Value], ...], list[int]] = {}
    for field, column, rows in (("before", 0, before), ("after", 2, after)):
        for i, (key, k, n) in enumerate(rows):
            check_row(f"{field}[{i}]", len(names), key, k, n)
            # The type's name keeps 1, True and "1" apart.
            cell = totals.setdefault(tuple((type(key[d]).__name__, key[d]) for d in order), [0, 0, 0, 0])
            cell[column] += k
            cell[column + 1] += n
    for column, field in ((1, "before"), (3, "after")):
        if sum(cell[column] for cell in totals.values()) > LARGEST_TOTAL:
            raise InvalidCubeError(field, f"the counts of all rows together must be at most {LARGEST_TOTAL:.0e}")
    return arranged(tuple(names[d] for d in order), totals)


def check_row(field: str, dimensions: int, key: Sequence[Value], k: int, n: int) -> None:
    if len(key) != dimensions:
        raise InvalidCubeError(f"{field}[0]", f"must have one value for each of the {dimensions} dimensions, has {len(key)}")
    if k < 0:
        raise InvalidCubeError(f"{field}[1]", "the numerator must be 0 or more")
    if n < 0:
        raise InvalidCubeError(f"{field}[2]", "the denominator must be 0 or more")
    if k > n:
        raise InvalidCubeError(f"{field}[1]", "the numerator must be at most the denominator")


def arranged(names: tuple[str, ...], totals: dict[tuple[tuple[str, Value], ...], list[int]]) -> Cube:
    def rank(typed: tuple[str, Value]) -> tuple[str, str | int]:
        return typed[0], typed[1] if isinstance(typed[1], str | int) else 0

    levels = [sorted({cell[d] for cell in totals}, key=rank) for d in range(len(names))]
    places = [{typed: i for i, typed in enumerate(level)} for level in levels]
    rows = sorted((tuple(places[d][typed] for d, typed in enumerate(cell)), counts) for cell, counts in totals.items())
    return Cube(
        names,
        tuple(tuple(value for _, value in level) for level in levels),
        np.array([key for key, _ in rows], np.intp).reshape(len(rows), len(names)).T,
        np.array([counts for _, counts in rows], np.float64).reshape(len(rows), 4),
    )


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
