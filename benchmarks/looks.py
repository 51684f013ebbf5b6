"""What one look costs: an experiment's row read, the window's sums folded in, the split tested, every goal read, decided, the row written.

Run from the repository root: `python -m benchmarks.looks [--looks 2000] [--seed 1]`. A look is the kernel's own phase over a real draft;
the draft is committed in between, outside the clock. The last column is the decision of the last look.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from statistics import median, quantiles
from typing import Any

from governance.config import Config
from governance.contribution import contribution
from streams.kernel.bulletin import Adds
from streams.kernel.looks import TRIALS, Looks
from streams.kernel.rows import Draft, Rows, row_key, unpack
from streams.kernel.watch import Watch

HOUR = 3_600_000
START = 1_763_850_000_000 // HOUR * HOUR
SHAPES: dict[str, dict[str, Any]] = {
    "two arms, a proportion": {"control": "a", "allocation": {"a": 0.5, "b": 0.5}, "goals": ["converted_subjects"]},
    "two arms, revenue and a guardrail": {
        "control": "a",
        "allocation": {"a": 0.5, "b": 0.5},
        "goals": ["converted_subjects", "revenue_per_subject"],
        "guardrails": [{"kpi": "clicked_subjects", "non_inferiority": 0.02}],
    },
    "five arms, a proportion": {"control": "a", "allocation": dict.fromkeys("abcde", 0.2), "goals": ["converted_subjects"]},
    "in no config": {},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor time a look, bytes of the row, and the last decision."""

    median: float
    worst_in_hundred: float
    row: int
    decision: str


def config_of(shape: dict[str, Any]) -> Config:
    """Return a config with one experiment, or none."""
    experiments = {"exp": {**shape, "attribution": "1h"}} if shape else {}
    own = {"experiments": experiments, "detectors": {"dip": False, "freshness": False, "suppression": False, "drift": False}}
    return Config.model_validate({"timing": {"window": "1h", "tick": "10m", "stalled_after": "1h"}, "initiatives": {"plg": own}})


def windows(shape: dict[str, Any], looks: int, chance: Random) -> Iterator[tuple[int, Adds]]:
    """Yield (end, sums) of each window: some ten users an arm on two channels."""
    arms = sorted(shape.get("allocation", {"a": 1, "b": 1}))
    for number in range(looks):
        end = START + (number + 1) * HOUR
        adds = Adds()
        for _ in range(10 * len(arms)):
            arm, channel = chance.choice(arms), chance.choice(["web", "app"])
            adds.experiment(end, end, "exp", arm, {"first": 1, f"channel.{channel}": 1, "profile.-": 1})
            if shape:
                bought = chance.random() < 0.05
                counted = {"clicks": chance.random() < 0.3, "conversions": bought, "revenue_minor.EUR": bought * chance.randrange(9_000)}
                adds.experiment(end, end, "exp", arm, contribution(counted, {}, None))
        yield end, adds


def measure(shape: dict[str, Any], looks: int, seed: int) -> Cost:
    """Return what looks at one experiment cost once its path is full: the second half of them."""
    config, rows, times = config_of(shape), Rows(), list[float]()
    for number, (end, adds) in enumerate(windows(shape, looks, Random(seed))):
        draft = Draft(rows)
        started = time.thread_time()
        for phase in Looks(draft, "plg", end, adds, config, Watch(draft, "plg", config, "-"), {"id": "config", "sha256": "-"}).phases():
            phase()
        if number >= looks // 2:
            times.append((time.thread_time() - started) * 1e6)
        rows.apply(draft.commit(b""))
    row = rows.get(row_key(TRIALS, "plg", "exp")) or b""
    return Cost(median(times), quantiles(times, n=100)[-1], len(row), str(unpack(row)[0][8]))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--looks", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'experiment':36}{'us a look':>10}{'1 in 100':>10}{'row, B':>8}  last decision")
    for name, shape in SHAPES.items():
        cost = measure(shape, options.looks, options.seed)
        print(f"{name:36}{cost.median:10.0f}{cost.worst_in_hundred:10.0f}{cost.row:8}  {cost.decision}", flush=True)


if __name__ == "__main__":
    main()
