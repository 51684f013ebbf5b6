"""`pmon score` against a composition of river statistics, on labelled series of several families: one setting for all.

    python -m benchmarks.score [--seed 1000] [--each 6]

The baseline: EW mean and spread per hour of the day, the tail by a rolling quantile, a shift channel of a short against
a long EW mean, a quiet period after an alarm. Both see the same rows in one pass. Figures per family and in all: AUC by row (mean over
series with a label), F1 by stretch at the threshold that is best over ALL series, and false alarms per 1,000 rows there.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from time import perf_counter

import numpy as np
from river import stats
from scipy.stats import rankdata

from benchmarks.labelled_series import Labelled, labelled
from detectors.series import Series

COLD = 150
THRESHOLDS = [0.02 * k for k in range(1, 50)]
APART = 50  # alarms closer than this are one


class Baseline:
    """The river composition: no look-ahead, one row at a time."""

    def __init__(self) -> None:
        self.mean = [stats.EWMean(fading_factor=0.1) for _ in range(24)]
        self.spread = [stats.EWMean(fading_factor=0.1) for _ in range(24)]
        self.fast, self.slow = stats.EWMean(fading_factor=0.1), stats.EWMean(fading_factor=0.005)
        self.tail = stats.RollingQuantile(0.99, 1000)
        self.rows = self.quiet = 0
        self.seen = [0] * 24

    def score(self, time_s: float, value: float) -> float:
        """Judge a row, then learn it."""
        slot = int(time_s % 86_400 // 3600)
        self.rows += 1
        if not isfinite(value):
            return 0.0
        deviation = 0.0
        if self.seen[slot] > 3:
            deviation = abs(value - self.mean[slot].get()) / (1.2533 * self.spread[slot].get() + 1e-9 + 1e-3 * abs(value))
        shift = 0.0
        if self.rows > COLD:
            shift = abs(self.fast.get() - self.slow.get())
        found = max(deviation, shift)
        limit = self.tail.get() if self.rows > COLD else None
        rank = found / (found + 2.0 * limit) if limit else 0.0
        self.tail.update(min(found, 1e6))
        gap = abs(value - self.mean[slot].get()) if self.seen[slot] else 0.0
        self.spread[slot].update(gap)
        self.mean[slot].update(value)
        self.seen[slot] += 1
        signed = (value - self.mean[slot].get()) / (1.2533 * self.spread[slot].get() + 1e-9)
        self.fast.update(max(-4.0, min(4.0, signed)))
        self.slow.update(max(-4.0, min(4.0, signed)))
        if self.quiet:
            self.quiet -= 1
            return 0.5 * rank
        if rank > 0.5:
            self.quiet = 100
        return rank


def ours(series: Labelled) -> list[float]:
    """Return our score of every row."""
    scorer, found = Series(), []
    for time, value in zip(series.times, series.values, strict=True):
        judged = scorer.score(value, None, time)
        scorer.learn(value, None, time, judged)
        found.append(judged.score)
    return found


def theirs(series: Labelled) -> list[float]:
    """Return the baseline's score of every row."""
    scorer = Baseline()
    return [scorer.score(time, value) for time, value in zip(series.times, series.values, strict=True)]


@dataclass(slots=True)
class Outcome:
    """What a threshold makes of some series: stretches found and missed, false alarms, rows."""

    found: int = 0
    missed: int = 0
    false: int = 0
    rows: int = 0

    @property
    def f1(self) -> float:
        """Return 2 TP / (2 TP + FP + FN), a stretch being one case and alarms close together one alarm."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)


def outcome(cases: Sequence[tuple[Labelled, list[float]]], threshold: float) -> Outcome:
    """Return the outcome of a threshold over some series."""
    total = Outcome()
    for series, scores in cases:
        total.rows += len(scores)
        alarms, last = [], -APART
        inside = [False] * len(series.stretches)
        for row, score in enumerate(scores):
            if score < threshold:
                continue
            hit = [k for k, (start, end) in enumerate(series.stretches) if start <= row < end + 5]
            for k in hit:
                inside[k] = True
            near = any(start - 5 <= row < end + 60 for start, end in series.stretches)  # the way back is part of it
            if not near and row - last >= APART:
                alarms.append(row)
                last = row
        total.false += len(alarms)
        total.found += sum(inside)
        total.missed += len(inside) - sum(inside)
    return total


def auc(series: Labelled, scores: list[float]) -> float:
    """Return the area under the ROC curve by row."""
    label = np.zeros(len(scores), dtype=bool)
    for start, end in series.stretches:
        label[start:end] = True
    kept = np.array([not isnan(value) for value in series.values])
    ranks, label = rankdata(np.array(scores)[kept]), label[kept]
    positive = int(label.sum())
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--each", type=int, default=6)
    asked = parser.parse_args()
    every = list(labelled(asked.seed, asked.each))
    for name, judge in (("ours", ours), ("river composition", theirs)):
        begun = perf_counter()
        cases = [(series, judge(series)) for series in every]
        cost = (perf_counter() - begun) / sum(len(series.values) for series in every) * 1e6
        best = max(THRESHOLDS, key=lambda threshold: outcome(cases, threshold).f1)
        for family in [*dict.fromkeys(series.family for series in every), "all"]:
            own = [case for case in cases if family in (case[0].family, "all")]
            areas = [auc(*case) for case in own if case[0].stretches]
            at = outcome(own, best)
            print(
                f"{name:18} {family:16} AUC {np.mean(areas) if areas else float('nan'):.3f}  F1 {at.f1:.3f}  "
                f"found {at.found}/{at.found + at.missed}  false {1000 * at.false / at.rows:.2f} per 1,000 rows"
            )
        fixed = outcome(cases, 0.5)
        caught = f"{fixed.found}/{fixed.found + fixed.missed}"
        print(f"{name:18} threshold {best:.2f}; at .5: F1 {fixed.f1:.3f} found {caught} false {fixed.false}; {cost:.1f} us a row\n")


if __name__ == "__main__":
    main()
