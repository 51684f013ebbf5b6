"""How likely the counts of cells are under a shift of their rates, whatever those rates were.

Given a cell's events on both sides, K = k0 + k1, its own rate drops out: with rates r and r·e^x,

    k1 | K ~ Binomial(K, q),   q = n1 e^x / (n0 + n1 e^x).

Real rates wobble more than coins do. With x ~ mean shift m and spread τ (standard deviation of log rate), q is taken as
Beta(a, b) of mean q(m) and matching spread on the logit scale: a = 1/(τ²(1−q)), b = 1/(τ² q), so k1 is beta-binomial
(Skellam 1948). Conditioning on K makes the comparison blind to mix: more traffic in a cell moves no rate. Against a model
of the same kind the likelihood ratio is convex in k1, so what is claimed at a level for Poisson counts holds for counts
k out of n too, which vary less (Hoeffding 1963, theorem 4).
"""

from collections.abc import Sequence
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
    n0: Floats
    n1: Floats
    log_ratio: Floats  # ln(n1/n0)
    ratio: Floats

    def only(self, cells: Mask) -> "Evidence":
        """Return the evidence of some of the cells."""
        if cells.all():
            return self
        own = (self.k0, self.k1, self.events, self.n0, self.n1, self.log_ratio, self.ratio)
        return Evidence(*(column[cells] for column in own))


def telling(counts: Floats) -> Mask:
    """Return which cells say anything about a shift; `counts` as in a cube."""
    k0, n0, k1, n1 = counts.T
    return np.asarray((n0 > 0) & (n1 > 0) & (k0 + k1 > 0))


def evidence_of(counts: Floats) -> Evidence:
    """Return the evidence of telling cells."""
    k0, n0, k1, n1 = np.ascontiguousarray(counts.T)
    return Evidence(k0, k1, k0 + k1, n0, n1, np.log(n1) - np.log(n0), n1 / n0)


def chance(seen: Evidence, shift: float) -> Floats:
    """Return q of every cell at a shift of the log rate."""
    odds = np.minimum(np.maximum(seen.ratio * exp(shift), LEAST_ODDS), 1.0 / LEAST_ODDS)
    return np.asarray(odds / (1.0 + odds))


def logit_of(seen: Evidence, shift: float | Floats) -> Floats:
    """Return ln(q / (1 − q)) of every cell at a shift of the log rate, or at some of them, a row each."""
    logit = seen.log_ratio + shift
    return np.asarray(np.minimum(np.maximum(logit, -LOPSIDED, out=logit), LOPSIDED, out=logit))


def log_likelihood(seen: Evidence, shift: float, spread: float) -> Floats:
    """Return each cell's log-likelihood at a mean shift, up to a constant of the cell; `spread` at most 0.5."""
    if spread:
        return np.asarray(log_likelihoods(seen, [shift], [spread])[0])
    logit = logit_of(seen, shift)
    log_above = np.log1p(np.exp(logit))
    return np.asarray(seen.k1 * (logit - log_above) - seen.k0 * log_above)


def log_likelihoods(seen: Evidence, shifts: Sequence[float], spreads: Sequence[float]) -> Floats:
    """Return the same for several spreads above 0, a row each, about as many shifts, or about one: (rows, cells).

    ln Γ by Stirling's series with two corrections: a and b are at least 1/spread² ≥ 4, where it errs by less than 1e-6. What
    it says of a, b and s = a + b alone, ln B(a, b), is (a − ½) ln a + (b − ½) ln b − (s − ½) ln s = a ln q + b ln(1 − q) − ½ ln p
    with p = 1/spread², since ln a = ln p − ln(1 − q) and ln b = ln p − ln q; its corrections depend on v = q(1 − q) only.
    """
    p = np.array(spreads)[:, None] ** -2
    first, third = 1.0 / (12.0 * p), 1.0 / (360.0 * p**3)  # Stirling's corrections of a number p
    logit = logit_of(seen, np.array(shifts)[:, None])
    odds = np.exp(logit)
    above = 1.0 + odds
    log_above = np.log(above)
    a = p * above
    b = a / odds
    x, y = a + seen.k1, b + seen.k0
    found = stirling(x)
    found += stirling(y)
    found -= stirling(x + y)
    logit -= log_above
    a *= logit
    b *= log_above
    found += b
    found -= a
    found += 0.5 * np.log(p) - first + third
    above *= above
    v = odds / above  # q (1 − q)
    found += v * (first - third * (3.0 + v * v))
    return np.asarray(found)


def stirling(x: Floats) -> Floats:
    """ln Γ(x) without the terms −x + ½ ln 2π, which cancel in a beta-binomial; x at least 4."""
    rest = 1.0 / x
    found = rest * rest
    found *= -1.0 / 360.0
    found += 1.0 / 12.0
    rest *= found
    np.log(x, out=found)
    x = x - 0.5
    found *= x
    found += rest
    return found


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
    return log((float(seen.k1.sum()) + 0.5) / (float(seen.k0.sum()) + 0.5)) - log(float(seen.n1.sum()) / float(seen.n0.sum()))
