"""Labelled series made from a seed, one class for each thing that can go wrong: what `pmon score` and its baseline are measured on.

What is normal for a series (its season, a batch job's spikes, a wandering level, heavy tails, holes) is not labelled. Length, sampling
step, scale, sign, persistence of the noise, missing rows, uneven sampling and whether there are times at all are drawn for every
series, so that no setting fits one of them. Development seeds are below 1000, reporting seeds from 1000 on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

START_S = 1_760_000_400

Array = np.ndarray[Any, np.dtype[np.float64]]
Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series: times (epoch s or None), values with NaN for missing ones, exposures of a count, labelled half-open row ranges."""

    family: str
    times: list[float | None]
    values: list[float]
    stretches: tuple[tuple[int, int], ...]
    exposures: list[float] | None = None


@dataclass(slots=True)
class Ground:
    """A series before anything goes wrong: its values, the standard deviation of its noise, rows a day."""

    values: Array
    noise: float
    day: int
    stretches: list[tuple[int, int]]
    exposures: Array | None = None

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.values)


def noise(draw: Draw, rows: int, scale: float, memory: float = 0.0) -> Array:
    """Return first-order autoregressive noise of a standard deviation."""
    steps = draw.standard_normal(rows) * scale * np.sqrt(1 - memory**2)
    found, last = np.empty(rows), 0.0
    for row, step in enumerate(steps):
        last = memory * last + step
        found[row] = last
    return found


def flat(draw: Draw) -> Ground:
    """Noise about a level, more or less persistent, sometimes with a trend."""
    rows = int(draw.choice([400, 1000, 2000, 4000]))
    series = 100.0 + noise(draw, rows, 3.0, float(draw.choice([0.0, 0.3, 0.6, 0.9])))
    if draw.random() < 0.25:
        series += np.linspace(0, draw.uniform(-20, 20), rows)
    return Ground(series, 3.0, int(draw.choice([24, 48, 96, 288, 1440])), [])


def shape(draw: Draw, rows: int, day: int) -> Array:
    """Return a positive daily curve of mean about 1, with a weekend."""
    at = (np.arange(rows) + draw.integers(0, 7 * day)) / day
    turn = 2 * np.pi * at
    curve = 1.0 + draw.uniform(0.2, 0.6) * np.sin(turn) + draw.uniform(0, 0.25) * np.sin(2 * turn + draw.uniform(0, 6))
    weekend = np.where(at.astype(int) % 7 >= 5, draw.choice([1.0, 1.0, 0.85, 0.6]), 1.0)
    return np.asarray(curve * weekend, dtype=np.float64)


def seasonal(draw: Draw) -> Ground:
    """A daily curve with noise, sometimes growing: weeks of hours, or two weeks of rows every five minutes."""
    day = int(draw.choice([24, 48, 96, 288]))
    rows = day * {24: int(draw.integers(21, 57)), 48: int(draw.integers(21, 57)), 96: int(draw.integers(21, 36)), 288: 14}[day]
    scale = float(draw.choice([2.0, 4.0, 6.0]))
    series = 100.0 * shape(draw, rows, day) + noise(draw, rows, scale, float(draw.choice([0.0, 0.4, 0.8])))
    if draw.random() < 0.3:
        series += np.linspace(0, draw.uniform(-30, 60), rows)
    return Ground(series, scale, day, [])


def either(draw: Draw) -> Ground:
    """A level or a season."""
    return flat(draw) if draw.random() < 0.5 else seasonal(draw)


def places(draw: Draw, ground: Ground, most: int, length: int) -> list[int]:
    """Return where 1 to `most` stretches begin: after the first quarter, apart, whole."""
    number = int(draw.integers(1, most + 1)) if ground.rows >= 1000 else 1
    first, room = ground.rows * 0.25, (ground.rows * 0.75 - length) / number
    return [int(first + room * (k + draw.uniform(0.05, 0.6))) for k in range(number)]


