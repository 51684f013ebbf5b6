"""The series of one initiative at one window end, judged together: what moved all is taken out, the whole comes first.

siblings' factor ─► every series scored ─► level of the budget ─► whole: Benjamini-Hochberg ─► parts: Benjamini-Hochberg
                                                                    └─ breached: its parts are absorbed
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeVar

from detectors.accumulation import lasting
from detectors.baseline import Baseline
from detectors.budget import Budget, discoveries
from detectors.dip import Dip, Window
from detectors.protocol import Verdict

Key = TypeVar("Key", bound=Hashable)

PRIOR = 30.0  # expected events that vote for "nothing moved"
FEWEST = 2  # siblings
ENOUGH = 5  # votes of which two can be outvoted
DAY_OF_WINDOWS = 24
FAR = 4.0  # spreads from the centre at which a vote counts nothing (Beaton & Tukey 1974)


@dataclass(frozen=True, slots=True)
class Sibling:
    """What one series says of the common factor: its own, with which precision (1 over relative variance), how far off it was of late."""

    factor: float
    weight: float
    late: float = 0.0  # relative, positive where the factor is high


def sibling(detector: Dip, seen: Window) -> Sibling | None:
    """Return a series' vote, None while it is learning."""
    baseline = detector.baseline
    mu = baseline.expected(seen.end, seen.exposure) if baseline.warm else 0.0
    if mu <= 0.0:
        return None
    weight = 1.0 / (1.0 / mu + baseline.variation() + baseline.unsure(seen.end))
    return Sibling(seen.events / mu, weight, detector.sign * detector.past.late / weight**0.5)


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
    def among(cls, votes: Iterable[Sibling | None]) -> "Votes":
        """Return the votes of some series."""
        cast = [vote for vote in votes if vote is not None]
        most = heaviest([vote.weight for vote in cast])
        weights = [min(most, vote.weight) for vote in cast]
        late = middle([(vote.late, weight) for vote, weight in zip(cast, weights, strict=True)], 0.0)
        found = cls(len(cast), late=late, most=most)
        centre = middle([(found._factor(vote), weight) for vote, weight in zip(cast, weights, strict=True)], 1.0)
        found = replace(found, centre=centre)
        counted = sorted(found._counted(vote) for vote in cast)
        return replace(found, weight=sum(weight for weight, _ in counted), total=sum(part for _, part in counted))

    def _factor(self, vote: Sibling) -> float:
        precision = float(vote.weight**0.5)
        return vote.factor - lasting((vote.late - self.late) * precision) / precision

    def _counted(self, vote: Sibling) -> tuple[float, float]:
        factor = self._factor(vote)
        off = (factor - self.centre) * vote.weight**0.5 / FAR
        weight = min(self.most, vote.weight) * (1.0 - off * off) ** 2 if abs(off) < 1.0 else 0.0
        return weight, weight * factor

    def common(self, own: Iterable[Sibling | None]) -> tuple[float, float]:
        """Return (factor, its relative variance) without a series' own votes; (1, 0) where there are too few others."""
        cast = [self._counted(vote) for vote in own if vote is not None]
        if self.number - len(cast) < FEWEST:
            return 1.0, 0.0
        weight = max(0.0, self.weight - sum(weight for weight, _ in cast))
        total = max(0.0, self.total - sum(part for _, part in cast))
        return (total + PRIOR) / (weight + PRIOR), weight / (weight + PRIOR) ** 2

    def plain(self) -> list[float]:
        """Return the votes as numbers."""
        return [self.number, self.weight, self.total, self.centre, self.late, self.most]

    @classmethod
    def of(cls, plain: Sequence[float]) -> "Votes":
        """Return the votes of such numbers."""
        number, *others = plain
        return cls(int(number), *others)


def middle(weighed: Sequence[tuple[float, float]], otherwise: float) -> float:
    """Return the weighted median of (value, weight)."""
    half, below = 0.5 * sum(sorted(weight for _, weight in weighed)), 0.0
    for value, weight in sorted(weighed):
        below += weight
        if below >= half:
            return value
    return otherwise


def heaviest(weights: Sequence[float]) -> float:
    """Return what a vote may weigh: of five or more, the others outweigh any two that are larger, so that faults of both are outvoted."""
    first, _, *others = [*sorted(weights, reverse=True), 0.0, 0.0]
    return max(others[0], 0.4 * sum(others)) if len(weights) >= ENOUGH else first


def mixed(end: int, parts: Iterable[tuple[Baseline, Window]], votes: Votes) -> Window:
    """Return the window of a whole out of its parts: events out of the events their own rates expect of their own volumes.

    So a whole does not fall because a part with a low rate has grown (a mix effect); parts that are still unknown are left out of both.
    What a part does beyond three spreads from what all do is its own affair, where there are enough votes to tell; without votes it counts.
    """
    events = expected = 0.0
    for baseline, seen in parts:
        if baseline.settled:
            mu = baseline.expected(seen.end, seen.exposure)
            events += baseline.winsorised(seen.events, mu * votes.centre) if votes.number > FEWEST else seen.events
            expected += mu
    return Window(end, events, expected)


def with_common(seen: Window, common: tuple[float, float]) -> Window:
    """Return a window with its siblings' factor."""
    return Window(seen.end, seen.events, seen.exposure, common[0], common[1], seen.money)


def breaches(levels: Sequence[Mapping[Key, Verdict]], budget: Budget, fdr: float) -> list[dict[Key, bool]]:
    """Return which series of each level breach, whole first: p at or under the budget's, and a discovery among those of its level."""
    found = []
    for verdicts in levels:
        judged = [key for key, verdict in verdicts.items() if not verdict.learning]
        hits = discoveries([budget.alarm_p(verdicts[key].p) for key in judged], fdr)
        found.append({key: hit and verdicts[key].p <= budget.level for key, hit in zip(judged, hits, strict=True)})
    return found


def eligible(verdict: Verdict) -> bool:
    """Return whether a series can be judged by itself: it has learnt, and a day of windows could show the loss of everything."""
    return not verdict.learning and (verdict.detectable is None or verdict.detectable < DAY_OF_WINDOWS**0.5)
