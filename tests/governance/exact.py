"""The readout's figures once more, by the textbook and in sixty decimal digits: what the shipped doubles are held against.

Nothing is shared with the shipped code. Gamma is Stirling's series with Bernoulli numbers, tail areas are integrals of the density by
the exp-sinh rule (Takahasi and Mori 1974), which needs no case for far tails or many degrees of freedom. A quantile or an end that has
no closed form is checked by one step of Newton's from the figure given: the step is its error.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

DIGITS = 60  # the caller's context has them
STEP = Decimal("0.04")  # of the exp-sinh rule: errors below 1e-14 of the area for every density here
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
ONE, TWO, HALF = Decimal(1), Decimal(2), Decimal("0.5")
SMALLEST = Decimal("2.2250738585072014e-308")  # a double's smallest normal number: what a smaller p reads as

Row = dict[str, Any]


def of(number: int | float | Fraction) -> Decimal:
    """Return a number in decimal digits; a fraction is rounded to the context's."""
    if isinstance(number, Fraction):
        return Decimal(number.numerator) / Decimal(number.denominator)
    return Decimal(number)


@cache
def bernoulli(most: int) -> tuple[Fraction, ...]:
    """Return B_0 to B_most (B_1 = -1/2) by their recurrence."""
    found: list[Fraction] = [Fraction(1)]
    row = [1, 1]
    for m in range(1, most + 1):
        row = [1, *(a + b for a, b in pairwise(row)), 1]
        found.append(-sum((row[k] * found[k] for k in range(m)), Fraction(0)) / (m + 1))
    return tuple(found)


def log_gamma(z: Decimal) -> Decimal:
    """Return ln Gamma(z), z above 0."""
    product = ONE
    while z < 40:
        product *= z
        z += 1
    series = (z - HALF) * z.ln() - z + HALF * (TWO * PI).ln()
    numbers = bernoulli(60)
    for k in range(1, 31):
        series += of(numbers[2 * k]) / (2 * k * (2 * k - 1) * z ** (2 * k - 1))
    return series - product.ln()


def log_bayes_factor(counts: Sequence[int], prior: Sequence[Decimal], tested: Sequence[Decimal]) -> Decimal:
    """Return ln( B(prior + x)/B(prior) / prod tested^x )."""
    n, k = sum(counts), sum(prior, Decimal(0))
    found = log_gamma(k) - log_gamma(k + n)
    for x, a, t in zip(counts, prior, tested, strict=True):
        found += log_gamma(a + x) - log_gamma(a) - (x * t.ln() if x else 0)
    return found


@cache
def nodes() -> tuple[tuple[Decimal, Decimal], ...]:
    """Return (place, weight) of the exp-sinh rule on [0, infinity)."""
    found = []
    for i in range(-100, 101):
        v = STEP * i
        up, down = v.exp(), (-v).exp()
        place = (PI / 2 * (up - down) / 2).exp()
        found.append((place, STEP * PI / 2 * (up + down) / 2 * place))
    return tuple(found)


def tail(log_density: Callable[[Decimal], Decimal], start: Decimal, scale: Decimal) -> Decimal:
    """Return the area of a density beyond `start`; `scale` is the length over which it falls there."""
    with localcontext() as context:
        context.prec = 30
        return sum((scale * weight * log_density(start + scale * place).exp() for place, weight in nodes()), Decimal(0))


def student_log_density(free: Decimal) -> Callable[[Decimal], Decimal]:
    """Return ln of Student's density."""
    known = log_gamma((free + 1) / 2) - log_gamma(free / 2) - (free * PI).ln() / 2
    return lambda t: known - (free + 1) / 2 * (1 + t * t / free).ln()


def student_p(t: Decimal, free: Decimal) -> Decimal:
    """Return the two-sided p of a t statistic."""
    return TWO * tail(student_log_density(free), abs(t), ONE / max(ONE, abs(t)))


def chi_square_p(statistic: Decimal, free: int) -> Decimal:
    """Return the upper tail of the chi-square law."""
    known = -Decimal(free) / 2 * TWO.ln() - log_gamma(Decimal(free) / 2)
    if statistic == 0:
        return ONE
    return tail(lambda x: known + (Decimal(free) / 2 - 1) * x.ln() - x / 2, statistic, TWO)


