"""`pmon score` against a composition of river's statistics, on labelled series of every class: one setting for all.

    python -m benchmarks.score [--seed 1000] [--each 6] [--tune]

Both see the same rows in one pass. Per class and in all:
AUC      area under the ROC curve by row, mean over series; within one series, so no threshold is shared
AP       average precision by row, the rows of all series of the class in one ranking: scores must compare across series
PA       F1 by row where a stretch touched is a stretch found whole (point-adjusted), at one threshold over ALL series
F1       F1 by stretch: an alarm within it finds it, alarms less than 50 rows apart elsewhere are one false alarm; at one threshold likewise
NAB      the score of `benchmarks.nab` with windows about the stretches, at one threshold over ALL series
silent   false alarms per 1,000 rows where nothing is wrong, at the F1's threshold
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from scipy.stats import rankdata

from benchmarks.contender import ours, theirs
from benchmarks.labelled_series import Array, Labelled, labelled
from benchmarks.nab import Case, nab
from benchmarks.river_composition import SETTINGS

THRESHOLDS = [0.01 * k for k in range(20, 100)]
APART = 50  # alarms closer than this are one
BEFORE, AFTER, BACK = 2, 5, 60  # rows about a stretch: where an alarm finds it, and where the way back is part of it

Judge = Callable[[Labelled], list[float]]


@dataclass(frozen=True, slots=True)
class Scored:
    """A series with its scores, and which of its rows are labelled."""

    series: Labelled
    scores: Array
    labels: Array

    @classmethod
    def of(cls, series: Labelled, judge: Judge) -> "Scored":
        """Return a series as a judge scores it."""
        labels = np.zeros(len(series.values), dtype=bool)
        for start, end in series.stretches:
            labels[start:end] = True
        return cls(series, np.array(judge(series)), labels)


@dataclass(slots=True)
class Outcome:
    """What a threshold makes of some series: stretches found and missed, false alarms, rows."""

    found: int = 0
    missed: int = 0
    false: int = 0
    rows: int = 0

    @property
    def f1(self) -> float:
        """Return 2 TP / (2 TP + FP + FN)."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)


def outcome(cases: Sequence[Scored], threshold: float) -> Outcome:
    """Return the outcome of a threshold over some series."""
    total = Outcome()
    for case in cases:
        total.rows += len(case.scores)
        alarms, last = np.flatnonzero(case.scores >= threshold), -APART
        near = np.zeros(len(case.scores), dtype=bool)
        for start, end in case.series.stretches:
            near[max(0, start - 5) : end + BACK] = True
            hit = bool(((alarms >= start - BEFORE) & (alarms < end + AFTER)).any())
            total.found += hit
            total.missed += not hit
        for row in alarms:
            if not near[row] and row - last >= APART:
                total.false += 1
                last = int(row)
    return total


def auc(case: Scored) -> float:
    """Return the area under the ROC curve by row."""
    kept = ~np.isnan(case.series.values)
    ranks, label = rankdata(case.scores[kept]), case.labels[kept]
    positive = int(label.sum())
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive)))


def precision(cases: Sequence[Scored]) -> float:
    """Return the average precision by row, all rows in one ranking."""
    scores, labels = np.concatenate([case.scores for case in cases]), np.concatenate([case.labels for case in cases])
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(labels[order])
    last = np.append(scores[1:] != scores[:-1], True)
    recall, share = found[last] / max(1, found[-1]), (found / np.arange(1, len(found) + 1))[last]
    return float(np.sum(np.diff(recall, prepend=0.0) * share))


def adjusted(cases: Sequence[Scored], threshold: float) -> float:
    """Return the point-adjusted F1 by row."""
    found = missed = false = 0
    for case in cases:
        alarm = case.scores >= threshold
        false += int((alarm & ~case.labels).sum())
        for start, end in case.series.stretches:
            if alarm[start:end].any():
                found += end - start
            else:
                missed += end - start
    return 2 * found / max(1, 2 * found + false + missed)


def windows(case: Scored) -> Case:
    """Return a case for `nab`: windows of a twentieth of the rows from a stretch's beginning, a hundredth before it."""
    rows, kept = len(case.scores), []
    starts = [start for start, _ in case.series.stretches]
    for start, end in case.series.stretches:
        following = min((other for other in starts if other > start), default=rows)
        kept.append((max(0, start - rows // 100), min(max(end, start + rows // 20), following - rows // 100 - 1, rows)))
    return Case(case.scores.tolist(), kept)


def shown(name: str, cases: Sequence[Scored], cost: float) -> None:
    """Print a judge's table."""
    best = max(THRESHOLDS, key=lambda threshold: outcome(cases, threshold).f1)
    wide = max(THRESHOLDS, key=lambda threshold: adjusted(cases, threshold))
    for family in [*dict.fromkeys(case.series.family for case in cases), "all"]:
        own = [case for case in cases if family in (case.series.family, "all")]
        at = outcome(own, best)
        rate = f"false {1000 * at.false / at.rows:.2f} per 1,000 rows"
        if not at.found + at.missed:
            print(f"{name:6} {family:16} {'':51}{rate}")
            continue
        area = np.mean([auc(case) for case in own if case.series.stretches])
        print(
            f"{name:6} {family:16} AUC {area:.3f}  AP {precision(own):.3f}  PA {adjusted(own, wide):.3f}  F1 {at.f1:.3f}  "
            f"found {f'{at.found}/{at.found + at.missed}':8} {rate}"
        )
    score, line = nab([windows(case) for case in cases])
    half = outcome(cases, 0.5)
    print(
        f"{name:6} NAB {score:.1f} at {line:.3f}; F1's threshold {best:.2f}; at .5: F1 {half.f1:.3f} found {half.found}"
        f"/{half.found + half.missed} false {half.false}; {cost:.1f} us a row\n"
    )


def tune(every: Sequence[Labelled]) -> None:
    """Print the settings of the baseline, the best for F1 by stretch and NAB together first."""
    found = []
    for setting in SETTINGS:
        cases = [Scored.of(series, lambda one, setting=setting: theirs(one, setting)) for series in every]  # type: ignore[misc]
        f1 = max(outcome(cases, threshold).f1 for threshold in THRESHOLDS)
        found.append((100 * f1 + nab([windows(case) for case in cases])[0], f1, setting))
    for total, f1, setting in sorted(found, key=lambda one: -one[0])[:10]:
        print(f"{total:.1f} F1 {f1:.3f} {setting}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--tune", action="store_true", help="the baseline's settings on a development seed instead")
    asked = parser.parse_args()
    every = list(labelled(asked.seed, asked.each))
    if asked.tune:
        return tune(every)
    for name, judge in (("ours", ours), ("river", theirs)):
        begun = process_time()
        cases = [Scored.of(series, judge) for series in every]
        shown(name, cases, (process_time() - begun) / sum(len(series.values) for series in every) * 1e6)
    return None


if __name__ == "__main__":
    main()
