"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015): in a window the first alarm counts, early ones more; false ones cost.

    python -m benchmarks.nab FOLDER

FOLDER is a checkout of the benchmark (`data/`, `labels/combined_windows.json`), which is not part of this project. Prints the score
under its three profiles, each at the one threshold over all files that is best for it, for our score and for the river composition.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp
from pathlib import Path

import numpy as np

from benchmarks.contender import ours, theirs
from benchmarks.labelled_series import Labelled

PROFILES = {"standard": (0.11, 1.0), "low FP": (0.22, 1.0), "low FN": (0.11, 2.0)}  # cost of a false alarm, of a miss


@dataclass(frozen=True, slots=True)
class Case:
    """Scores of a series and its windows, half-open row ranges in order."""

    scores: Sequence[float]
    windows: Sequence[tuple[int, int]]


def worth(place: float) -> float:
    """Return what an alarm at a place is worth: -1 is a window's first row, 0 its last, above 0 beyond it."""
    return 2.0 / (1.0 + exp(min(5.0 * place, 700.0))) - 1.0


def steps(case: Case, false: float, miss: float) -> list[tuple[float, float]]:
    """Return (threshold, change): what lowering the threshold to each score adds to the sum of a case."""
    found = []
    probation = int(min(0.15 * len(case.scores), 750))
    inside = np.zeros(len(case.scores), dtype=bool)
    ends: list[tuple[int, int]] = []
    for start, end in case.windows:
        inside[start:end] = True
        ends.append((end - 1, end - start))
        rises: list[tuple[float, float]] = []
        best = -1.0
        for row in range(max(start, probation), end):
            if case.scores[row] > best:
                best = case.scores[row]
                rises.append((best, worth((row - end + 1) / max(1, end - start - 1))))
        for at, (score, value) in enumerate(rises):
            found.append((score, value - (rises[at + 1][1] if at + 1 < len(rises) else -miss)))
    for row in range(probation, len(case.scores)):
        if not inside[row]:
            last = [(end, wide) for end, wide in ends if end < row][-1:]
            found.append((case.scores[row], false * (worth((row - last[0][0]) / max(1, last[0][1] - 1)) if last else -1.0)))
    return found


def nab(cases: Iterable[Case], false: float = 0.11, miss: float = 1.0) -> tuple[float, float]:
    """Return (score, threshold): 0 is what silence gets, 100 an alarm at the first row of each window and no other."""
    cases = list(cases)
    windows = sum(len(case.windows) for case in cases)
    each = np.array([step for case in cases for step in steps(case, false, miss)])
    each = each[np.argsort(-each[:, 0], kind="stable")]
    sums = np.cumsum(each[:, 1])
    last = np.append(each[1:, 0] != each[:-1, 0], True)  # where all rows of one score are in
    best = int(np.where(last, sums, -np.inf).argmax())
    return max(0.0, 100.0 * float(sums[best]) / (windows * (worth(-1.0) + miss))), float(each[best, 0])


def read(folder: Path) -> list[Labelled]:
    """Return the benchmark's files."""
    found = []
    for name, windows in sorted(json.loads((folder / "labels/combined_windows.json").read_text()).items()):
        with (folder / "data" / name).open(newline="") as file:
            rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
        stamps = [datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() for stamp, _ in rows]
        ranges = []
        for first, last in windows:
            edges = [datetime.fromisoformat(edge).replace(tzinfo=UTC).timestamp() for edge in (first, last)]
            inside = [row for row, stamp in enumerate(stamps) if edges[0] <= stamp <= edges[1]]
            ranges.append((inside[0], inside[-1] + 1))
        found.append(Labelled(name, list(stamps), [value for _, value in rows], tuple(ranges)))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    every = read(parser.parse_args().folder)
    judges: tuple[tuple[str, Callable[[Labelled], list[float]]], ...] = (("ours", ours), ("river composition", theirs))
    for name, judge in judges:
        cases = [Case(judge(series), series.stretches) for series in every]
        said = [f"{profile} {score:.1f} (at {at:.3f})" for profile, cost in PROFILES.items() for score, at in [nab(cases, *cost)]]
        print(f"{name:18} " + ", ".join(said))


if __name__ == "__main__":
    main()
