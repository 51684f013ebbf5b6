"""Intervals for rates and for their change, from counts alone.

Wilson's score interval holds its level for small counts and rates near 0, where the textbook interval does not (E. B. Wilson,
JASA 22, 1927). Newcombe's square-and-add of two Wilson intervals is its counterpart for a difference of two rates (R. G. Newcombe,
Statistics in Medicine 17, 1998, method 10). Both treat the counted events as independent: people who come back make them a little narrow.
"""

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95


def quantile(level: float) -> float:
    """Return the two-sided standard normal quantile of a level in (0, 1)."""
    return NormalDist().inv_cdf(0.5 + level / 2)


Z95 = quantile(LEVEL)


def wilson(k: int, n: int, z: float = Z95) -> tuple[float, float] | None:
    """Return the score interval of the rate k/n, None where it is not a proportion (n = 0, k < 0 or k > n).

    >>> [round(end, 4) for end in wilson(10, 100)]
    [0.0552, 0.1744]
    """
    if n <= 0 or not 0 <= k <= n:
        return None
    rate, spread = k / n, z * z / n
    middle = (rate + spread / 2) / (1 + spread)
    half = z * sqrt((rate * (1 - rate) + spread / 4) / n) / (1 + spread)
    return (0.0 if k == 0 else max(0.0, middle - half), 1.0 if k == n else min(1.0, middle + half))


def newcombe(k: int, n: int, k_before: int, n_before: int, z: float = Z95) -> tuple[float, float] | None:
    """Return the interval of k/n − k_before/n_before, None where either is not a proportion.

    >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    now, before = wilson(k, n, z), wilson(k_before, n_before, z)
    if now is None or before is None:
        return None
    rate, rate_before = k / n, k_before / n_before
    below = sqrt((rate - now[0]) ** 2 + (before[1] - rate_before) ** 2)
    above = sqrt((now[1] - rate) ** 2 + (rate_before - before[0]) ** 2)
    return (rate - rate_before - below, rate - rate_before + above)
