"""How many users a test needs, and how many it still needs.

A sequence needs about twice the users of a fixed test to reach the same power at one given look, but it stops at the
first look that decides, which comes at about the fixed number. Hence the rule: plan `PLANNING_FACTOR` times the fixed
number and expect to stop near the fixed number (simulated: benchmarks/peeking.py).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from detectors.sequence import boundary

PLANNING_FACTOR = 1.6
UNREACHABLE_N = 10**15  # no program has this many users; beyond it the honest answer is "never"


@dataclass(frozen=True, slots=True)
class Plan:
    """Users of both arms together: for one look at the end, for this power at that look of a sequence, and to plan for."""

    fixed_n: int
    sequence_n: int | None
    planned_n: int


def plan(effect: float, variances: tuple[float, float], *, alpha: float, tuning_n: float, power: float = 0.8, share: float = 0.5) -> Plan:
    """Return the users needed to see an absolute `effect` other than 0.

    `variances` are per user, control first; `share` is the treatment's share of users, strictly between 0 and 1.
    """
    if effect == 0.0 or not 0.0 < share < 1.0 or not 0.0 < power < 1.0 or not 0.0 < alpha < 1.0:
        raise ValueError("effect must not be 0; share, power and alpha must be between 0 and 1")
    per_user = variances[0] / (1.0 - share) + variances[1] / share
    gain = NormalDist().inv_cdf(power)
    reach = NormalDist().inv_cdf(1.0 - alpha / 2.0) + gain
    fixed = math.ceil(reach * reach * per_user / (effect * effect))

    def enough(n: int) -> bool:
        return math.sqrt(per_user / n) * (boundary(n, alpha, tuning_n) + gain) <= abs(effect)

    return Plan(fixed, first(enough, fixed), math.ceil(PLANNING_FACTOR * fixed))


def users_to_go(standard_error: float, n: int, minimum_effect: float, alpha: float, tuning_n: float) -> int | None:
    """Return how many more users bring the half-width of the sequence down to the smallest effect worth having.

    0 when it is there, None when no number of users would (10^15 and none in sight, or a minimum effect of 0).
    The standard error at more users is the present one times sqrt(n / more).
    """
    if minimum_effect <= 0.0:
        return None

    def enough(more: int) -> bool:
        return standard_error * math.sqrt(n / more) * boundary(more, alpha, tuning_n) <= minimum_effect

    total = first(enough, n)
    return None if total is None else total - n


def progress(half_width: float, minimum_effect: float) -> float:
    """Return the share of the needed precision that is there, 0 to 1: information grows with 1/half-width squared."""
    return 1.0 if half_width <= minimum_effect else (minimum_effect / half_width) ** 2


def first(enough: Callable[[int], bool], start: int) -> int | None:
    """The smallest n from `start` on that is enough; once enough stays enough, for a half-width only falls."""
    if enough(start):
        return start
    low, high = start, 2 * start
    while not enough(high):
        low, high = high, 2 * high
        if high > UNREACHABLE_N:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