def spike(draw: Draw) -> Ground:
    """One to three rows far off."""
    ground = either(draw)
    for start in places(draw, ground, 3, 3):
        wide = int(draw.integers(1, 4))
        ground.values[start : start + wide] += draw.choice([-1, 1]) * draw.uniform(7, 20) * ground.noise
        ground.stretches.append((start, start + wide))
    return ground


def dip_to_zero(draw: Draw) -> Ground:
    """Some rows of nothing where there is always something."""
    ground = seasonal(draw)
    ground.values = np.maximum(ground.values, 8.0)
    for start in places(draw, ground, 2, 24):
        wide = int(draw.integers(2, 25))
        ground.values[start : start + wide] = 0.0
        ground.stretches.append((start, start + wide))
    return ground


def level_shift(draw: Draw) -> Ground:
    """A level that moves and stays; the label is the time in which one should notice."""
    ground = either(draw)
    for start in places(draw, ground, 2, 60):
        ground.values[start:] += draw.choice([-1, 1]) * draw.uniform(3.5, 10) * ground.noise
        ground.stretches.append((start, start + 60))
    return ground


def slow_drift(draw: Draw) -> Ground:
    """A climb over 100 to 250 rows to another level; labelled from its beginning to a little after its end."""
    ground = either(draw)
    wide = int(draw.integers(100, 250)) if ground.rows >= 1000 else 80
    for start in places(draw, ground, 1, wide + 50):
        climb = np.clip((np.arange(ground.rows) - start) / wide, 0, 1)
        ground.values += climb * draw.choice([-1, 1]) * draw.uniform(5, 12) * ground.noise
        ground.stretches.append((start, start + wide + 50))
    return ground


def flatline(draw: Draw) -> Ground:
    """A sensor that repeats its last value."""
    ground = either(draw)
    for start in places(draw, ground, 2, 60):
        wide = int(draw.integers(25, 60))
        ground.values[start : start + wide] = ground.values[start - 1]
        ground.stretches.append((start, start + wide))
    return ground


def variance(draw: Draw) -> Ground:
    """Noise that grows three to six times for some dozens of rows, the level kept."""
    ground = either(draw)
    for start in places(draw, ground, 2, 80):
        wide = int(draw.integers(30, 80))
        ground.values[start : start + wide] += noise(draw, wide, draw.uniform(3, 6) * ground.noise)
        ground.stretches.append((start, start + wide))
    return ground


def burst(draw: Draw) -> Ground:
    """A plateau of tens of rows above or below."""
    ground = either(draw)
    for start in places(draw, ground, 2, 50):
        wide = int(draw.integers(8, 50))
        ground.values[start : start + wide] += draw.choice([-1, 1]) * draw.uniform(4, 12) * ground.noise
        ground.stretches.append((start, start + wide))
    return ground


