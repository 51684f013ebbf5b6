"""The series of one initiative at one window end, judged together: what moved all is taken out, the whole comes first.

    siblings' factor ─► every series scored ─► level of the budget ─► whole: Benjamini-Hochberg ─► parts: Benjamini-Hochberg
                                                                        └─ breached: its parts are absorbed
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from detectors.baseline import Baseline
from detectors.budget import Budget, discoveries
from detectors.dip import Window
from detectors.protocol import Verdict

Key = TypeVar("Key", bound=Hashable)

PRIOR = 30.0  # expected events that vote for "nothing moved"
FEWEST = 2  # siblings
DAY_OF_WINDOWS = 24
CLIP = 3.0


@dataclass(frozen=True, slots=True)
class Sibling:
    """What one series says of the common factor: its events, clipped, those expected, and their variance."""

    events: float
    mu: float
    variance: float


def sibling(baseline: Baseline, seen: Window) -> Sibling | None:
    """Return a series' vote, None while it is learning; an own fault is clipped, so that it does not lift all others."""
    if not baseline.warm:
        return None
    mu = baseline.expected(seen.end, seen.exposure)
    spread = baseline.spread(mu)
    wide = CLIP * (mu + 1.0) ** 0.5 * spread
    return Sibling(min(mu + wide, max(0.0, mu - wide, seen.events)), mu, mu * spread * spread)


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of all siblings, added."""

    number: int = 0
    events: float = 0.0
    mu: float = 0.0
    variance: float = 0.0

    def plus(self, vote: Sibling | None) -> "Votes":
        """Return the votes with one more."""
        if vote is None:
            return self
        return Votes(self.number + 1, self.events + vote.events, self.mu + vote.mu, self.variance + vote.variance)

    def common(self, own: Sibling | None) -> tuple[float, float]:
        """Return (factor, its relative variance) without the series' own vote; (1, 0) where there are too few siblings."""
        mine = own or Sibling(0.0, 0.0, 0.0)
        if self.number - (own is not None) < FEWEST:
            return 1.0, 0.0
        weight = max(0.0, self.mu - mine.mu) + PRIOR
        events = max(0.0, self.events - mine.events) + PRIOR
        return events / weight, max(0.0, self.variance - mine.variance) / (weight * weight)

    def plain(self) -> list[float]:
        """Return the votes as numbers."""
        return [self.number, self.events, self.mu, self.variance]

    @classmethod
    def of(cls, plain: Sequence[float]) -> "Votes":
        """Return the votes of such numbers."""
        number, events, mu, variance = plain
        return cls(int(number), events, mu, variance)


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


def commons(votes: Mapping[Key, Sibling | None]) -> dict[Key, tuple[float, float]]:
    """Return (factor, its relative variance) of each series' siblings, itself left out."""
    total = Votes()
    for vote in votes.values():
        total = total.plus(vote)
    return {key: total.common(vote) for key, vote in votes.items()}


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
