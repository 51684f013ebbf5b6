"""Asymptotic confidence sequence for the difference of two arms: an interval that stays valid however often one looks.

    +            half-width = se * z*(N),  z*(N)^2 = 2 (N r + 1)/(N r) ln( sqrt(N r + 1)/alpha )
     \\
      `-.__      se falls like 1/sqrt(N); z* is smallest near N = `tuning_n` (3.03 at alpha .05) and grows like sqrt(ln N)
           ``--  elsewhere: the price of peeking.

Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", arXiv 2103.06476. The test is on the absolute difference: on the relative scale, by the delta method,
peeking gives several times the nominal false positives. The central limit behind it needs a burn-in (`burned_in`).
"""

import math
import sys
from dataclasses import dataclass

from detectors.moments import Estimate
from detectors.tail import clamp_p, p_of_log_evidence, student_p, student_quantile

Interval = tuple[float, float]

# 25 converters (or an effective sample of 25) in every arm: without it a 90/10 split stops 7 % of A/A tests, with it 2 %.
# 25 who did not convert as well: at a rate of 99 % and 90/10 converters alone let 23 % stop (benchmarks/peeking.py).
BURN_IN = 25

# With an uneven split the small arm decides how lopsided the difference is: 25 converters there leave a 90/10 split at 3.2 % of A/A tests,
# an effective sample of 25 leaves money of lognormal 1 and 2 at 4.2 and 15.2 %. With this bound on the skewness of the difference (about 60
# converters in the small arm, nothing more where the split is even) it is 2.1, 1.2 and 0 %. The skewness per user is that of both arms
# together: the small arm has not seen its tail yet.
MOST_SKEWED = 0.1


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of two arms, its standard error (above 0) and the users of both."""

    difference: float
    standard_error: float
    n: int


@dataclass(frozen=True, slots=True)
class Welch:
    """A test for one look that was planned beforehand; peeked at, it is not valid."""

    ci: Interval
    p_value: float


def burned_in(treatment: Estimate | None, control: Estimate | None) -> bool:
    """Say whether both arms have the evidence from which the sequence may be believed, and their difference is not too lopsided for it."""
    if treatment is None or control is None or min(treatment.evidence, control.evidence) < BURN_IN:
        return False
    a, b = treatment.n, control.n
    third = abs((a * treatment.third + b * control.third) / (a + b) * (1.0 / a / a - 1.0 / b / b))
    square = treatment.variance / treatment.n + control.variance / control.n
    return third <= MOST_SKEWED * square * math.sqrt(square)


def compare(treatment: Estimate | None, control: Estimate | None) -> Comparison | None:
    """Return treatment minus control, or None where an arm has fewer than two users or nothing varies.

    OverflowError where a figure leaves the range of a double.
    """
    if treatment is None or control is None or min(treatment.n, control.n) < 2:
        return None
    square = treatment.variance / treatment.n + control.variance / control.n
    difference = treatment.value - control.value
    if not math.isfinite(square) or not math.isfinite(difference):
        raise OverflowError("the difference of the arms leaves the range of a double")
    return Comparison(difference, math.sqrt(square), treatment.n + control.n) if square > 0.0 else None


def mixture_rate(alpha: float, tuning_n: float) -> float:
    """Return rho^2, the mixture's variance per user that makes the boundary narrowest near `tuning_n` users."""
    if not 0.0 < alpha < 1.0 or not tuning_n > 0:
        raise ValueError(f"alpha must be between 0 and 1 and tuning_n above 0, were {alpha} and {tuning_n}")
    doubled = -2.0 * math.log(alpha)
    return (doubled + math.log1p(doubled)) / tuning_n


def boundary(n: int, alpha: float, tuning_n: float) -> float:
    """Return z*(n): half-width over standard error of the two-sided sequence after n users of both arms."""
    growth = n * mixture_rate(alpha, tuning_n)
    return math.sqrt(2.0 * (growth + 1.0) / growth * (0.5 * math.log1p(growth) - math.log(alpha)))


def one_sided_boundary(n: int, alpha: float, tuning_n: float) -> float:
    """Return the boundary of a bound on one side only; alpha below one half, rho tuned for twice alpha."""
    growth = n * mixture_rate(2.0 * alpha, tuning_n)
    return math.sqrt(2.0 * (growth + 1.0) / growth * math.log1p(math.exp(0.5 * math.log1p(growth) - math.log(2.0 * alpha))))


def interval(seen: Comparison, alpha: float, tuning_n: float) -> Interval:
    """Return the confidence sequence's interval for the difference; never of zero width."""
    return around(seen.difference, seen.standard_error * boundary(seen.n, alpha, tuning_n))


