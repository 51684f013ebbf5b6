"""Ranking the segments of a cube: "S moved, the rest stood still" against "all cells moved alike", by likelihood ratio.

Both stories allow rates to wobble; inside S the effect may differ from cell to cell by about half its size, because a fault
seldom hits every part of a segment alike: a part that moved less still belongs to it, a part that did not move does not.
That, not a penalty, decides between a segment and its parents and children.
"""

from dataclasses import dataclass
from math import inf, log
from typing import Literal

import numpy as np

from detectors.cube import Floats, Integers, Mask
from detectors.lattice import Lattice
from detectors.shift import Evidence, chance, common_shift, evidence_of, log_likelihood, log_likelihoods, telling

Direction = Literal["up", "down", "both"]

SHIFTS = (0.15, 0.4, 0.8, 1.3, 2.0, 3.0)  # mean log rate ratios of a segment: ×1.16 to ×20
UNEVENNESS = tuple(min(0.5 * shift, 0.5) for shift in SHIFTS)  # spread of the effect inside a segment: half of it, at most 0.5
WOBBLES = (0.0, 0.05, 0.1, 0.2, 0.4)  # spreads of log rate that cells may show without a fault
USUAL_WOBBLE = 0.05  # of healthy rates between two windows; a few cells cannot show it, yet it is never ruled out
DUST = 1e-9  # events, per event of traffic, that sums of fractions may be off by
WOBBLE_ODDS = (0.5, 0.2, 0.15, 0.1, 0.05)  # how ready we are to believe in each


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What the telling cells of a cube say, relative to a common shift `ground` that all may have made.

    `cells` are their numbers in the cube, `columns` one row for each: log-likelihood moved by each shift, standing with each
    wobble (both less `level`, that of standing without wobble), events beyond those due at the ground and without any shift.
    `volume` is the traffic of every segment.
    """

    lattice: Lattice
    direction: Direction
    cells: Integers
    seen: Evidence
    level: Floats
    columns: Floats
    volume: Floats
    ground: float


@dataclass(frozen=True, slots=True, eq=False)
class Remainder:
    """The cells of a scan not yet explained, and what they add up to in every segment: a row for each column of the scan."""

    left: Mask
    totals: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Segments that went the way asked for, likeliest first, with their log-likelihood ratios.

    `wobble` is that of the rest, `common` how much likelier "all moved alike" is than "nothing moved", as a logarithm.
    """

    segments: Integers
    log_ratios: Floats
    wobble: float
    common: float


def scan_of(lattice: Lattice, counts: Floats, direction: Direction, ground: float = 0.0) -> Scan:
    """Tabulate what the cells of a cube say; `counts` as in a cube."""
    cells = np.flatnonzero(telling(counts))
    seen = evidence_of(counts[cells])
    level = log_likelihood(seen, ground, 0.0)
    signs = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}[direction]
    rows = [
        *(log_likelihoods(seen, [ground + sign * shift for shift in SHIFTS], UNEVENNESS) - level for sign in signs),
        np.zeros((1, len(cells))),  # without wobble: the level itself
        log_likelihoods(seen, [ground], WOBBLES[1:]) - level,
        *(seen.k1 - seen.events * chance(seen, shift) for shift in (ground, 0.0)),
    ]
    traffic = (counts[:, 1] + counts[:, 3])[:, None]
    volume = lattice.totals(traffic, np.arange(len(counts)))[:, 0]
    return Scan(lattice, direction, cells, seen, level, np.vstack(rows).T.copy(), volume, ground)


def everything(scan: Scan) -> Remainder:
    """Return the remainder before anything is explained."""
    # Rows of segments, not of columns: what follows looks along segments, and does so several times as fast.
    return Remainder(np.ones(len(scan.cells), dtype=bool), np.ascontiguousarray(scan.lattice.totals(scan.columns, scan.cells).T))


