"""What the leaves of a rate say of what moved all: taken out of each series before it is judged, and judged itself in the whole.

The votes are the leaves' at every level: a level between knows no better, and few of its own are easily outvoted by one that is at fault.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.panel import Counted, Siblings, Votes, mixed, siblings
from detectors.protocol import Column, Places, some
from detectors.weighing import Weighing, Windows
from streams.kernel.detector_rule import DetectorRule
from streams.kernel.series import AllSeries, Group, Values


class Leaves:
    """The votes of the leaves of one rule, cast once, from states that have not learnt this window."""

    def __init__(self, series: AllSeries, group: Group, rule: DetectorRule) -> None:
        self._series, self.group, self.rule = series, group, rule
        self.weighing = weighing_of(series.detector(rule))
        self._cast: Siblings | None = None
        self._votes: Votes | None = None
        self._counted: Counted | None = None

    @property
    def cast(self) -> Siblings:
        """What each leaf says, no vote where it is learning or frozen."""
        if self._cast is None:
            self._cast = self._asked(self.group)
        return self._cast

    def _asked(self, group: Group) -> Siblings:
        _, who, found = self._series.ask_as_parts(group, lambda states, seen: siblings(self.weighing, states, seen))
        return found if found is not None and isinstance(who, slice) else Siblings(*scattered(found, who, len(group)))

    @property
    def votes(self) -> Votes:
        """What all leaves say together."""
        if self._votes is None:
            self._votes = Votes.among(self.cast)
        return self._votes

    def recall(self, votes: Votes) -> None:
        """Take what all leaves said together: they learn part by part, so that it cannot be asked again in between."""
        self._votes = votes

    def parts(self, votes: Votes) -> tuple[Column, Column]:
        """Return what each leaf brings into a whole: events and what was expected; nothing where it is frozen or unknown."""
        seen = self.group.seen
        assert isinstance(seen, Windows)
        return mixed(self.cast, seen.events, votes), self.cast.expected

    @property
    def counted(self) -> Counted:
        """What the vote of each leaf comes to."""
        if self._counted is None:
            self._counted = self.votes.counted(self.cast)
        return self._counted

    def beside(self, chosen: Group, places: Places | None) -> Windows:
        """Return the windows of some leaves, by their places or all for None, with what the others say."""
        if places is None:
            return self._with_common(chosen, self.counted)
        cast = self._asked(chosen) if self._cast is None else some(self._cast, places)
        return self._with_common(chosen, self.votes.counted(cast))

    def above(self, group: Group, below: Places) -> Windows:
        """Return the windows of series above the leaves, with what the leaves say that are not below them; `below` see `places_above`."""
        there = below >= 0
        number, weight, total = (summed(below[there], column[there], len(group)) for column in self.counted)
        return self._with_common(group, Counted(number, weight, total))

    def _with_common(self, group: Group, own: Counted) -> Windows:
        """Return windows with what all votes but their own say."""
        seen = group.seen
        assert isinstance(seen, Windows)
        factor, doubt = self.votes.common(own)
        return seen._replace(common=factor, doubt=doubt)


def weighing_of(detector: Any) -> Weighing:
    """Return what weighs the windows of a rate's detector."""
    found = detector.weighing
    assert isinstance(found, Weighing)
    return found


def scattered(found: Siblings | None, who: Places | slice, number: int) -> list[Column]:
    """Return the votes of some of so many series as columns of all; None where nobody answered."""
    columns = []
    for at, blank in enumerate((1.0, 0.0, 0.0, 0.0, 0.0)):
        column = np.full(number, blank)
        if found is not None:
            column[who] = found[at]
        columns.append(column)
    return columns


def summed(places: Places, column: Column, number: int) -> Column:
    """Return the sums of a column by place, one after the other in the order given."""
    return np.bincount(places, weights=column, minlength=number).astype(np.float64)


def places_above(leaf: DetectorRule, names: Sequence[str], values: Sequence[Values]) -> tuple[list[Values], Places]:
    """Return the values of leaves under some of their dimensions, each once and in order, and for each leaf its place among them."""
    at = [leaf.group_by.index(name) for name in names]
    projected = [tuple([one[place] for place in at]) for one in values]
    above = sorted(set(projected))
    number = {one: place for place, one in enumerate(above)}
    return above, np.array([number[one] for one in projected], dtype=np.intp)
