"""The series of one initiative at one window end, judged together: what moved all is taken out, the whole comes first.

siblings' factor ─► every series scored ─► level of the budget ─► whole: Benjamini-Hochberg ─► parts: Benjamini-Hochberg
                                                                    └─ breached: its parts are absorbed

Sums over series are exact ones (`fsum`), rounded once: the same in any order, under any Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum, inf
from typing import NamedTuple

import numpy as np

from detectors.accumulation import LATELY, lasting
from detectors.baseline import settled, variation, warm, winsorised
from detectors.budget import Budget, discoveries
from detectors.protocol import Column, States, Truth, Verdicts
from detectors.weighing import PAST, RATES, Weighing, Windows

PRIOR = 30.0  # expected events that vote for "nothing moved"
FEWEST = 2  # siblings
ENOUGH = 5  # votes of which two can be outvoted
DAY_OF_WINDOWS = 24
FAR = 4.0  # spreads from the centre at which a vote counts nothing (Beaton & Tukey 1974)
HALF = 1.0 - 1e-12  # of a half: where weights come to just a half, rounding has no say


class Siblings(NamedTuple):
    """What each series says of the common factor: its own, with which precision (1 over relative variance), how far off it was of late.

    `late` is relative, positive where the factor is high; a series of precision 0 has no vote. `expected` is the events its own rate
    expects, 0 where the rate is not settled, `variation` how far it varies beyond chance.
    """

    factor: Column
    weight: Column
    late: Column
    expected: Column
    variation: Column


@np.errstate(all="ignore")
def siblings(weighing: Weighing, states: States, seen: Windows) -> Siblings:
    """Return the votes of series; those that are learning have none."""
    rates = states[:, RATES]
    mu, unsure, _ = weighing.baseline.expected(rates, seen.end, seen.exposure)
    votes = warm(rates) & (mu > 0.0)
    varies = variation(rates)
    weight = 1.0 / (1.0 / mu + varies + unsure)
    late = weighing.sign * states[:, PAST.start + LATELY] / np.sqrt(weight)
    cast = np.where(votes, seen.events / mu, 1.0), np.where(votes, weight, 0.0), np.where(votes, late, 0.0)
    return Siblings(*cast, np.where(settled(rates), mu, 0.0), varies)


class Counted(NamedTuple):
    """What votes come to, one by one or added up: how many, the weight they are given, and that times their factor."""

    number: Column
    weight: Column
    total: Column


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of all leaves: each by how it differs from where it stood of late, and counted the less the further that lies off.

    So neither a fault that has just begun nor one that lasts, nor the end of one, moves the others for long. Where all stood off together
    it was the common factor that was wrong.
    """

    number: int = 0
    weight: float = 0.0
    total: float = 0.0
    centre: float = 1.0
    late: float = 0.0  # how far off most were
    most: float = inf  # what one may weigh

    @classmethod
    def among(cls, votes: Siblings) -> "Votes":
        """Return the votes of some series."""
        cast = Siblings(*[part[votes.weight > 0.0] for part in votes])
        most = heaviest(cast.weight)
        weights = np.minimum(most, cast.weight)
        found = cls(len(weights), late=middle(cast.late, weights, 0.0), most=most)
        found = replace(found, centre=middle(found._factor(cast), weights, 1.0))
        counted = found.counted(cast)
        return replace(found, weight=fsum(counted.weight.tolist()), total=fsum(counted.total.tolist()))

    def _factor(self, votes: Siblings) -> Column:
        precision = np.sqrt(votes.weight)
        return votes.factor - lasting((votes.late - self.late) * precision) / precision

    @np.errstate(all="ignore")
    def counted(self, votes: Siblings) -> Counted:
        """Return what each of some votes comes to, nothing for none."""
        cast = votes.weight > 0.0
        factor = self._factor(votes)
        off = (factor - self.centre) * np.sqrt(votes.weight) / FAR
        near = 1.0 - off * off
        weight = np.where(cast & (abs(off) < 1.0), np.minimum(self.most, votes.weight) * (near * near), 0.0)
        return Counted(cast.astype(np.float64), weight, np.where(cast, weight * factor, 0.0))

    def common(self, own: Counted) -> tuple[Column, Column]:
        """Return (factor, its relative variance) for series, each without its own votes; (1, 0) where there are too few others."""
        enough = self.number - own.number >= FEWEST
        weight, total = np.maximum(0.0, self.weight - own.weight), np.maximum(0.0, self.total - own.total)
        sure = weight + PRIOR
        return np.where(enough, (total + PRIOR) / sure, 1.0), np.where(enough, weight / (sure * sure), 0.0)

    def plain(self) -> list[float]:
        """Return the votes as numbers."""
        return [self.number, self.weight, self.total, self.centre, self.late, self.most]

    @classmethod
    def of(cls, plain: Sequence[float]) -> "Votes":
        """Return the votes of such numbers."""
        number, *others = plain
        return cls(int(number), *others)


def middle(values: Column, weights: Column, otherwise: float) -> float:
    """Return the weighted median."""
    if not len(values):
        return otherwise
    order = np.lexsort((weights, values))
    below = np.cumsum(weights[order])
    half = 0.5 * HALF * fsum(weights.tolist())
    return float(values[order[min(int(np.searchsorted(below, half)), len(order) - 1)]])


def heaviest(weights: Column) -> float:
    """Return what a vote may weigh: of five or more, the others outweigh any two that are larger, so that faults of both are outvoted."""
    ordered: list[float] = sorted(weights.tolist(), reverse=True)
    if len(ordered) < ENOUGH:
        return max(ordered, default=0.0)
    return max(ordered[2], 0.4 * fsum(ordered[2:]))


def mixed(siblings: Siblings, events: Column, votes: Votes) -> Column:
    """Return what each series brings into the window of the whole above it: events, out of the events its own rate expects of its volume.

    So a whole does not fall because a part with a low rate has grown (a mix effect); parts that are still unknown are left out of both.
    What a part does beyond three spreads from what all do is its own affair, where there are enough votes to tell; without votes it counts.
    """
    if votes.number > FEWEST:
        events = winsorised(events, siblings.expected * votes.centre, siblings.variation)
    return np.where(siblings.expected > 0.0, events, 0.0)


def breaches(p: Column, judged: Truth, budget: Budget, fdr: float) -> Truth:
    """Return which series of one level breach: of those judged, p at or under the budget's, and a discovery among them."""
    hits = judged & (p <= budget.level)
    if hits.any():
        found = np.zeros(len(p), dtype=np.bool_)
        found[judged] = discoveries(budget.alarm_p(p[judged]), fdr)
        hits &= found
    return hits


def eligible(verdicts: Verdicts) -> Truth:
    """Return whether series can be judged by themselves: they have learnt, and a day of windows could show the loss of everything."""
    small: Truth = verdicts.detectable >= DAY_OF_WINDOWS**0.5
    return ~verdicts.learning & ~small
