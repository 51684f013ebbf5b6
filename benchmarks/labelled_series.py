"""Labelled series of several families, made from a seed: what `pmon score` and its baseline are measured on.

Every series has 0 to 3 labelled stretches; what is normal for a family (spikes of a batch job, a wandering level, holes) is not labelled.
Development seeds are below 1000, reporting seeds from 1000 on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 3000
STEP_S = 1800
START_S = 1_760_000_400

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series: times (epoch s), values with NaN for missing ones, and the labelled stretches as half-open row ranges."""

    family: str
    times: list[float]
    values: list[float]
    stretches: tuple[tuple[int, int], ...]


def places(draw: np.random.Generator, number: int, length: int) -> list[int]:
    """Return where labelled stretches begin: after the first fifth, well apart."""
    starts = [int(ROWS * 0.2) + int((ROWS * 0.75) * (k + draw.uniform(0.1, 0.7)) / max(number, 1)) for k in range(number)]
    return [min(start, ROWS - length - 1) for start in starts]


def daily(draw: np.random.Generator) -> Array:
    """Return a smooth day with a weekend."""
    at = START_S + np.arange(ROWS) * STEP_S
    phase = 2 * np.pi * (at % 86_400) / 86_400
    day = np.sin(phase + draw.uniform(0, 6)) + draw.uniform(0, 0.6) * np.sin(2 * phase + draw.uniform(0, 6))
    weekend = np.where((at // 86_400 + 3) % 7 >= 5, draw.uniform(0.6, 1.0), 1.0)
    return np.asarray((2.5 + day) * weekend, dtype=np.float64)


def noise(draw: np.random.Generator, scale: float, memory: float = 0.0) -> Array:
    """Return first-order autoregressive noise of a standard deviation."""
    steps = draw.standard_normal(ROWS) * scale * np.sqrt(1 - memory**2)
    found = np.empty(ROWS)
    last = 0.0
    for row, step in enumerate(steps):
        last = memory * last + step
        found[row] = last
    return found


def seasonal_values(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """Values ordinary over the day, at the wrong hour."""
    series = daily(draw) * 10 + noise(draw, draw.uniform(0.4, 1.2), 0.5)
    stretches = []
    for start in places(draw, int(draw.integers(0, 3)), 24):
        series[start : start + 24] = np.median(series) + noise(draw, 0.5)[:24]
        stretches.append((start, start + 24))
    return series, stretches


def spikes(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """A flat noisy level with a few spikes of one to three rows."""
    series = 100 + noise(draw, 3.0, draw.uniform(0, 0.8))
    stretches = []
    for start in places(draw, int(draw.integers(1, 4)), 3):
        wide = int(draw.integers(1, 4))
        series[start : start + wide] += draw.choice([-1, 1]) * draw.uniform(20, 60)
        stretches.append((start, start + wide))
    return series, stretches


def shifts(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """A level that moves and stays; the label is the time in which one should notice."""
    series = 50 + noise(draw, 2.0, draw.uniform(0, 0.6))
    stretches = []
    for start in places(draw, int(draw.integers(1, 3)), 60):
        series[start:] += draw.choice([-1, 1]) * draw.uniform(4, 12)
        stretches.append((start, start + 60))
    return series, stretches


def drifts(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """A slow climb over two hundred rows to another level, on a daily curve."""
    series = daily(draw) * 8 + noise(draw, 1.0, 0.3)
    stretches = []
    for start in places(draw, 1, 250):
        climb = np.clip((np.arange(ROWS) - start) / 200, 0, 1)
        series += climb * draw.choice([-1, 1]) * draw.uniform(6, 14)
        stretches.append((start, start + 250))
    return series, stretches


def batch_job(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """Load with a spike every so many rows, which is normal; labelled: a plateau, or spikes that stay away."""
    series = 20 + np.abs(noise(draw, 2.0, 0.4))
    every = int(draw.integers(20, 90))
    series[draw.integers(0, every) :: every] += draw.uniform(30, 60)
    stretches = []
    for start in places(draw, 1, 40):
        series[start : start + 40] = draw.uniform(45, 90) + noise(draw, 2.0)[:40]
        stretches.append((start, start + 40))
    return series, stretches


def wander(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """A level that wanders, which is normal; labelled: a jump of many steps."""
    series = 100 + np.cumsum(draw.standard_normal(ROWS) * 0.5) + noise(draw, 0.5)
    stretches = []
    for start in places(draw, int(draw.integers(0, 3)), 30):
        series[start : start + 30] += draw.choice([-1, 1]) * draw.uniform(6, 15)
        stretches.append((start, start + 30))
    return series, stretches


def heavy(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """Heavy-tailed values of a huge scale (requests, bytes); labelled: a stretch of almost nothing, or a flood."""
    series = 1e9 * daily(draw) * np.exp(noise(draw, 0.25, 0.3)) * (1 + draw.pareto(4.0, ROWS))
    stretches = []
    for start in places(draw, 1, 30):
        series[start : start + 30] *= draw.choice([0.02, 8.0])
        stretches.append((start, start + 30))
    return series, stretches


def rare_counts(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """Mostly zeros and small counts; labelled: a burst."""
    series = draw.poisson(draw.uniform(0.2, 3.0), ROWS).astype(np.float64)
    stretches = []
    for start in places(draw, 1, 10):
        series[start : start + 10] += draw.poisson(12, 10)
        stretches.append((start, start + 10))
    return series, stretches


def still(draw: np.random.Generator) -> tuple[Array, list[tuple[int, int]]]:
    """A constant with one change, or none."""
    series = np.full(ROWS, draw.uniform(-5, 500))
    stretches = []
    for start in places(draw, int(draw.integers(0, 2)), 20):
        series[start : start + 20] += draw.uniform(1, 50)
        stretches.append((start, start + 20))
    return series, stretches


Family = Callable[[np.random.Generator], tuple[Array, list[tuple[int, int]]]]
FAMILIES: tuple[Family, ...] = (seasonal_values, spikes, shifts, drifts, batch_job, wander, heavy, rare_counts, still)


def labelled(seed: int, each: int) -> Iterator[Labelled]:
    """Yield `each` series of every family; a third of them with 2 % of their rows missing."""
    for number, family in enumerate(FAMILIES):
        for one in range(each):
            draw = np.random.default_rng((seed, number, one))
            series, stretches = family(draw)
            if one % 3 == 2:
                series[draw.random(ROWS) < 0.02] = np.nan
            yield Labelled(family.__name__, [float(START_S + row * STEP_S) for row in range(ROWS)], series.tolist(), tuple(stretches))