def without(scan: Scan, remainder: Remainder, segment: int) -> Remainder:
    """Return what remains when a segment is explained."""
    gone = remainder.left & scan.lattice.holds(segment)[scan.cells]
    return Remainder(remainder.left & ~gone, remainder.totals - scan.lattice.totals(scan.columns[gone], scan.cells[gone]).T)


def ranked(scan: Scan, remainder: Remainder, bars: Floats, most: int = 0) -> Ranking:
    """Return the segments that moved in the direction asked for, by their log-likelihood ratio, rounded to 1e-6.

    Of them the likeliest `most`, and the likeliest of those above their bar; empty where there are none. Equal evidence:
    first the segment that claims less traffic, then the one that says it with fewer values.
    """
    moved, still, sense = np.split(remainder.totals, (-len(WOBBLES) - 2, -2))
    # A segment that stood still while all else fell did not rise: it has to be beyond both.
    dust = DUST * np.maximum(scan.volume, 1.0)
    rose, fell = sense.min(axis=0) > dust, sense.max(axis=0) < -dust
    segments = np.flatnonzero({"up": rose, "down": fell, "both": rose | fell}[scan.direction])
    if not len(segments) or not remainder.left.any():
        return Ranking(segments[:0], np.zeros(0), 0.0, 0.0)
    whole = scan.columns[remainder.left, -len(WOBBLES) - 2 : -2].sum(axis=0)
    # `take` and not an index: it leaves the segments of a row side by side.
    local = best_shift(moved.take(segments, axis=1), rose[segments], scan.direction) - still.take(segments, axis=1)
    local += (whole + np.log(WOBBLE_ODDS))[:, None]
    if not most and local.max() <= bars.min():  # the global story is at least as likely as the ground, from which `local` is counted
        return Ranking(segments[:0], np.zeros(0), 0.0, 0.0)
    chosen = int(np.argmax(local.max(axis=1)))
    alike = global_story(scan, remainder, WOBBLES[chosen])
    log_ratios = np.round(local[chosen] - alike, 6)
    first = leading(log_ratios, log_ratios > bars[segments], most)
    segments, log_ratios = segments[first], log_ratios[first]
    order = np.lexsort((segments, scan.lattice.depth[segments], scan.volume[segments], -log_ratios))
    return Ranking(segments[order], log_ratios[order], WOBBLES[chosen], alike - float(whole[chosen]))


def leading(values: Floats, above: Mask, most: int) -> Mask:
    """Return which values are among the `most` largest or the largest of those `above`, ties included: sorting these costs little."""
    least = np.partition(values, -most)[-most] if 0 < most < len(values) else -inf if most else inf
    return np.asarray((values >= least) | (above & (values >= values.max(initial=-inf, where=above))))


def best_shift(moved: Floats, rose: Mask, direction: Direction) -> Floats:
    """Return each segment's log-likelihood at the shift that fits best, of those that go its way; two ways cost ln 2."""
    if direction != "both":
        return np.asarray(moved.max(axis=0))
    up, down = moved[: len(SHIFTS)].max(axis=0), moved[len(SHIFTS) :].max(axis=0)
    return np.asarray(np.where(rose, up, down) - log(2.0))


def global_story(scan: Scan, remainder: Remainder, wobble: float) -> float:
    """Return the log-likelihood of the best common shift relative to the ground: without wobble, with the usual, with that of the rest."""
    seen = scan.seen.only(remainder.left)
    level = float(scan.level[remainder.left].sum())
    spreads = sorted({0.0, USUAL_WOBBLE, wobble})
    shift, best = None, -inf
    for spread in spreads:
        shift = common_shift(seen, spread, shift)
        best = max(best, float(log_likelihood(seen, shift, spread).sum()))
    return best - level


def shift_outside(scan: Scan, segment: int, wobble: float) -> float | None:
    """Return the common shift of the cells a segment does not hold; None where it holds all."""
    rest = ~scan.lattice.holds(segment)[scan.cells]
    return common_shift(scan.seen.only(rest), wobble) if rest.any() else None
