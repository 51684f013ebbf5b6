"""Sums per experiment arm and what they estimate: a proportion, a mean, or a ratio of two sums.

Sums add, so they do not care how users were ordered or split between workers. Variances are differences of huge nearly
equal numbers; they are taken exactly (integers stay integers, floats become fractions) and rounded once, at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Number = int | float
Exact = int | Fraction

# A sum of floats carries a relative rounding error of up to n * 1e-16. A spread below this share of the mean square is
# that error and not a spread between users: constant data must not read as infinitely precise.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Moments:
    """Users, sum and sum of squares of one value per user."""

    n: int = 0
    s: Number = 0
    ss: Number = 0

    @classmethod
    def of(cls, values: Iterable[Number]) -> "Moments":
        """Return the sums of one value per user."""
        total = cls()
        for value in values:
            total += cls(1, value, value * value)
        return total

    @classmethod
    def of_converters(cls, n: int, converters: int) -> "Moments":
        """Return the sums of a yes-or-no value: its square is itself."""
        return cls(n, converters, converters)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.n + other.n, self.s + other.s, self.ss + other.ss)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(self.n - other.n, self.s - other.s, self.ss - other.ss)

    def moved(self, before: Number, after: Number) -> "Moments":
        """Return the sums after one user's value changed; exact for integers."""
        return Moments(self.n, self.s + after - before, self.ss + after * after - before * before)


@dataclass(frozen=True, slots=True)
class PairedMoments:
    """Users and the sums of a numerator m and a denominator d per user: each, each squared, and their product."""

    n: int = 0
    m_s: Number = 0
    m_ss: Number = 0
    d_s: Number = 0
    d_ss: Number = 0
    md: Number = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[Number, Number]]) -> "PairedMoments":
        """Return the sums of one (numerator, denominator) per user."""
        total = cls()
        for m, d in pairs:
            total += cls(1, m, m * m, d, d * d, m * d)
        return total

    def __add__(self, other: "PairedMoments") -> "PairedMoments":
        return PairedMoments(
            self.n + other.n,
            self.m_s + other.m_s,
            self.m_ss + other.m_ss,
            self.d_s + other.d_s,
            self.d_ss + other.d_ss,
            self.md + other.md,
        )

    def __sub__(self, other: "PairedMoments") -> "PairedMoments":
        return PairedMoments(
            self.n - other.n,
            self.m_s - other.m_s,
            self.m_ss - other.m_ss,
            self.d_s - other.d_s,
            self.d_ss - other.d_ss,
            self.md - other.md,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one arm says: a value and its spread per user.

    `variance` is what the sequence takes, `sample_variance` what Welch's test takes (they differ for a proportion by
    n/(n-1)); both are 0 where there are fewer than two users. `evidence` is the rarer of converters and the others, or the
    effective sample size (sum)^2 / (sum of squares) where a few users may carry the sum. `third` is the third central moment per
    user, 0 where the sums of three that it takes were not given.
    """

    n: int
    value: float
    variance: float
    sample_variance: float
    evidence: float
    third: float = 0.0


def proportion(sums: Moments) -> Estimate | None:
    """Return the share of users who converted, or None without users."""
    if sums.n == 0:
        return None
    s = exact(sums.s)
    spread = s * (sums.n - s)
    variance = rounded(spread, sums.n * sums.n) if sums.n > 1 else 0.0
    return Estimate(
        sums.n,
        rounded(s, sums.n),
        variance,
        rounded(spread, sums.n * (sums.n - 1)) if sums.n > 1 else 0.0,
        float(min(s, sums.n - s)),  # a rate of 99 % is as hard to read as one of 1 %
        variance * rounded(sums.n - 2 * s, sums.n),
    )


def mean(sums: Moments, cubes: Number | None = None) -> Estimate | None:
    """Return the mean per user, or None without users; OverflowError where a figure leaves the range of a double."""
    if sums.n == 0:
        return None
    n, s, ss = sums.n, exact(sums.s), exact(sums.ss)
    spread = 0.0
    if n > 1:
        above, below = n * ss - s * s, n * (n - 1)
        noise = Fraction(ss) / n * Fraction(ROUNDING) * below if isinstance(sums.s + sums.ss, float) else 0
        spread = rounded(above, below) if above > noise else 0.0
    third = 0.0 if cubes is None else rounded(n * n * exact(cubes) - 3 * n * s * ss + 2 * s**3, n**3)
    return Estimate(n, rounded(s, n), spread, spread, effective_size(s, ss), third)


def ratio(sums: PairedMoments, cubes: tuple[Number, Number, Number, Number] | None = None) -> Estimate | None:
    """Return sum(m)/sum(d) with its spread per user by the delta method, or None where sum(d) is not above 0.

    With R = M/D the linearised variance of m - R d simplifies: the squared means cancel and
    n^2 (D^2 sum m^2 - 2 M D sum md + M^2 sum d^2) / (D^4 (n-1)) remains (delta method; Deng et al. 2018,
    "Applying the delta method in metric analytics"). `cubes` are the sums of mmm, mmd, mdd and ddd. OverflowError as in `mean`.
    """
    n = sums.n
    m, mm, d, dd, md = (exact(x) for x in (sums.m_s, sums.m_ss, sums.d_s, sums.d_ss, sums.md))
    if n == 0 or d <= 0:
        return None
    above, below = n * n * (d * d * mm - 2 * m * d * md + m * m * dd), d**4 * max(1, n - 1)
    inexact = any(isinstance(x, float) for x in (sums.m_s, sums.m_ss, sums.d_s, sums.d_ss, sums.md))
    noise = n * n * (d * d * mm + m * m * dd) * Fraction(ROUNDING) if inexact else 0
    spread = rounded(above, below) if n > 1 and above > noise else 0.0
    third = 0.0
    if cubes is not None:
        mmm, mmd, mdd, ddd = (exact(x) for x in cubes)
        third = rounded(n * n * (d**3 * mmm - 3 * d * d * m * mmd + 3 * d * m * m * mdd - m**3 * ddd), d**6)
    return Estimate(n, rounded(m, d), spread, spread, min(effective_size(m, mm), effective_size(d, dd)), third)


def effective_size(s: Exact, ss: Exact) -> float:
    """Return (sum)^2 / (sum of squares): how many equal users would carry this sum (Kish 1965); 0 where there is none."""
    return rounded(s * s, ss) if ss > 0 else 0.0


def rounded(above: Exact, below: Exact) -> float:
    """Return the quotient, rounded once; Python divides integers of any size exactly so, ten times faster than fractions."""
    return above / below if isinstance(above, int) and isinstance(below, int) else float(Fraction(above) / below)


def exact(x: Number) -> Exact:
    """Return the number itself, without rounding, in a form whose arithmetic does not round."""
    return x if isinstance(x, int) else Fraction(x)
