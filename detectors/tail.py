"""Tail areas of the t, chi-square and gamma laws, as p-values that never read as "impossible".

Far tails come from the survival side (never 1 - cdf, which is 0.0 beyond eight standard deviations), and a p-value is
floored at the smallest normal double: an underflow is a limit of the number format, not a proof.
"""

import math
import sys

import numpy as np
from scipy import special

from detectors.protocol import Column

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


def poisson_score(count: Column, mu: Column, sign: int) -> Column:
    """Return a count's distance from its mean as a standard score, high where there is too little (sign -1) or too much (sign +1).

    The signed root of the deviance of a count half an event nearer to its mean: its normal tail is P(X <= count), or P(X >= count), within
    a third from one event expected on, where an Anscombe score is wrong by a factor of four at ten and of twelve at four.
    """
    mu = np.maximum(mu, 1e-9)
    near = np.maximum(count - 0.5 * sign, 0.0)
    deviance = mu - near + special.xlogy(near, near / mu)
    found: Column = np.copysign(np.sqrt(np.maximum(0.0, 2.0 * deviance)), sign * (near - mu))
    return found


def binomial_score(count: Column, total: Column, share: Column, sign: int) -> Column:
    """Return the same for a count out of a total, each with a chance of `share`, strictly between 0 and 1."""
    near = np.minimum(total, np.maximum(count - 0.5 * sign, 0.0))
    others = total - near
    deviance = special.xlogy(near, near / (total * share)) + special.xlogy(others, others / (total * (1.0 - share)))
    found: Column = np.copysign(np.sqrt(np.maximum(0.0, 2.0 * deviance)), sign * (near - total * share))
    return found


def waiting_p(expected: Column, shape: Column) -> Column:
    """Return the chance to wait for the next of some events until `expected` were due, gaps being of gamma law with this shape."""
    found: Column = np.minimum(1.0, np.maximum(SMALLEST_P, special.gammaincc(shape, shape * expected)))
    return found


def chi_square_p(statistic: float, degrees: int) -> float:
    """Return the upper tail area of the chi-square law; `degrees` at least 1."""
    return clamp_p(float(special.chdtrc(degrees, statistic)))
