"""The mixture of reference/anomaly.md section 4 as window counts: tiers, seasons, over-dispersion, a shared wobble, hard negatives, faults.

Six weeks of hours, the first two to warm up. An initiative has ten cells, two of each volume tier; one cell in five carries one fault.
Every series has a holiday, a campaign burst, three one-window outliers and growth, none of them a fault.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

HOURS = 6 * 168
WARM = 2 * 168
TIERS = (2, 20, 200, 2_000, 20_000)
CELLS = 10
START_MS = 1_794_182_400_000  # a Monday

Array = np.ndarray[Any, np.dtype[np.float64]]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CellCounts:
    """One cell: exposures and clicks by hour, exposures of variant a out of them, what is true of it, and its fault."""

    tier: int
    exposures: Array
    clicks: Array
    shown: Array
    rate: Array  # clicks an exposure without the fault, the wobble included
    share: Array  # of variant a without the fault
    variation: float
    fault: str | None
    span: Span
    size: float


def season(draw: np.random.Generator) -> tuple[Array, Array]:
    """Return (volume, rate) factors of every hour."""
    hour = np.arange(HOURS) % 24
    weekend = (np.arange(HOURS) // 24 % 7) >= 5
    volume = (0.35 + 1.3 * np.exp(-(((hour - 14) / 5) ** 2))) * np.where(weekend, 0.7, 1.0)
    rate = 1 + draw.uniform(0.05, 0.2) * np.sin(2 * np.pi * (hour - draw.integers(24)) / 24)
    return volume / volume.mean(), rate


def wobble(draw: np.random.Generator, scale: float) -> Array:
    """Return a shared factor that wanders around 1 (first-order autoregressive)."""
    found, last = np.empty(HOURS), 0.0
    for at in range(HOURS):
        last = 0.9 * last + draw.normal(0, scale * 0.436)
        found[at] = np.exp(last)
    return found


def cell(draw: np.random.Generator, tier: int, shared: Array, fault: str | None) -> CellCounts:
    """Return one cell with hard negatives and, where asked, one fault."""
    volume, appetite = season(draw)
    variation = draw.uniform(0.02, 0.08)
    mean = tier * volume * np.linspace(1, draw.uniform(1, 1.3), HOURS)
    rate = np.minimum(0.9, draw.uniform(0.03, 0.15) * appetite * shared)
    holiday = int(draw.integers(WARM, HOURS - 24))
    mean[holiday : holiday + 24] *= 0.5
    burst = int(draw.integers(WARM, HOURS - 8))
    mean[burst : burst + 6] *= 4
    share = 0.5 + 0.08 * (wobble(draw, 0.5) - 1).clip(-2, 2)  # a bandit moves it about
    length = int(draw.choice([12, 24, 48]))
    size = float(draw.choice([0.1, 0.2, 0.4]))
    start = int(draw.integers(WARM + 24, HOURS - 340)) if fault == "drift" else int(draw.integers(WARM + 24, HOURS - length - 24))
    span = (start, start + (336 if fault == "drift" else length))
    now, shares = rate.copy(), share.copy()
    inside = slice(*span)
    if fault == "dip":
        now[inside] *= 1 - size
    if fault == "drift":
        now[inside] *= 1 - size * np.minimum(1, np.arange(336) / 168)
    if fault == "suppression":
        shares[inside] *= 1 - (0.5 + size)
    exposures = draw.poisson(np.maximum(0, mean * (1 + variation * draw.standard_normal(HOURS)))).astype(np.float64)
    noisy = np.clip(now * (1 + variation * draw.standard_normal(HOURS)), 0, 0.95)
    for at in draw.integers(WARM, HOURS, 3):  # alone, so that nothing else may be made of them
        if not span[0] - 3 <= at <= span[1] + 3:
            noisy[at] *= draw.choice([0.5, 1.5])
    noisy = np.clip(noisy, 0, 0.95)
    clicks = draw.binomial(exposures.astype(int), noisy).astype(np.float64)
    shown = draw.binomial(exposures.astype(int), np.clip(shares * (1 + variation * draw.standard_normal(HOURS)), 0, 1)).astype(np.float64)
    if fault == "stale":
        exposures[inside] = clicks[inside] = shown[inside] = 0
    return CellCounts(tier, exposures, clicks, shown, rate, share, variation, fault, span, size)


FAULTS = ("dip", "drift", "suppression", "stale")


def initiative(seed: int, number: int, *, faults: bool = True) -> list[CellCounts]:
    """Return the cells of one initiative; two of the ten carry a fault where faults are wanted."""
    draw = np.random.default_rng((seed, number))
    shared = wobble(draw, 0.04)
    struck = {int(place): str(draw.choice(FAULTS)) for place in draw.choice(CELLS, 2, replace=False)} if faults else {}
    return [cell(draw, TIERS[place % len(TIERS)], shared, struck.get(place)) for place in range(CELLS)]


def clairvoyant(found: CellCounts, wanted: float = 3.5) -> bool:
    """Return whether one who knows the span, the size, the baseline and the noise would reach z >= 3.5 on it: a matched filter."""
    inside = slice(*found.span)
    if found.fault == "suppression":
        mu = found.exposures[inside] * found.share[inside]
        loss = np.full(len(mu), 0.5 + found.size)
        variance = mu * (1 - found.share[inside]) + (found.variation * mu) ** 2
        gap = mu - found.shown[inside]
    else:
        mu = found.exposures[inside] * found.rate[inside]
        loss = found.size * (np.minimum(1, np.arange(len(mu)) / 168) if found.fault == "drift" else np.ones(len(mu)))
        variance = mu + (found.variation * mu) ** 2
        gap = mu - found.clicks[inside]
    weight = loss * mu / np.maximum(variance, 1e-9)
    spread = float((weight**2 * variance).sum()) ** 0.5
    return spread > 0 and float((weight * gap).sum()) / spread >= wanted
