"""Which segment moved: a subset scan over combinations of up to three values, by likelihood ratio, with a false-claim rate.

Two stories compete for a cube (`scan`). "Global": all cells shifted alike. "Segment S": the cells of S shifted, the rest
stood still. S is named where it is likelier by more than ln(M/α), M the segments tried; the level is split over depths 1/2,
1/3, 1/6, so that few single values do not compete with thousands of combinations. Otherwise the change looks global.

Why that keeps the rate: each story's likelihood is that of k1 given a cell's events, whatever the cell's own rate. For
one fixed shift the ratio to the best common shift has an expectation of at most 1 under "global" (Wasserman, Ramdas &
Balakrishnan 2020), so Markov's inequality gives e^−bar per segment; for an even effect Chernoff's bound gives the same for
all shifts of one sign at once, which is why the grid of shifts is not charged for (two signs are: ln 2). Rates that wobble
by 5 % are always allowed for; beyond that the rate holds as far as the wobble of the rest tells that of all.
`benchmarks/root_cause.py` measures it.
Kulldorff (1997) and Neill (2005) are the scan this comes from.

Segments are named one after the other, each time on the cells that are left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, log

import numpy as np
from scipy import special

from detectors.cube import Cube, Effects, Floats, Mask, Side, Where, effects
from detectors.lattice import DEEPEST, Lattice, lattice_of
from detectors.scan import Direction, Ranking, Remainder, Scan, everything, ranked, scan_of, shift_outside, without

LEVEL_SHARES = (1 / 2, 1 / 3, 1 / 6)  # of alpha, by depth
MOST_SEGMENTS = 3
LEAST_SHARE = 0.1  # of the change: a further segment below it explains nothing
CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A segment and how much likelier "it moved" is than "all moved alike", as a natural logarithm, 0 where it is not."""

    where: Where
    log_likelihood_ratio: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that cleared its bar.

    `share_of_change` is its part in the change of the whole rate, cells of segments named before left out (None where the
    whole did not change). `rate_ratio_ci` is exact for Poisson counts at level 1 − alpha; the upper end is None without
    events before.
    """

    where: Where
    log_likelihood_ratio: float
    bar: float
    before: Side
    after: Side
    share_of_change: float | None
    rate_ratio_ci: tuple[float, float | None] | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a cube says about where its rate moved; no segment means the change looks global (or is none)."""

    before: Side
    after: Side
    effects: Effects | None
    segments: tuple[Segment, ...]
    candidates: tuple[Candidate, ...]


def attribute(cube: Cube, *, direction: Direction = "both", alpha: float = 0.01) -> Attribution:
    """Return the segments of a cube that moved in a direction, likeliest first, and the next candidates.

    `alpha` in (0, 1) is the chance to name any segment where all cells moved alike. Pure: the same cube gives the same
    answer to the last digit, in whatever order its rows or dimensions came. ValueError for another alpha.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must be between 0 and 1, was {alpha}")
    lattice = lattice_of(cube)
    counts, asked = rarer_outcome(cube, direction)
    bars = bars_of(lattice, alpha)
    scan = scan_of(lattice, counts, asked)
    remainder = everything(scan)
    ranking = ranked(scan, remainder, bars, CANDIDATES)
    if len(ranking.segments) and cleared(ranking, bars) is None and ranking.common > -log(alpha):
        scan, remainder, ranking = shifted_ground(scan, remainder, ranking, counts, bars)
    nearest = zip(ranking.segments[:CANDIDATES], ranking.log_ratios[:CANDIDATES], strict=True)
    candidates = tuple(Candidate(lattice.where(cube, int(s)), max(0.0, float(ratio))) for s, ratio in nearest)
    segments = tuple(named(cube, scan, remainder, ranking, bars, alpha))
    return Attribution(cube.before, cube.after, effects(cube), segments, candidates)


def rarer_outcome(cube: Cube, direction: Direction) -> tuple[Floats, Direction]:
    """Return counts of the rarer outcome: where most succeed, failures are what carries the evidence."""
    k0, n0, k1, n1 = cube.counts.T
    if 2.0 * (k0.sum() + k1.sum()) <= n0.sum() + n1.sum():
        return cube.counts, direction
    turned: dict[Direction, Direction] = {"up": "down", "down": "up", "both": "both"}
    return np.stack((n0 - k0, n0, n1 - k1, n1), axis=1), turned[direction]


def bars_of(lattice: Lattice, alpha: float) -> Floats:
    """Return ln(M_d / (α w_d)) for every segment, M_d the segments of its depth and w_d the depth's part of the level."""
    shares = {depth: LEVEL_SHARES[depth - 1] for depth in lattice.sizes}
    whole = sum(shares.values())
    bars = np.zeros(DEEPEST + 1)
    for depth, share in shares.items():
        bars[depth] = round(log(lattice.sizes[depth] * whole / (alpha * share)), 6)
    return np.asarray(bars[lattice.depth])


