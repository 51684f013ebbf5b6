"""What the series of an initiative show in the window that ends now: rates, shares, silences; and wholes made of their parts.

A level above the leaves is judged by what the leaves' own rates expect of their volumes, so that mix is no dip.
"""

from collections.abc import Iterable, Mapping

from detectors.cell import DIMENSIONS, LAST_MS, REVENUE, Counts, add, project
from detectors.dip import Window
from detectors.freshness import Silence
from detectors.kpi import count
from detectors.panel import Votes, mixed
from detectors.suppression import Share
from streams.kernel.cells import Cells
from streams.kernel.detector_rule import MIXED, DetectorRule
from streams.kernel.series import AllSeries, Scene, Values
from streams.kernel.siblings import Siblings

Seen = Window | Share | Silence


class Showing:
    """The windows of every series of the rules that are due; looked at once."""

    def __init__(self, scene: Scene, due: Mapping[str, DetectorRule], series: AllSeries) -> None:
        self._scene, self._due, self._series = scene, due, series
        self._looked: dict[str, dict[Values, Seen]] = {}
        self._leaf_of: dict[str, DetectorRule] = {}
        self._leaves: dict[str, dict[Values, Window]] = {}
        self._parts: dict[str, dict[Values, Window]] = {}
        self.siblings = Siblings(series, self._rates)

    def seen(self, rule: DetectorRule) -> dict[Values, Seen]:
        """Return what every series of a rule shows in the window that ends now."""
        found = self._looked.get(rule.name)
        if found is None:
            found = self._looked[rule.name] = self._look(rule)
        return found

    def is_leaf(self, rule: DetectorRule) -> bool:
        """Return whether a rule is not made of others."""
        return rule.check not in MIXED or self.leaf(rule) is rule

    def beside(self, rule: DetectorRule, values: Values, seen: Seen) -> Seen:
        """Return a series' window with what the others say of it; a whole has no others."""
        if not isinstance(seen, Window) or not rule.group_by:
            return seen
        return self.siblings.beside(rule, self.leaf(rule), values, seen)

    def _look(self, rule: DetectorRule) -> dict[Values, Seen]:
        """Look at the window for a rule; a rate without exposure shows nothing."""
        cells = self._scene.window(rule.window)
        if rule.check == "freshness":
            return self._silences(rule, grouped(cells, rule.group_by))
        if rule.check == "suppression":
            return self._shares(rule, cells)
        leaf = self.leaf(rule)
        if leaf is rule:
            return dict(self._rates(leaf))
        parts = self._expected(leaf)
        groups = self.siblings.below(leaf, rule.group_by)
        found = {values: summed(self._scene.now, [parts[one] for one in below if one in parts]) for values, below in groups.items()}
        return {values: seen for values, seen in found.items() if seen.exposure > 0.0}

    def leaf(self, rule: DetectorRule) -> DetectorRule:
        """Return the rule a rate's levels are made of."""
        found = self._leaf_of.get(rule.check)
        if found is None:
            same = (other for other in self._due.values() if other.check == rule.check)
            found = self._leaf_of[rule.check] = max(same, key=lambda other: len(other.group_by))
        return found

    def _expected(self, leaf: DetectorRule) -> dict[Values, Window]:
        """Return of each leaf its events out of those its own rate expects; what is frozen is left out, as is what is unknown."""
        found = self._parts.get(leaf.name)
        if found is None:
            found = self._parts[leaf.name] = {}
            votes = self.siblings.total(leaf) if leaf.judged else Votes()  # what nobody judges by itself, the whole has to tell
            for values, seen in self._rates(leaf).items():
                part = self._series.ask_as_part(leaf, values, self._part, seen, votes)
                if part is not None:
                    found[values] = part
        return found

    def _part(self, leaf: DetectorRule, values: Values, seen: Window, votes: Votes) -> Window:
        return mixed(self._scene.now, [(self._series.dip(leaf, values).baseline, seen)], votes)

    def _rates(self, rule: DetectorRule) -> dict[Values, Window]:
        found = self._leaves.get(rule.name)
        if found is None:
            found = self._leaves[rule.name] = self._counted(rule)
        return found

    def _counted(self, rule: DetectorRule) -> dict[Values, Window]:
        definition = self._scene.definitions[rule.kpi]
        money = definition.numerator.startswith(REVENUE.rstrip("."))
        found: dict[Values, Window] = {}
        for values, counts in sorted(grouped(self._scene.window(rule.window), rule.group_by).items()):
            events = count("conversions" if money else definition.numerator, counts)
            exposure = count(definition.denominator, counts)
            if exposure and events is not None:
                worth = (count(definition.numerator, counts) or 0) if money else 0
                found[values] = Window(self._scene.now, float(events), float(exposure), money=float(worth))
        return found

    def _silences(self, rule: DetectorRule, groups: Mapping[Values, Counts]) -> dict[Values, Seen]:
        found: dict[Values, Seen] = {}
        for values in sorted({*groups, *self._series.past(rule)}):
            counts = groups.get(values, {})
            arrivals = sum(counts.get(name, 0) for name in ("exposures", "clicks", "conversions"))
            last = counts.get(LAST_MS, 0) or self._series.ask(rule, values, self._series.last)
            if last is not None:
                found[values] = Silence(self._scene.now, rule.window, 1 if counts.get("tallied") else arrivals, last, rule.sla)
        return found

    def _shares(self, rule: DetectorRule, cells: Cells) -> dict[Values, Seen]:
        places = rule.group_by[:-1]
        wholes = grouped(cells, places)
        shown = grouped(cells, rule.group_by)
        allocated = sum(self._scene.allocation.values())
        variants: dict[Values, set[str]] = {group: set(self._scene.allocation) for group in wholes}
        for values in {*shown, *self._series.past(rule)}:
            if values[:-1] in variants:
                variants[values[:-1]].add(values[-1])
        found: dict[Values, Seen] = {}
        for group, whole in wholes.items():
            total = whole.get("exposures", 0)
            for variant in variants[group] if total and len(variants[group]) > 1 else ():
                part = self._scene.allocation.get(variant)
                share = None if part is None or allocated <= 0.0 else part / allocated
                counts = shown.get((*group, variant), {})
                found[(*group, variant)] = Share(self._scene.now, float(counts.get("exposures", 0)), float(total), share)
        return found


def summed(end: int, parts: Iterable[Window]) -> Window:
    """Return the window of a whole out of those of its parts."""
    events = exposure = 0.0
    for part in parts:
        events += part.events
        exposure += part.exposure
    return Window(end, events, exposure)


def grouped(cells: Cells, names: Iterable[str]) -> dict[Values, Counts]:
    """Return the counts by the values of some dimensions."""
    places = tuple(DIMENSIONS.index(name) for name in names)
    found: dict[Values, Counts] = {}
    for cell, counts in cells.items():
        add(found.setdefault(project(cell, places), {}), counts)
    return found
