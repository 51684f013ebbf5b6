"""How likely the counts of cells are under a shift of their rates, whatever those rates were.

Given a cell's events on both sides, K = k0 + k1, its own rate drops out: with rates r and r·e^x,

    k1 | K ~ Binomial(K, q),   q = n1 e^x / (n0 + n1 e^x).

Real rates wobble more than coins do. With x ~ mean shift m and spread τ (standard deviation of log rate), q is taken as
Beta(a, b) of mean q(m) and matching spread on the logit scale: a = 1/(τ²(1−q)), b = 1/(τ² q), so k1 is beta-binomial
(Skellam 1948). Conditioning on K makes the comparison blind to mix: more traffic in a cell moves no rate. Against a model
of the same kind the likelihood ratio is convex in k1, so what is claimed at a level for Poisson counts holds for counts
k out of n too, which vary less (Hoeffding 1963, theorem 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, log

import numpy as np

from detectors.cube import Floats, Mask

STEPS = 8  # Newton on a concave function, from a start that is already close
FARTHEST = 12.0  # log rate ratios beyond e^12 are as good as never or always
LOPSIDED = 20.0  # log odds beyond this cost the difference of large logarithms its digits; such a cell says next to nothing
LEAST_ODDS = exp(-LOPSIDED)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Cells that can say something about a shift: events at all, and something to compare on both sides."""

    k0: Floats
    k1: Floats
    events: Floats
    log_n0: Floats
    log_n1: Floats
    log_ratio: Floats  # ln(n1/n0)
    ratio: Floats

    def only(self, cells: Mask) -> "Evidence":
        """Return the evidence of some of the cells."""
        if cells.all():
            return self
        own = (self.k0, self.k1, self.events, self.log_n0, self.log_n1, self.log_ratio, self.ratio)
        return Evidence(*(column[cells] for column in own))


def telling(counts: Floats) -> Mask:
    """Return which cells say anything about a shift; `counts` as in a cube."""
    k0, n0, k1, n1 = counts.T
    return np.asarray((n0 > 0) & (n1 > 0) & (k0 + k1 > 0))


def evidence_of(counts: Floats) -> Evidence:
    """Return the evidence of telling cells."""
    k0, n0, k1, n1 = np.ascontiguousarray(counts.T)
    log_n0, log_n1 = np.log(n0), np.log(n1)
    return Evidence(k0, k1, k0 + k1, log_n0, log_n1, log_n1 - log_n0, n1 / n0)


def chance(seen: Evidence, shift: float) -> Floats:
    """Return q of every cell at a shift of the log rate."""
    odds = odds_of(seen, shift)
    return odds / (1.0 + odds)


def odds_of(seen: Evidence, shift: float) -> Floats:
    """Return q / (1 - q) of every cell at a shift of the log rate."""
    return np.asarray(np.minimum(np.maximum(seen.ratio * exp(shift), LEAST_ODDS), 1.0 / LEAST_ODDS))


def log_likelihood(seen: Evidence, shift: float, spread: float) -> Floats:
    """Return each cell's log-likelihood at a mean shift, up to a constant of the cell; `spread` at most 0.5."""
    return next(log_likelihoods(seen, shift, (spread,)))


def log_likelihoods(seen: Evidence, shift: float, spreads: Iterable[float]) -> Iterator[Floats]:
    """Yield the same for each of some spreads about one shift.

    Stirling's series with two corrections: a and b are at least 1/spread² ≥ 4, where it errs by less than 1e-6.
    """
    logit = np.minimum(np.maximum(seen.log_ratio + shift, -LOPSIDED), LOPSIDED)
    odds = odds_of(seen, shift)
    above = 1.0 + odds
    log_1_q = -np.log(above)
    log_q = log_1_q + logit
    for spread in spreads:
        if spread == 0.0:
            yield seen.k1 * log_q + seen.k0 * log_1_q
            continue
        precision = spread**-2
        a = precision * above
        b = a / odds
        s = a + b
        log_precision = log(precision)
        log_a, log_b = log_precision - log_1_q, log_precision - log_q
        found = stirling(a + seen.k1)
        found += stirling(b + seen.k0)
        found -= stirling(s + seen.events)
        found -= stirling(a, log_a)
        found -= stirling(b, log_b)
        found += stirling(s, log_a - log_q)
        yield found


def stirling(x: Floats, log_x: Floats | None = None) -> Floats:
    """ln Γ(x) without the terms −x + ½ ln 2π, which cancel in a beta-binomial; x at least 4."""
    inverse = 1.0 / x
    rest = inverse * inverse
    rest /= 360.0
    np.subtract(1.0 / 12.0, rest, out=rest)
    rest *= inverse
    found = x - 0.5
    found *= np.log(x) if log_x is None else log_x
    found += rest
    return np.asarray(found)


def common_shift(seen: Evidence, spread: float, near: float | None = None) -> float:
    """Return the one shift that fits all cells best: maximum likelihood at spread 0, quasi-likelihood above; looked for from `near` on."""
    if not len(seen.k0):
        return 0.0
    shift = whole_shift(seen) if near is None else near
    events = seen.events
    for _ in range(STEPS):
        q = chance(seen, shift)
        due = events * q
        information = due - due * q
        weight = 1.0 / (1.0 + spread * spread * information)
        slope, curvature = float((seen.k1 - due) @ weight), float(information @ weight)
        step = slope / curvature if curvature > 0.0 else 0.0
        shift = min(FARTHEST, max(-FARTHEST, shift + min(2.0, max(-2.0, step))))
        if abs(step) < 1e-6:
            break
    return shift


def whole_shift(seen: Evidence) -> float:
    """Return the shift of the rate of all cells together: near the common one unless the mix has changed."""
    volume = float(np.logaddexp.reduce(seen.log_n1) - np.logaddexp.reduce(seen.log_n0))
    return log((float(seen.k1.sum()) + 0.5) / (float(seen.k0.sum()) + 0.5)) - volume
