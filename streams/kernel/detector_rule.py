"""The detectors of an initiative as rules: what each watches, at which levels, and how an incident of it opens.

A detector's `group_by` is judged prefix by prefix: the initiative, then its first dimension, then the first two. So a cell too small to be
judged is pooled into its parent, and what moves a parent is one incident and not one per cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from detectors.budget import Budget
from detectors.dip import Dip
from detectors.drift import Drift
from detectors.freshness import Freshness
from detectors.kpi import BUILT_IN, Ratio
from detectors.protocol import Detector
from detectors.suppression import Suppression
from governance.config import Config, Threshold
from streams.kernel.place import own_rule

REASONS = {
    "dip": "the figure is worse than its own past and its siblings make likely",
    "freshness": "the silence is longer than its own past makes likely",
    "suppression": "the variant is shown less than its share",
    "drift": "the figure has settled at a worse level",
}
ONE_OF_ONE = ("drift",)
MIXED = ("dip", "drift")
LEAVES = ("profile", "channel")  # what weighs the mixture of an initiative that is judged as a whole only


@dataclass(frozen=True, slots=True)
class DetectorRule:
    """One detector at one level; `window` and `sla` in ms, `threshold` is how its incidents open."""

    name: str
    check: str
    kpi: str
    group_by: tuple[str, ...]
    window: int
    sign: int
    budget: Budget
    threshold: Threshold
    sla: int | None = None
    judged: bool = True  # False: it only weighs the mixture of the levels above it

    def detector(self) -> Detector[Any]:
        """Return the detector, the same at every level."""
        if self.check == "dip":
            return Dip.of(self.sign, self.budget, self.window)
        if self.check == "drift":
            return Drift.of(self.sign, self.budget, self.window)
        return Freshness(self.budget) if self.check == "freshness" else Suppression(self.budget)


def detector_rules(config: Config, initiative: str) -> dict[str, DetectorRule]:
    """Return the rules of an initiative's detectors by name, the whole before its parts."""
    own = config.initiative(initiative)
    found = {}
    for check in REASONS:
        detector = getattr(own.detectors, check)
        if detector is None:
            continue
        kpi = getattr(detector, "kpi", check)
        defined = own.kpis.get(kpi)
        better = None if defined is None else defined.better
        for depth in range(len(detector.group_by) + 1):
            rule = _rule(config, check, kpi, detector, detector.group_by[:depth], better)
            found[rule.name] = rule
        if check in MIXED and not detector.group_by:
            rule = replace(_rule(config, check, kpi, detector, LEAVES, better), judged=False)
            found[rule.name] = rule
    return found


def _rule(config: Config, check: str, kpi: str, detector: Any, names: Sequence[str], better: str | None) -> DetectorRule:
    definition: Ratio | None = BUILT_IN.get(kpi)
    better = better or (definition.better if definition else "up")
    group_by = tuple(name for name in names if check != "suppression" or name != "variant")
    if check == "suppression":
        group_by = (*group_by, "variant")
    points = 1 if check in ONE_OF_ONE else 2
    # A silence that lasts is one piece of evidence however often one looks: its second evaluation buys no level.
    counted = 1 if check == "freshness" else points
    budget = Budget.of(config.detection.alarm_budget_per_series_week, detector.window, counted, counted)
    threshold = own_rule(check, detector.window, REASONS[check], kpi=kpi, op="<", value=budget.level, group_by=group_by, points=points)
    sign = -1 if better == "up" else 1
    name = f"{check}@{','.join(group_by)}"
    return DetectorRule(name, check, kpi, group_by, detector.window, sign, budget, threshold, getattr(detector, "sla", None))
