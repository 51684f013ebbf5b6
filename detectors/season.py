"""Which season a series follows: wall-clock slots where there are times, else a period found in the data itself.

Phases of the clock (hour of the day, hour of the week) survive missing rows and unequal steps; a period counted in rows does not, so it
competes with them and with no season at all, and what predicted best of late is used.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

DAY_S, WEEK_S = 86_400, 604_800
KEPT = 2048  # rows in which a period is looked for
LOOKS: Final = (96, 192, 384, 768, 1536)  # and then every KEPT rows
CLEAR = 0.35  # autocorrelation a period must reach


@dataclass(slots=True)
class Period:
    """The rows of late and the period found in them, 0 for none."""

    length: int = 0
    count: int = 0
    recent: list[float] = field(default_factory=list)

    def learn(self, value: float) -> bool:
        """Take one row; return whether the period has changed."""
        self.count += 1
        self.recent.append(value)
        if len(self.recent) >= 2 * KEPT:
            del self.recent[:KEPT]
        if self.count not in LOOKS and self.count % KEPT:
            return False
        found = period_of(self.recent[-KEPT:])
        if not found or found == self.length or (self.length and found % self.length == 0):
            return False
        self.length = found
        return True


def period_of(values: list[float]) -> int:
    """Return the lag in rows at which values repeat best, at least 4 and thrice within them; 0 where none is clear.

    The autocorrelation is computed by FFT on values clipped at their 1st and 99th percentile, each lag divided by its number of pairs.
    """
    series = np.asarray(values)
    series = np.clip(series, *np.percentile(series, (1, 99)))
    n = len(series)
    line = np.polyval(np.polyfit(np.arange(n), series, 1), np.arange(n))
    series = series - line
    if float(np.ptp(series)) <= 1e-9 * (1e-300 + float(np.abs(line).max())):
        return 0
    spectrum = np.fft.rfft(series, 2 * n)
    lags = np.fft.irfft(spectrum * np.conj(spectrum))[: n // 3 + 1] / np.arange(n, n - n // 3 - 1, -1)
    lags = lags / lags[0]
    below = np.flatnonzero(lags < 0.5 * CLEAR)  # the slope down from lag 0 is persistence, not a period
    if not len(below):
        return 0
    tail = lags[below[0] :]
    best = int(tail.argmax()) + int(below[0])
    if best < 4 or lags[best] < CLEAR or best >= n // 3:
        return 0
    return best


def clock_phase(time_s: float, season_s: int) -> float:
    """Return how far through its season a time (epoch seconds, UTC) is, in [0, 1); weeks begin on Mondays."""
    return (time_s - 4 * DAY_S) % season_s / season_s
