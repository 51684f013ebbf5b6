"""Tail areas of the t and chi-square laws, as p-values that never read as "impossible".

Far tails come from the survival side (never 1 - cdf, which is 0.0 beyond eight standard deviations), and a p-value is
floored at the smallest normal double: an underflow is a limit of the number format, not a proof.
"""

import math
import sys

from scipy import special

SMALLEST_P = sys.float_info.min


def clamp_p(p: float) -> float:
    """Return p inside [smallest normal double, 1]."""
    return min(1.0, max(SMALLEST_P, p))


def p_of_log_evidence(log_evidence: float) -> float:
    """Return the always-valid p-value 1/e of evidence e given as its natural logarithm; by Ville's inequality."""
    return 1.0 if log_evidence <= 0.0 else clamp_p(math.exp(-log_evidence))


def student_p(t: float, degrees: float) -> float:
    """Return the two-sided p-value of a t statistic; `degrees` above 0."""
    return clamp_p(2.0 * float(special.stdtr(degrees, -abs(t))))


def student_quantile(probability: float, degrees: float) -> float:
    """Return the t quantile of a probability of at least one half; the tail 1 - probability is what is inverted."""
    return float(special.stdtrit(degrees, probability))


def chi_square_p(statistic: float, degrees: int) -> float:
    """Return the upper tail area of the chi-square law; `degrees` at least 1."""
    return clamp_p(float(special.chdtrc(degrees, statistic)))