def cleared(ranking: Ranking, bars: Floats) -> int | None:
    """Return the place in a ranking of the first segment above its bar."""
    above = np.flatnonzero(ranking.log_ratios > bars[ranking.segments])
    return int(above[0]) if len(above) else None


def shifted_ground(scan: Scan, remainder: Remainder, ranking: Ranking, counts: Floats, bars: Floats) -> tuple[Scan, Remainder, Ranking]:
    """Look again from where the rest moved to: a fault may come on a day when everything moves.

    What was seen first stays where this shows nothing more.
    """
    ground = shift_outside(scan, int(ranking.segments[0]), ranking.wobble)
    if ground is None:
        return scan, remainder, ranking
    again = scan_of(scan.lattice, counts, scan.direction, ground)
    all_of_it = everything(again)
    second = ranked(again, all_of_it, bars, CANDIDATES)
    return (scan, remainder, ranking) if cleared(second, bars) is None else (again, all_of_it, second)


def named(cube: Cube, scan: Scan, remainder: Remainder, ranking: Ranking, bars: Floats, alpha: float) -> Iterator[Segment]:
    """Name segments that clear their bar, one after the other, each time on the cells that are left."""
    apart = np.ones(len(cube.counts), dtype=bool)
    for turn in range(MOST_SEGMENTS):
        place = cleared(ranking, bars)
        if place is None:
            return
        segment = int(ranking.segments[place])
        inside = scan.lattice.holds(segment)
        share = share_of_change(cube.counts, inside & apart)
        if turn and share is not None and abs(share) < LEAST_SHARE:
            return
        before, after = sides(cube.counts[inside])
        ci = rate_ratio_interval(before, after, alpha)
        where, log_ratio = scan.lattice.where(cube, segment), float(ranking.log_ratios[place])
        yield Segment(where, log_ratio, float(bars[segment]), before, after, share, ci)
        apart &= ~inside
        remainder = without(scan, remainder, segment)
        ranking = ranked(scan, remainder, bars)


def share_of_change(counts: Floats, inside: Mask) -> float | None:
    """Return the excess of a part, n1 (r1 − r0), over the excess of the whole; None where the whole has none."""
    whole, part = sides(counts), sides(counts[inside])
    if not whole[0].n or not part[0].n:
        return None
    excess = [after.k - after.n * before.k / before.n for before, after in (part, whole)]
    return excess[0] / excess[1] if excess[1] else None


def sides(counts: Floats) -> tuple[Side, Side]:
    k0, n0, k1, n1 = (int(total) for total in counts.sum(axis=0))
    return Side(k0, n0), Side(k1, n1)


def rate_ratio_interval(before: Side, after: Side, alpha: float) -> tuple[float, float | None] | None:
    """Return the interval of (k1/n1) / (k0/n0) at level 1 − alpha: Clopper-Pearson on k1 given k0 + k1."""
    if not (before.n and after.n and before.k + after.k):
        return None
    scale = before.n / after.n
    low = float(special.betaincinv(after.k, before.k + 1, alpha / 2)) if after.k else 0.0
    high = float(special.betaincinv(after.k + 1, before.k, 1 - alpha / 2)) if before.k else 1.0
    above = scale * high / (1.0 - high) if high < 1.0 else inf
    return scale * low / (1.0 - low), above if above < inf else None
