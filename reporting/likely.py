"""What a figure's own last windows make likely of each of them: a wave of the day through them, and how far from it chance carries one.

    value = level + a·cos + b·sin + c·cos 2 + d·sin 2 of the time of day, by weighted least squares; the level alone for half a day
    Var(value) = phi · expected / weight, phi = Pearson's chi² over its degrees of freedom: a quasi-Poisson count over its weight

A count is worth at least what Poisson's law gives it (phi ≥ 1), money is as scattered as it is. What is held out (the window in question,
windows of an incident) is compared and teaches nothing. This describes; what opens an incident is judged by the detectors alone.
McCullagh and Nelder, Generalized Linear Models, ch. 9 (quasi-likelihood).
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from detectors.window import DAY

FEWEST = 24  # windows that teach; with fewer there is no range
WAVE_SHARE = 0.75  # of a day that must be known before a daily wave is told from a slope
Z = 2.5758  # 99 of 100 windows of a normal law
HALF_EVENT = 0.5  # of what was never seen, half an event is believed: a rate of exactly 0 has no scatter


@dataclass(frozen=True, slots=True)
class Point:
    """One window: its end in ms, its value, and what the value is measured on (exposures of a rate, 1 of a count)."""

    end: int
    value: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Range:
    """Where a value lies in 99 of 100 windows, around what is expected."""

    low: float
    expected: float
    high: float

    def side(self, value: float) -> int:
        """Return -1 below the range, 1 above, 0 inside.

        >>> Range(1.0, 2.0, 3.0).side(0.5)
        -1
        """
        return (value > self.high) - (value < self.low)


def likely(points: Sequence[Point | None], held: Collection[int] = (), *, counted: bool = True) -> list[Range | None]:
    """Return the range of each window, None where there is no window or too few others teach; `held` are indexes that do not teach.

    `counted`: the values are counts over their weights; False: money.
    """
    taught = [point for index, point in enumerate(points) if point is not None and point.weight > 0.0 and index not in held]
    if len(taught) < FEWEST:
        return [None] * len(points)
    terms = _terms(taught)
    rows = [_row(point.end, terms) for point in taught]
    weights = [point.weight for point in taught]
    factors = _solved(rows, weights, [point.value for point in taught])
    total = sum(weights)
    least = max(sum(point.value * point.weight for point in taught), HALF_EVENT if counted else 0.0) / total
    fits = [_fit(row, factors, least) for row in rows]
    chi = sum(point.weight * (point.value - fit) ** 2 / fit for point, fit in zip(taught, fits, strict=True) if fit > 0.0)
    phi = max(1.0 if counted else 0.0, chi / (len(taught) - terms))
    return [None if point is None or point.weight <= 0.0 else _range(point, factors, terms, least, phi) for point in points]


def _terms(points: Sequence[Point]) -> int:
    hours = {point.end % DAY for point in points}
    step = min((later.end - earlier.end for earlier, later in itertools.pairwise(points)), default=DAY)
    return 5 if len(hours) * step >= WAVE_SHARE * DAY else 1


def _row(end: int, terms: int) -> list[float]:
    angle = 2.0 * pi * (end % DAY) / DAY
    return [1.0, cos(angle), sin(angle), cos(2.0 * angle), sin(2.0 * angle)][:terms]


def _fit(row: Sequence[float], factors: Sequence[float], least: float) -> float:
    fit = sum(one * factor for one, factor in zip(row, factors, strict=True))
    return max(fit, 0.1 * least)  # a wave may dip below nothing, a count may not


def _range(point: Point, factors: Sequence[float], terms: int, least: float, phi: float) -> Range:
    fit = _fit(_row(point.end, terms), factors, least)
    wide = Z * float((phi * fit / point.weight) ** 0.5)
    return Range(max(0.0, fit - wide), fit, fit + wide)


def _solved(rows: Sequence[Sequence[float]], weights: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the factors of weighted least squares: the normal equations by elimination; they are few."""
    size = len(rows[0])
    table = [
        [sum(w * row[i] * row[j] for row, w in zip(rows, weights, strict=True)) for j in range(size)]
        + [sum(w * row[i] * value for row, w, value in zip(rows, weights, values, strict=True))]
        for i in range(size)
    ]
    for at in range(size):
        pivot = max(range(at, size), key=lambda index: abs(table[index][at]))
        table[at], table[pivot] = table[pivot], table[at]
        for other in range(size):
            if other != at:
                share = table[other][at] / table[at][at]
                table[other] = [one - share * own for one, own in zip(table[other], table[at], strict=True)]
    return [table[at][size] / table[at][at] for at in range(size)]
