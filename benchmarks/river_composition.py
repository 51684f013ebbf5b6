"""The baseline of `pmon score`: a composition of river's statistics, built as well as its description allows, with no look-ahead.

    value ─► |value − EW mean of its hour of the day| ─┐   tail of each: a running quantile u and the mean excess over it,
    EW mean, fast − EW mean, slow ─────────────────────┴─► evidence = −log10 of (1 − q) e^(−(r − u) / mean excess)
    refractory: what does not exceed the largest evidence of the rows just before counts a half

Its figures were set on development seeds of `benchmarks.labelled_series` (`python -m benchmarks.score --tune`), as ours were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import isfinite

from river import stats


@dataclass(frozen=True, slots=True)
class Setting:
    """What a composition leaves open."""

    slot: float = 0.1  # weight of the newest value in its slot's mean
    fast: float = 0.1
    slow: float = 0.01
    quantile: float = 0.98
    refractory: int = 200  # rows
    echo: float = 0.5


SETTINGS = [
    Setting(slot, fast, slow, quantile, refractory, echo)
    for slot, fast, slow, quantile, refractory, echo in product(
        (0.05, 0.1, 0.2), (0.1, 0.2), (0.002, 0.01), (0.98, 0.99), (50, 100, 200), (0.5, 0.25)
    )
]


class Tail:
    """Peaks over a running quantile, their excess taken as exponential."""

    def __init__(self, quantile: float) -> None:
        self.quantile, self.excess, self.seen, self.share = stats.Quantile(quantile), stats.Mean(), 0, 1.0 - quantile

    def evidence(self, size: float) -> float:
        """Return −log10 of the chance of at least this size, then learn it."""
        found, limit = 0.0, self.quantile.get() if self.seen >= 50 else None
        if limit is not None:
            mean = max(self.excess.get(), 0.1 * abs(limit), 1e-300)
            if size > limit:
                found = (min((size - limit) / mean, 700.0) - self._log_share()) / 2.302585
                self.excess.update(min(size - limit, 10.0 * mean) if self.excess.n > 5 else size - limit)
        self.quantile.update(size)
        self.seen += 1
        return found

    def _log_share(self) -> float:
        return -3.912 if self.share > 0.015 else -4.605


class RiverComposition:
    """Scores one row at a time, then learns it; times in epoch seconds, or None for no season."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.slots: Mapping[int, stats.EWMean] = {slot: stats.EWMean(fading_factor=setting.slot) for slot in range(-1, 24)}
        self.seen = dict.fromkeys(self.slots, 0)
        self.fast, self.slow = stats.EWMean(fading_factor=setting.fast), stats.EWMean(fading_factor=setting.slow)
        self.tails = Tail(setting.quantile), Tail(setting.quantile)
        self.recent = stats.RollingMax(setting.refractory)
        self.rows = 0

    def score(self, value: float, exposure: float | None, time_s: float | None) -> float:
        """Judge a row by the rows before it and take it in; a count is judged by its rate."""
        if exposure is not None:
            value = value / exposure if exposure > 0 else float("nan")
        if not isfinite(value):
            return 0.0
        slot = -1 if time_s is None else int(time_s % 86_400 // 3600)
        found = 0.0
        if self.seen[slot] > 3:
            found = self.tails[0].evidence(abs(value - self.slots[slot].get()))
        if self.rows > 50:
            found = max(found, self.tails[1].evidence(abs(self.fast.get() - self.slow.get())))
        self.slots[slot].update(value)
        self.seen[slot] += 1
        self.fast.update(value)
        self.slow.update(value)
        before = self.recent.get() if self.rows else 0.0
        self.recent.update(found)
        self.rows += 1
        said = found if found > (before or 0.0) else self.setting.echo * found
        return float(1.0 - 0.5 ** (said / 4.0))
