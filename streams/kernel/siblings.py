"""What the leaves of a rate say of what moved all: taken out of each series before it is judged, and judged itself in the whole.

The votes are the leaves' at every level: a level between knows no better, and few of its own are easily outvoted by one that is at fault.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from detectors.dip import Window
from detectors.panel import Sibling, Votes, sibling, with_common
from streams.kernel.detector_rule import DetectorRule
from streams.kernel.series import AllSeries, Values

Rates = Callable[[DetectorRule], Mapping[Values, Window]]


class Siblings:
    """The votes of the leaves of each rule, cast once, from states that have not learnt this window."""

    def __init__(self, series: AllSeries, rates: Rates) -> None:
        self._series, self._rates = series, rates
        self._votes: dict[bytes, Sibling | None] = {}
        self._totals: dict[str, Votes] = {}
        self._below: dict[tuple[str, tuple[str, ...]], dict[Values, list[Values]]] = {}
        self._windows: dict[bytes, Window] = {}

    def total(self, leaf: DetectorRule) -> Votes:
        """Return what all leaves say together."""
        if leaf.name not in self._totals:
            self._totals[leaf.name] = Votes.among(self._vote(leaf, values) for values in sorted(self._rates(leaf)))
        return self._totals[leaf.name]

    def recall(self, leaf: DetectorRule, votes: Votes) -> None:
        """Take what all leaves said together: they learn part by part, so that it cannot be asked again in between."""
        self._totals[leaf.name] = votes

    def below(self, leaf: DetectorRule, names: Sequence[str]) -> Mapping[Values, list[Values]]:
        """Return the leaves by their values of some of their dimensions."""
        found = self._below.get((leaf.name, tuple(names)))
        if found is None:
            found = self._below[leaf.name, tuple(names)] = {}
            places = [leaf.group_by.index(name) for name in names]
            for values in sorted(self._rates(leaf)):
                found.setdefault(tuple(values[place] for place in places), []).append(values)
        return found

    def beside(self, rule: DetectorRule, leaf: DetectorRule, values: Values, seen: Window) -> Window:
        """Return a series' window with what the leaves say that are not its own."""
        key = self._series.key(rule, values)
        found = self._windows.get(key)
        if found is None:
            own = [self._vote(leaf, one) for one in self.below(leaf, rule.group_by)[values]]
            found = self._windows[key] = with_common(seen, self.total(leaf).common(own))
        return found

    def _vote(self, leaf: DetectorRule, values: Values) -> Sibling | None:
        key = self._series.key(leaf, values)
        if key not in self._votes:
            self._votes[key] = self._series.ask_as_part(leaf, values, self._cast, self._rates(leaf)[values])
        return self._votes[key]

    def _cast(self, leaf: DetectorRule, values: Values, *seen: Any) -> Sibling | None:
        return sibling(self._series.dip(leaf, values), seen[0])