class Arm:
    """One arm: value, variance per user as the sequence takes it, as Welch takes it, all exact fractions; None without users."""

    def __init__(self, kind: str, arm: Row) -> None:
        n = self.n = int(arm["n"])
        self.s = Fraction(arm["s"]) if "s" in arm else Fraction(0)
        self.value = self.variance = self.sample = None
        if kind == "ratio":
            m, mm, d, dd, md = (Fraction(arm[name]) for name in ("m_s", "m_ss", "d_s", "d_ss", "md"))
            if n and d > 0:
                r, free = m / d, max(1, n - 1)
                v_m, v_d, cov = (mm - m * m / n) / free, (dd - d * d / n) / free, (md - m * d / n) / free
                self.value = r
                self.variance = self.sample = (v_m - 2 * r * cov + r * r * v_d) / (d / n) ** 2
        elif n:
            self.value = self.s / n
            squares = self.s if kind == "proportion" else Fraction(arm["ss"])
            self.sample = (squares - self.s * self.s / n) / max(1, n - 1)
            self.variance = self.value * (1 - self.value) if kind == "proportion" else self.sample


def sequence_of(treatment: Arm, control: Arm, alpha: Decimal, tuning: Decimal) -> Row | None:
    """Return the confidence sequence's row, None where nothing varies."""
    a, b, va, vb = treatment.value, control.value, treatment.variance, control.variance
    if a is None or b is None or va is None or vb is None or min(treatment.n, control.n) < 2 or not va / treatment.n + vb / control.n > 0:
        return None
    difference, error = of(a - b), of(va / treatment.n + vb / control.n).sqrt()
    n = Decimal(treatment.n + control.n)
    rho = (-2 * alpha.ln() + (-2 * alpha.ln() + 1).ln()) / tuning
    growth = n * rho
    reach = error * (2 * (growth + 1) / growth * ((growth + 1).sqrt() / alpha).ln()).sqrt()
    evidence = growth * (difference / error) ** 2 / (2 * (growth + 1)) - (growth + 1).ln() / 2
    row: Row = {"difference": difference, "ci": (difference - reach, difference + reach), "p_value": min(ONE, (-evidence).exp())}
    row["lift"] = None if b == 0 else of((a - b) / abs(b))
    row["lift_ci"] = None
    if b != 0 and a / b > 0:
        spread = of(va / treatment.n / a**2 + vb / control.n / b**2).sqrt() * reach / error
        low, high = (of(a / b).ln() - spread).exp() - 1, (of(a / b).ln() + spread).exp() - 1
        row["lift_ci"] = (low, high) if b > 0 else (-high, -low)
    return row


def welch_of(treatment: Arm, control: Arm) -> tuple[Decimal, Decimal, Decimal] | None:
    """Return (difference, standard error, degrees of freedom) of Welch's test."""
    if treatment.value is None or control.value is None or min(treatment.n, control.n) < 2:
        return None
    assert treatment.sample is not None
    assert control.sample is not None
    one, other = treatment.sample / treatment.n, control.sample / control.n
    if not one + other > 0:
        return None
    free = (one + other) ** 2 / (one**2 / (treatment.n - 1) + other**2 / (control.n - 1))
    return of(treatment.value - control.value), of(one + other).sqrt(), of(free)


def quantile_error(reach: Decimal, free: Decimal, alpha: Decimal) -> Decimal:
    """Return what a t quantile is off by, to first order."""
    return (student_p(reach, free) - alpha) / (TWO * student_log_density(free)(reach).exp())


def rate_ratio_error(log_ratio: Decimal, counts: tuple[int, int], shares: tuple[Decimal, Decimal], k: Decimal, alpha: Decimal) -> Decimal:
    """Return what an end of the rate ratio's sequence is off by on the log scale, to first order; counts control first."""
    weights = [share / sum(shares) for share in shares]
    moved = [weights[0], weights[1] * log_ratio.exp()]
    tested = [one / sum(moved) for one in moved]
    level = log_bayes_factor(counts, [k * one for one in weights], tested) + alpha.ln()
    return level / (sum(counts) * tested[1] - counts[1])