def p_value(seen: Comparison, alpha: float, tuning_n: float, *, margin: float = 0.0) -> float:
    """Return the always-valid p-value, at this look, of "the difference is `margin`": below alpha iff the interval excludes it.

    A reader who keeps looking keeps the minimum of these.
    """
    growth = seen.n * mixture_rate(alpha, tuning_n)
    z = (seen.difference - margin) / seen.standard_error
    return p_of_log_evidence(growth * z * z / (2.0 * (growth + 1.0)) - 0.5 * math.log1p(growth))


def lower_bound(seen: Comparison, alpha: float, tuning_n: float) -> float:
    """Return what the difference exceeds, at one-sided alpha at every look: non-inferior where this is above -margin."""
    return around(seen.difference, seen.standard_error * one_sided_boundary(seen.n, alpha, tuning_n))[0]


def upper_bound(seen: Comparison, alpha: float, tuning_n: float) -> float:
    """Return what the difference stays below, at one-sided alpha at every look: harm where this is below -tolerance."""
    return around(seen.difference, seen.standard_error * one_sided_boundary(seen.n, alpha, tuning_n))[1]


def one_sided_p(seen: Comparison, alpha: float, tuning_n: float, *, margin: float = 0.0) -> float:
    """Return the always-valid p-value, at this look, of "the difference is at most `margin`"; alpha sets the tuning."""
    growth = seen.n * mixture_rate(2.0 * alpha, tuning_n)
    z = (seen.difference - margin) / seen.standard_error
    exponent = growth * z * z / (2.0 * (growth + 1.0))
    if z <= 0.0 or exponent == 0.0:
        return 1.0
    log_excess = exponent + math.log(-math.expm1(-exponent))  # ln(e^x - 1) without overflow
    return clamp_p(math.exp(min(0.0, 0.5 * math.log1p(growth) - math.log(2.0) - log_excess)))


def welch(treatment: Estimate | None, control: Estimate | None, alpha: float) -> Welch | None:
    """Return Welch's unequal-variances t test of the difference, or None where an arm has fewer than two users or nothing varies.

    Source: Welch 1947, degrees of freedom by Satterthwaite 1946. The last look of a hybrid test reads this at alpha/2.
    """
    if treatment is None or control is None or min(treatment.n, control.n) < 2:
        return None
    parts = [(arm.sample_variance / arm.n, arm.n - 1) for arm in (treatment, control)]
    square = math.fsum(part for part, _ in parts)
    if not math.isfinite(square):
        raise OverflowError("the difference of the arms leaves the range of a double")
    if square <= 0.0:
        return None
    degrees = 1.0 / math.fsum((part / square) ** 2 / free for part, free in parts)
    error = math.sqrt(square)
    difference = treatment.value - control.value
    return Welch(around(difference, student_quantile(1.0 - alpha / 2.0, degrees) * error), student_p(difference / error, degrees))


def lift(treatment: Estimate, control: Estimate) -> float | None:
    """Return the difference over |control|, or None where control is 0: an improvement on a loss is positive too."""
    if control.value == 0.0:
        return None
    relative = (treatment.value - control.value) / abs(control.value)
    return relative if math.isfinite(relative) else None


def lift_interval(treatment: Estimate, control: Estimate, alpha: float, tuning_n: float) -> Interval | None:
    """Return an interval for the lift by the logarithm of the ratio of the arms, or None where their signs differ or one is 0.

    For display: the verdict is the absolute interval's.
    """
    quotient = treatment.value / control.value if control.value else 0.0
    if not 0.0 < quotient < math.inf:
        return None
    square = math.fsum(arm.variance / arm.n / arm.value / arm.value for arm in (treatment, control))
    reach = math.sqrt(square) * boundary(treatment.n + control.n, alpha, tuning_n)
    low, high = math.log(quotient) - reach, math.log(quotient) + reach
    if not low < high or not high < math.log(sys.float_info.max):
        return None
    ends = math.expm1(low), math.expm1(high)
    found = ends if control.value > 0.0 else (-ends[1], -ends[0])
    return found if found[0] < found[1] else None


def around(centre: float, reach: float) -> Interval:
    """Return centre -+ reach, at least one representable number wide on each side (rounding must not fake certainty)."""
    low = min(centre - reach, math.nextafter(centre, -math.inf))
    high = max(centre + reach, math.nextafter(centre, math.inf))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise OverflowError("the interval leaves the range of a double")
    return low, high
