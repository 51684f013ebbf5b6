"""Sequential tests of counts per arm: are users split as planned, and do the arms convert at one rate?

Counts are compared with their planned shares by a multinomial whose prior is Dirichlet(k * shares); the Bayes factor is
a martingale, so its inverse is a p-value at every look, from the first user on. Source: Lindon & Malek, "Anytime-valid
inference for multinomial count data", arXiv 2011.03567. Counts must be of users, each counted once.

The textbook form subtracts log-gammas of the size of n ln n. Here Stirling's leading terms are cancelled on paper, so the
factor keeps its digits at any number of users.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from detectors.tail import chi_square_p as chi_square_tail
from detectors.tail import p_of_log_evidence

Interval = tuple[float, float]

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
BISECTIONS = 200  # halving a bracket of doubles ends earlier; a bound for the reader


def log_bayes_factor(counts: Sequence[int], shares: Sequence[float], k: float) -> float:
    """Return ln of (evidence against the planned shares / evidence for them); shares above 0, k the prior's weight in users.

    With a_i = k w_i + x_i, A = k + n and d_i = (x_i - n w_i)/(A w_i) this is A sum w_i ((1+d_i) ln(1+d_i) - d_i) plus
    terms of the size of ln n.
    """
    weights, prior = ground(tuple(shares), k)
    n = sum(counts)
    total = k + n
    divergence = math.fsum(w * entropy_term((x - n * w) / (total * w)) for x, w in zip(counts, weights, strict=True))
    posterior = math.fsum(stirling_rest(k * w + x) - 0.5 * math.log(k * w + x) for x, w in zip(counts, weights, strict=True))
    ends = 0.5 * math.log(total / k) - stirling_rest(total) + stirling_rest(k)
    return total * divergence + posterior - prior + ends


@lru_cache(maxsize=1024)
def ground(shares: tuple[float, ...], k: float) -> tuple[tuple[float, ...], float]:
    """Return what does not change from look to look: the shares scaled to sum to 1, and the prior's part of the factor."""
    weights = normalised(shares)
    return weights, math.fsum(stirling_rest(k * w) - 0.5 * math.log(k * w) for w in weights)


def p_value(counts: Sequence[int], shares: Sequence[float], k: float) -> float:
    """Return the always-valid p-value, at this look, of "users are split as planned"; a reader who keeps looking keeps the minimum."""
    return p_of_log_evidence(log_bayes_factor(counts, shares, k))


def chi_square_p(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """Return Pearson's chi-square p-value, for one planned look; None without users, which say nothing."""
    n = sum(counts)
    if n == 0:
        return None
    statistic = math.fsum((x - n * w) ** 2 / (n * w) for x, w in zip(counts, normalised(shares), strict=True))
    return chi_square_tail(statistic, len(counts) - 1)


def log_rate_ratio_interval(control: int, treatment: int, shares: tuple[float, float], *, k: float, alpha: float) -> Interval:
    """Return the confidence sequence for ln(rate of treatment / rate of control), from converters per arm.

    The prior stays Dirichlet(k * shares) while the tested split moves to (w_c, w_t e^D). A side without converters is
    infinite. Valid at every look and for every count.
    """
    weights = normalised(shares)
    n = control + treatment
    if n == 0:
        return -math.inf, math.inf
    observed = (control / n, treatment / n)
    # ln BF at the best-fitting split is at most 0: the mixture never beats the maximum likelihood.
    relative = math.fsum(w * entropy_term((p - w) / w) for p, w in zip(observed, weights, strict=True))
    budget = max(0.0, n * relative - log_bayes_factor((control, treatment), weights, k)) - math.log(alpha)
    if not control or not treatment:
        return one_sided_ends(n, weights, budget, has_control=control > 0)
    centre = math.log(treatment / control * weights[0] / weights[1])
    return centre - distance(treatment, n, budget), centre + distance(control, n, budget)


def one_sided_ends(n: int, weights: tuple[float, ...], budget: float, *, has_control: bool) -> Interval:
    """The likelihood of D without converters in one arm is n ln(1 + w e^D / w'), which has one end."""
    log_odds = log_expm1(budget / n)
    if has_control:
        return -math.inf, log_odds + math.log(weights[0] / weights[1])
    return -log_odds + math.log(weights[0] / weights[1]), math.inf


def distance(x: int, n: int, budget: float) -> float:
    """Return the u above 0 where the log likelihood has fallen by `budget`, moving away from the maximum against x of n."""
    high = 1.0
    while fall(x, n, high) < budget:
        high *= 2.0
    low = 0.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (middle, high) if fall(x, n, middle) < budget else (low, middle)
    return high


def fall(x: int, n: int, u: float) -> float:
    """n ln(1 + p (e^-u - 1)) + x u with p = x/n: the loss of log likelihood at distance u; rises without end where x < n."""
    shrunk = x / n * -math.expm1(-u)
    log_rest = math.log1p(-shrunk) if shrunk < 0.5 else math.log((n - x) / n + x / n * math.exp(-u))
    return x * u + n * log_rest


def log_expm1(x: float) -> float:
    """ln(e^x - 1) without overflow."""
    return x + math.log(-math.expm1(-x))


def entropy_term(d: float) -> float:
    """(1+d) ln(1+d) - d, which is 0 at d = 0 and positive elsewhere; d at least -1."""
    if d <= -1.0:
        return 1.0
    return (1.0 + d) * math.log1p(d) - d


def stirling_rest(z: float) -> float:
    """ln Gamma(z) minus Stirling's leading terms; the series is exact to 1e-15 from 10 on (Abramowitz & Stegun 6.1.41)."""
    if z < 10.0:
        return math.lgamma(z) - ((z - 0.5) * math.log(z) - z + HALF_LOG_TWO_PI)
    i, s = 1.0 / z, 1.0 / (z * z)
    return i * (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * 691 / 360360)))))


def normalised(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares scaled to sum to 1; ValueError where one is not above 0."""
    total = math.fsum(shares)
    if not shares or min(shares) <= 0.0 or not math.isfinite(total):
        raise ValueError("every share must be above 0 and finite")
    return tuple(share / total for share in shares)
