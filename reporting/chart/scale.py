"""Axes: round steps, and the place of a value on them."""

from dataclasses import dataclass
from math import ceil, floor, log10

MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map of [low, high] onto [start, end] in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def step_of(span: float, most: int = MOST_TICKS) -> float:
    """Return the smallest step of 1, 2 or 5 times a power of ten that cuts `span` into at most `most` − 1 parts.

    >>> step_of(0.9), step_of(0.0041, 4)
    (0.5, 0.002)
    """
    if span <= 0:
        return 1.0
    least = span / (most - 1)
    power = floor(log10(least))
    for digit in (1, 2, 5, 10):
        step = float(f"{digit}e{power}")
        if step * 1.000001 >= least:
            return step
    return float(f"1e{power + 1}")


def ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of `step` within [low, high].

    >>> ticks(0.1, 0.95, 0.5)
    [0.5]
    """
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def around(values: list[float], step: float, parts: int) -> tuple[float, float]:
    """Return `parts` steps that hold all values where they can, on multiples of the step and centred on them."""
    low, high = min(values), max(values)
    first = floor((low + high) / 2 / step - parts / 2 + 0.5)
    first = min(first, floor(low / step + 1e-9))
    if (first + parts) * step < high - 1e-12:
        first = ceil(high / step - 1e-9) - parts
    return (max(0, first) * step if low >= 0 else first * step, (max(0, first) + parts if low >= 0 else first + parts) * step)


def decimals(step: float) -> int:
    """Return the decimals that tell neighbouring ticks apart.

    >>> decimals(0.05), decimals(2.0)
    (2, 0)
    """
    return max(0, -floor(log10(step) + 1e-9))
