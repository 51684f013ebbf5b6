"""The series of one initiative at one window end, judged together: what moved all is taken out, the whole comes first.

siblings' factor ─► every series scored ─► level of the budget ─► whole: Benjamini-Hochberg ─► parts: Benjamini-Hochberg
                                                                    └─ breached: its parts are absorbed
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from detectors.baseline import Baseline
from detectors.budget import Budget, discoveries
from detectors.dip import Window
from detectors.protocol import Verdict

Key = TypeVar("Key", bound=Hashable)

PRIOR = 30.0  # expected events that vote for "nothing moved"
FEWEST = 2  # siblings
DAY_OF_WINDOWS = 24
CLIP = 1.0  # Huber's, tight: the fault of a large sibling must not lift the others for as long as it lasts


@dataclass(frozen=True, slots=True)
class Sibling:
    """What one series says of the common factor: its own, and with which precision (1 over relative variance)."""

    factor: float
    weight: float


def sibling(baseline: Baseline, seen: Window) -> Sibling | None:
    """Return a series' vote, None while it is learning."""
    mu = baseline.expected(seen.end, seen.exposure) if baseline.warm else 0.0
    if mu <= 0.0:
        return None
    return Sibling(seen.events / mu, 1.0 / (1.0 / mu + baseline.variation() + baseline.unsure(seen.end)))


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of all siblings, added; each is clipped at one spread around their weighted median, so that an own fault moves no other."""

    number: int = 0
    weight: float = 0.0
    total: float = 0.0
    centre: float = 1.0

    @classmethod
    def among(cls, votes: Iterable[Sibling | None]) -> "Votes":
        """Return the votes of some series."""
        cast = sorted((vote.factor, vote.weight) for vote in votes if vote is not None)
        weight = sum(vote[1] for vote in cast)
        centre, below = 1.0, 0.0
        for factor, own in cast:
            centre, below = factor, below + own
            if below >= 0.5 * weight:
                break
        found = cls(len(cast), weight, 0.0, centre)
        return replace(found, total=sum(found._counted(Sibling(*vote)) for vote in cast))

    def _counted(self, vote: Sibling) -> float:
        wide = float(CLIP / vote.weight**0.5)
        return vote.weight * min(self.centre + wide, max(self.centre - wide, vote.factor))

    def common(self, own: Sibling | None) -> tuple[float, float]:
        """Return (factor, its relative variance) without the series' own vote; (1, 0) where there are too few siblings."""
        if self.number - (own is not None) < FEWEST:
            return 1.0, 0.0
        weight = max(0.0, self.weight - (own.weight if own else 0.0))
        total = max(0.0, self.total - (self._counted(own) if own else 0.0))
        return (total + PRIOR) / (weight + PRIOR), weight / (weight + PRIOR) ** 2

    def plain(self) -> list[float]:
        """Return the votes as numbers."""
        return [self.number, self.weight, self.total, self.centre]

    @classmethod
    def of(cls, plain: Sequence[float]) -> "Votes":
        """Return the votes of such numbers."""
        number, weight, total, centre = plain
        return cls(int(number), weight, total, centre)


def mixed(end: int, parts: Iterable[tuple[Baseline, Window]]) -> Window:
    """Return the window of a whole out of its parts: events out of the events their own rates expect of their own volumes.

    So a whole does not fall because a part with a low rate has grown (a mix effect); parts that are still unknown are left out of both.
    """
    events = expected = 0.0
    for baseline, seen in parts:
        if baseline.settled:
            events += seen.events
            expected += baseline.expected(seen.end, seen.exposure)
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