def contextual(draw: Draw) -> Ground:
    """Ordinary values at the wrong hour: a day that is flat, upside down, or another's hour for a part of it."""
    ground = seasonal(draw)
    day, kind = ground.day, int(draw.integers(0, 3))
    for start in places(draw, ground, 2, day):
        wide = day if kind == 0 else max(4, day // 2)
        part = slice(start, start + wide)
        before = ground.values[max(0, start - 7 * day) : start]
        if kind == 0:
            ground.values[part] = np.median(before) + noise(draw, wide, ground.noise)
        elif kind == 1:
            ground.values[part] = 2 * before.mean() - ground.values[part]
        else:
            ground.values[part] = ground.values[start - day // 2 - day : start - day // 2 - day + wide]
        ground.stretches.append((start, start + wide))
    return ground


def batch_job(draw: Draw) -> Ground:
    """Load with a peak every so many rows, which is normal; labelled: a plateau, peaks that stay away, or far more of them."""
    rows, every = int(draw.choice([1500, 3000, 5000])), int(draw.integers(12, 90))
    series = 20 + np.abs(noise(draw, rows, 2.0, 0.4))
    peaks = np.arange(int(draw.integers(0, every)), rows, every)
    series[peaks] += draw.uniform(30, 60) + noise(draw, len(peaks), 3.0)
    ground = Ground(series, 2.0, int(draw.choice([24, 96, 288])), [])
    wide, kind = max(40, 3 * every), int(draw.integers(0, 3))
    for start in places(draw, ground, 1, wide):
        part = slice(start, start + wide)
        if kind == 0:
            series[part] = draw.uniform(45, 90) + noise(draw, wide, 2.0)
        elif kind == 1:
            series[part] = np.minimum(series[part], 27)
        else:
            series[start : start + wide : max(3, every // 5)] += 40
        ground.stretches.append((start, start + wide))
    return ground


def spiky(draw: Draw) -> Ground:
    """Load with peaks of any height at any time, which is normal; labelled: a plateau, one peak of twice the highest, or none for long."""
    rows, rate = int(draw.choice([2000, 4000])), draw.uniform(0.01, 0.08)
    height = (draw.random(rows) < rate) * draw.gamma(3.0, 10.0, rows)
    series = 30 + noise(draw, rows, 2.0, 0.5) + height + 0.5 * np.roll(height, 1)
    ground = Ground(series, 2.0, int(draw.choice([24, 96, 288])), [])
    kind = int(draw.integers(0, 3))
    for start in places(draw, ground, 2, 60):
        wide = 3 if kind == 1 else 60
        if kind == 0:
            series[start : start + wide] += draw.uniform(15, 40)
        elif kind == 1:
            series[start : start + wide] += 2 * height.max()
        else:
            series[start : start + wide] = 5 + np.abs(noise(draw, wide, 1.0))
        ground.stretches.append((start, start + wide))
    return ground


def wander(draw: Draw) -> Ground:
    """A level that wanders, which is normal; labelled: a jump of many steps that lasts for tens of rows."""
    rows = int(draw.choice([1000, 2000, 4000]))
    series = 100 + np.cumsum(draw.standard_normal(rows) * 0.5) + noise(draw, rows, 0.5)
    ground = Ground(series, 0.7, int(draw.choice([24, 96, 288])), [])
    for start in places(draw, ground, 2, 30):
        series[start : start + 30] += draw.choice([-1, 1]) * draw.uniform(6, 15)
        ground.stretches.append((start, start + 30))
    return ground


def heavy_tails(draw: Draw) -> Ground:
    """Heavy-tailed values over a season (requests, latencies, bytes); labelled: a stretch of almost nothing, or a flood."""
    ground = seasonal(draw)
    rows = ground.rows
    ground.values = np.maximum(shape(draw, rows, ground.day), 0.05) * np.exp(noise(draw, rows, 0.25, 0.3)) * (1 + draw.pareto(3.0, rows))
    for start in places(draw, ground, 1, 30):
        ground.values[start : start + 30] *= draw.choice([0.02, 8.0])
        ground.stretches.append((start, start + 30))
    return ground


def small_counts(draw: Draw) -> Ground:
    """Mostly zeros and small counts; labelled: a burst."""
    rows = int(draw.choice([800, 2000, 4000]))
    ground = Ground(draw.poisson(draw.uniform(0.2, 3.0), rows).astype(np.float64), 1.0, 48, [])
    for start in places(draw, ground, 2, 10):
        ground.values[start : start + 10] += draw.poisson(8, 10)
        ground.stretches.append((start, start + 10))
    return ground


def seasonal_counts(draw: Draw) -> Ground:
    """Poisson counts that follow the day, sometimes overdispersed; labelled: a loss or a gain for hours."""
    ground = seasonal(draw)
    rate = draw.choice([8.0, 40.0, 400.0]) * shape(draw, ground.rows, ground.day) * np.exp(noise(draw, ground.rows, 0.05, 0.5))
    for start in places(draw, ground, 2, ground.day // 2):
        rate[start : start + ground.day // 2] *= draw.choice([0.3, 2.2])
        ground.stretches.append((start, start + ground.day // 2))
    ground.values = draw.poisson(np.maximum(rate, 0)).astype(np.float64)
    return ground


def share(draw: Draw) -> Ground:
    """A count out of an exposure that follows the day; labelled: a rate that falls or rises for hours."""
    ground = seasonal(draw)
    exposures = draw.poisson(draw.choice([200.0, 2000.0, 20000.0]) * np.maximum(shape(draw, ground.rows, ground.day), 0.02))
    rate = draw.uniform(0.03, 0.3) * np.exp(noise(draw, ground.rows, 0.03, 0.5))
    for start in places(draw, ground, 2, ground.day // 2):
        rate[start : start + ground.day // 2] *= draw.choice([0.4, 1.7])
        ground.stretches.append((start, start + ground.day // 2))
    ground.exposures = exposures.astype(np.float64)
    ground.values = draw.binomial(exposures, np.minimum(rate, 1)).astype(np.float64)
    return ground


def still(draw: Draw) -> Ground:
    """A constant with one change."""
    rows = int(draw.choice([300, 1500]))
    ground = Ground(np.full(rows, float(draw.choice([0.0, draw.uniform(-5, 500)]))), 1.0, 96, [])
    for start in places(draw, ground, 1, 20):
        ground.values[start : start + 20] += draw.uniform(1, 50)
        ground.stretches.append((start, start + 20))
    return ground


def nothing_wrong(draw: Draw) -> Ground:
    """Grounds of many kinds with no label: only false alarms can be had here."""
    kind = int(draw.integers(0, 9))
    if kind >= 5:
        return either(draw)
    ground = seasonal(draw)
    rows = ground.rows
    if kind == 0:  # heavy tails
        ground.values = np.exp(noise(draw, rows, 0.4, 0.5)) * (1 + draw.pareto(3.0, rows))
    elif kind == 1:
        ground.values = 100 + np.cumsum(draw.standard_normal(rows) * 0.5) + noise(draw, rows, 0.5)
    elif kind == 2:  # nights of nothing
        ground.values = np.maximum(0.0, ground.values - 100.0)
    elif kind == 3:  # two states, each for tens or hundreds of rows
        ground.values = 30.0 * (np.cumsum(draw.random(rows) < draw.uniform(0.005, 0.03)) % 2) + noise(draw, rows, 3.0, 0.3)
    else:  # fills up, is emptied
        every = draw.uniform(50, 400)
        ground.values = 100.0 * ((np.arange(rows) / every + np.cumsum(draw.standard_normal(rows)) * 0.002) % 1.0) + noise(draw, rows, 1.0)
    return ground


FAMILIES: tuple[Callable[[Draw], Ground], ...] = (
    spike, dip_to_zero, level_shift, slow_drift, flatline, variance, burst, contextual, batch_job, spiky, wander,
    heavy_tails, small_counts, seasonal_counts, share, still, nothing_wrong,
)  # fmt: skip


def clothed(draw: Draw, family: str, ground: Ground) -> Labelled:
    """Return a ground with scale, sign, times and holes drawn."""
    rows, values = ground.rows, ground.values.copy()
    counted = family in ("small_counts", "seasonal_counts", "share")
    if not counted and draw.random() < 0.15:  # an instrument of few digits
        values = np.round(values / ground.noise) * ground.noise
    if not counted:
        values = values * 10.0 ** float(draw.choice([-9, -3, 0, 0, 3, 9])) * float(draw.choice([1, 1, 1, -1]))
    step = 86_400.0 / ground.day
    at = START_S + np.arange(rows) * step
    uneven = draw.random()
    if uneven < 0.2:
        at = at + draw.uniform(-0.3, 0.3, rows) * step
    if draw.random() < 0.25:
        values[draw.random(rows) < draw.choice([0.01, 0.05])] = np.nan
    timeless = draw.random() < 0.2
    times: list[float | None] = [None] * rows if timeless else [float(t) for t in at]
    exposures = None if ground.exposures is None else ground.exposures.tolist()
    return Labelled(family, times, values.tolist(), tuple(ground.stretches), exposures)


def labelled(seed: int, each: int) -> Iterator[Labelled]:
    """Yield `each` series of every class."""
    for number, family in enumerate(FAMILIES):
        for one in range(each):
            draw = np.random.default_rng((seed, number, one))
            yield clothed(draw, family.__name__, family(draw))
