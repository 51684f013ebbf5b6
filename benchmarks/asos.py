"""What peeking does to real experiments: every series of the ASOS data read at every look, ours against a test for one look.

    python -m benchmarks.asos PATH_TO/asos_half.csv

ASOS Digital Experiments Dataset (Liu et al. 2021, CC BY 4.0): running counts, means and variances per experiment, four metrics.
Both methods read the same running sums at the same looks at alpha 0.05. A claim at some look that is gone at the last one is what
somebody who stops at the first significant look would have believed.
"""

import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from detectors import sequence
from detectors.moments import Estimate

ALPHA, TUNING_N = 0.05, 20_000  # the defaults of a config

Look = tuple[float, Estimate, Estimate]  # days since the start, treatment, control
Series = dict[tuple[str, str, str], list[Look]]


@dataclass(slots=True)
class Tally:
    """Series read and looks taken; claims at some look, at the last look, at some look but not at the last, and of both signs."""

    series: int = 0
    looks: int = 0
    ever: int = 0
    last: int = 0
    lost: int = 0
    turned: int = 0

    def take(self, signs: list[int]) -> None:
        """Take one series as the sign claimed at each look, 0 for none."""
        self.series += 1
        self.looks += len(signs)
        self.ever += any(signs)
        self.last += signs[-1] != 0
        self.lost += any(signs) and signs[-1] == 0
        claims = [sign for sign in signs if sign]
        self.turned += any(one != other for one, other in pairwise(claims))


def estimate(count: str, mean: str, variance: str) -> Estimate:
    """Return what one arm says, from the published figures."""
    n, value, spread = int(float(count)), float(mean), float(variance)
    squares = spread * (n - 1) + n * value * value
    return Estimate(n, value, spread, spread, n * value * (n * value) / squares if squares > 0.0 else 0.0)


def read(path: Path) -> Series:
    """Return every series' looks in order of time; a look without a variance is none."""
    found: Series = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if all(row[name] for name in ("count_c", "count_t", "mean_c", "mean_t", "variance_c", "variance_t")):
                treatment = estimate(row["count_t"], row["mean_t"], row["variance_t"])
                control = estimate(row["count_c"], row["mean_c"], row["variance_c"])
                place = (row["experiment_id"], row["variant_id"], row["metric_id"])
                found[place].append((float(row["time_since_start"]), treatment, control))
    return {place: sorted(looks, key=lambda look: look[0]) for place, looks in found.items()}


def ours(looks: Iterable[Look]) -> list[int]:
    """Return the sign the sequence claims at each look, after burn-in."""
    signs = []
    for _, treatment, control in looks:
        seen = sequence.compare(treatment, control) if sequence.burned_in(treatment, control) else None
        signs.append(sign(None if seen is None else sequence.interval(seen, ALPHA, TUNING_N)))
    return signs


def fixed(looks: Iterable[Look]) -> list[int]:
    """Return the sign a test for one look claims at each look."""
    tests = (sequence.welch(treatment, control, ALPHA) for _, treatment, control in looks)
    return [sign(None if test is None else test.ci) for test in tests]


def sign(ends: sequence.Interval | None) -> int:
    """Return which side of zero an interval lies on, 0 for neither."""
    return 0 if ends is None else (ends[0] > 0.0) - (ends[1] < 0.0)


def table(series: Series) -> list[str]:
    """Return the lines of the table: per metric and in all, both methods."""
    methods = {"one look, peeked at": fixed, "valid at every look": ours}
    metrics = [*sorted({place[2] for place in series}), "all"]
    lines = [f"{'metric':<8}{'method':<22}{'series':>7}{'looks':>8}{'ever':>8}{'at end':>8}{'ever, not at end':>18}{'both signs':>12}"]
    for metric in metrics:
        for name, method in methods.items():
            tally = Tally()
            for place, looks in series.items():
                if metric in (place[2], "all"):
                    tally.take(method(looks))
            share = f"{tally.lost} ({tally.lost / tally.series:.1%})"
            counts = f"{tally.series:>7}{tally.looks:>8,}{tally.ever:>8}{tally.last:>8}"
            lines.append(f"{metric:<8}{name:<22}{counts}{share:>18}{tally.turned:>12}")
    return lines


def main(path: Path) -> None:
    """Print the table and what a look cost."""
    series = read(path)
    begun = time.perf_counter()
    looks = sum(len(ours(one)) for one in series.values())
    spent = time.perf_counter() - begun
    print("\n".join(table(series)))
    print(f"{spent / looks * 1e6:.1f} us a look")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PATH_TO/asos_half.csv")
    main(Path(sys.argv[1]))
