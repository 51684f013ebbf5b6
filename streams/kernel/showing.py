"""What the series of an initiative show in the window that ends now: rates, shares, silences; and wholes made of their parts.

A level above the leaves is judged by what the leaves' own rates expect of their volumes, so that mix is no dip.
"""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from detectors.cell import DIMENSIONS, LAST_MS, REVENUE, Counts, add
from detectors.freshness import Freshness, Silences
from detectors.kpi import count
from detectors.panel import Votes
from detectors.protocol import Column, Places
from detectors.suppression import Shares
from detectors.weighing import Windows
from streams.kernel.cells import Cells
from streams.kernel.detector_rule import MIXED, DetectorRule
from streams.kernel.series import AllSeries, Group, Scene, Values
from streams.kernel.siblings import Leaves, places_above, summed


class Showing:
    """The windows of every series of the rules that are due; looked at once."""

    def __init__(self, scene: Scene, due: Mapping[str, DetectorRule], series: AllSeries) -> None:
        self._scene, self._due, self._series = scene, due, series
        self._groups: dict[str, Group] = {}
        self._leaves: dict[str, Leaves] = {}
        self._parts: dict[str, tuple[Column, Column]] = {}
        self._below: dict[str, Places] = {}
        self._counts: dict[tuple[int, tuple[str, ...]], dict[Values, Counts]] = {}
        self._leaf_of: dict[str, DetectorRule] = {}
        for rule in due.values():  # the last is the deepest
            if rule.check in MIXED and len(rule.group_by) >= len(self._leaf_of.get(rule.check, rule).group_by):
                self._leaf_of[rule.check] = rule

    def group(self, rule: DetectorRule) -> Group:
        """Return every series of a rule and what it shows by itself in the window that ends now."""
        found = self._groups.get(rule.name)
        if found is None:
            found = self._groups[rule.name] = self._look(rule)
        return found

    def is_leaf(self, rule: DetectorRule) -> bool:
        """Return whether a rule is not made of others."""
        return rule.check not in MIXED or self._leaf_of[rule.check] is rule

    def beside(self, rule: DetectorRule, places: Places | None = None) -> Group:
        """Return some series of a rule, all for None, with what the others say of their windows; a whole has no others."""
        group = self.group(rule)
        chosen = group if places is None else group.only(places)
        if rule.check not in MIXED or not rule.group_by or not len(chosen):
            return chosen
        leaves = self.leaves(rule)
        if self.is_leaf(rule):
            seen = leaves.beside(chosen, places)
        else:
            assert places is None, "what is above the leaves learns at once"
            seen = leaves.above(group, self._below[rule.name])
        return Group(chosen.rules, chosen.values, chosen.keys, seen, chosen.states)

    def leaves(self, rule: DetectorRule) -> Leaves:
        """Return the leaves of a rate's levels."""
        leaf = self._leaf_of[rule.check]
        found = self._leaves.get(leaf.name)
        if found is None:
            found = self._leaves[leaf.name] = Leaves(self._series, self.group(leaf), leaf)
        return found

    def _look(self, rule: DetectorRule) -> Group:
        """Look at the window for a rule; a rate without exposure shows nothing."""
        if rule.check == "freshness":
            return self._silences(rule)
        if rule.check == "suppression":
            return self._shares(rule)
        return self._rates(rule) if self.is_leaf(rule) else self._wholes(rule)

    def _wholes(self, rule: DetectorRule) -> Group:
        """Return what is made of leaves: their events out of those their own rates expect; what is frozen or unknown is left out."""
        leaves = self.leaves(rule)
        parts = self._parts.get(leaves.rule.name)
        if parts is None:
            votes = leaves.votes if leaves.rule.judged else Votes()  # what nobody judges by itself, the whole has to tell
            parts = self._parts[leaves.rule.name] = leaves.parts(votes)
        values, below = places_above(leaves.rule, rule.group_by, leaves.group.values)
        events, expected = (summed(below, column, len(values)) for column in parts)
        there = np.flatnonzero(expected > 0.0)
        place = np.full(len(values), -1, dtype=np.intp)
        place[there] = np.arange(len(there))
        self._below[rule.name] = place[below]
        seen = self._window(events[there], expected[there], np.zeros(len(there)))
        return self._series.group(rule, [values[at] for at in there.tolist()], seen)

    def _rates(self, rule: DetectorRule) -> Group:
        definition = self._scene.definitions[rule.kpi]
        money = definition.numerator.startswith(REVENUE.rstrip("."))
        values: list[Values] = []
        numbers: list[tuple[float, float, float]] = []
        for named, counts in sorted(self._grouped(rule, rule.group_by).items()):
            events = count("conversions" if money else definition.numerator, counts)
            exposure = count(definition.denominator, counts)
            if exposure and events is not None:
                worth = (count(definition.numerator, counts) or 0) if money else 0
                values.append(named)
                numbers.append((float(events), float(exposure), float(worth)))
        columns = np.array(numbers).reshape(len(numbers), 3)
        return self._series.group(rule, values, self._window(*columns.T))

    def _window(self, events: Column, exposure: Column, money: Column) -> Windows:
        return Windows(self._scene.now, events, exposure, np.ones(len(events)), np.zeros(len(events)), money)

    def _silences(self, rule: DetectorRule) -> Group:
        groups = self._grouped(rule, rule.group_by)
        values = sorted({*groups, *self._series.past(rule)})
        found: list[tuple[float, float]] = []
        for named in values:
            counts = groups.get(named, {})
            arrivals = sum(counts.get(name, 0) for name in ("exposures", "clicks", "conversions"))
            found.append((1.0 if counts.get("tallied") else float(arrivals), float(counts.get(LAST_MS, 0))))
        columns = np.array(found).reshape(len(found), 2)
        return self._since(rule, self._series.group(rule, values, self._silence(rule, columns[:, 0], columns[:, 1])))

    def _since(self, rule: DetectorRule, group: Group) -> Group:
        """Return silences that know since when from what was learnt, where nothing came; without those that raise when asked."""
        seen = group.seen
        assert isinstance(seen, Silences)
        quiet = np.flatnonzero(seen.last == 0.0)
        if not len(quiet):
            return group
        _, who, found = self._series.ask(group.only(quiet), lambda states, seen: Freshness.last(states))
        last = np.where(seen.last == 0.0, nan, seen.last)
        if found is not None:
            last[quiet[who]] = found
        group.seen = self._silence(rule, seen.events, last)
        return group.only(np.flatnonzero(~np.isnan(last)))

    def _silence(self, rule: DetectorRule, events: Column, last: Column) -> Silences:
        return Silences(self._scene.now, rule.window, events, last, rule.sla)

    def _shares(self, rule: DetectorRule) -> Group:
        wholes, shown = self._grouped(rule, rule.group_by[:-1]), self._grouped(rule, rule.group_by)
        allocated = sum(self._scene.allocation.values())
        variants: dict[Values, set[str]] = {group: set(self._scene.allocation) for group in wholes}
        for values in {*shown, *self._series.past(rule)}:
            if values[:-1] in variants:
                variants[values[:-1]].add(values[-1])
        found: dict[Values, tuple[float, float, float]] = {}
        for group, whole in wholes.items():
            total = whole.get("exposures", 0)
            for variant in variants[group] if total and len(variants[group]) > 1 else ():
                part = self._scene.allocation.get(variant)
                share = nan if part is None or allocated <= 0.0 else part / allocated
                counts = shown.get((*group, variant), {})
                found[(*group, variant)] = (float(counts.get("exposures", 0)), float(total), share)
        named = sorted(found)
        columns = np.array([found[values] for values in named]).reshape(len(named), 3)
        return self._series.group(rule, named, Shares(self._scene.now, columns[:, 0], columns[:, 1], columns[:, 2]))

    def _grouped(self, rule: DetectorRule, names: tuple[str, ...]) -> dict[Values, Counts]:
        """Return the counts of a rule's window by the values of some dimensions."""
        found = self._counts.get((rule.window, names))
        if found is None:
            found = self._counts[rule.window, names] = grouped(self._scene.window(rule.window), names)
        return found


def grouped(cells: Cells, names: Sequence[str]) -> dict[Values, Counts]:
    """Return the counts by the values of some dimensions."""
    places = [DIMENSIONS.index(name) for name in names]
    found: dict[Values, Counts] = {}
    for cell, counts in cells.items():
        values = tuple([cell[place] for place in places])
        known = found.get(values)
        if known is None:
            found[values] = dict(counts)  # counts never hold a 0, see `add`
        else:
            add(known, counts)
    return found
