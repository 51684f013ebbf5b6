"""What a hundred thousand series cost on one core: µs a window and bytes a series, for each detector.

    python -m benchmarks.series_cost [--series 100000] [--windows 3]

Every series has learnt two weeks of hours first, of one of a hundred volumes from 20 to 20,000 exposures an hour. `live`: score and learn
of a detector in memory. `row to row`: read from its row, scored, learnt and written again, which is what a closing does; it holds one
detector at a time. `bytes` are those of the row's value, `resident` what the process grew by for a row with its key. Process time; each
detector in a process of its own.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from time import process_time
from typing import Any

from benchmarks.shard import resident_bytes
from detectors.budget import Budget
from detectors.dip import Dip, Window
from detectors.drift import Drift
from detectors.freshness import Freshness, Silence
from detectors.suppression import Share, Suppression
from detectors.window import DAY, HOUR
from streams.kernel.record import Commit
from streams.kernel.rows import Rows, pack, row_key, unpack
from streams.kernel.sight import STATES, seen_of

START = 20_400 * DAY
PATTERNS, LEARNT = 100, 14 * 24
BUDGET = Budget.of(0.02, HOUR)
ONCE = Budget.of(0.02, HOUR, 1, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One detector: a fresh one, the way back from a state, and the hour `number` of a pattern."""

    fresh: Callable[[], Any]
    of: Callable[[list[Any]], Any]
    seen: Callable[[Random, int, int], Any]


def volume(pattern: int, hour: int) -> float:
    """Return the exposures of an hour: 20 to 20,000, by night a third."""
    return 20.0 * 1000.0 ** (pattern / PATTERNS) * (1.0 if 7 <= hour % 24 < 23 else 0.3)


def rate(chance: Random, pattern: int, hour: int) -> Window:
    """Return an hour with a tenth of clicks."""
    exposure = round(volume(pattern, hour))
    return Window(START + hour * HOUR, max(0.0, round(chance.gauss(0.1 * exposure, (0.1 * exposure) ** 0.5))), exposure)


def share(chance: Random, pattern: int, hour: int) -> Share:
    """Return an hour in which half see the variant."""
    total = round(volume(pattern, hour))
    return Share(START + hour * HOUR, min(total, max(0.0, round(chance.gauss(0.5 * total, 0.5 * total**0.5)))), total, 0.5)


def silence(chance: Random, pattern: int, hour: int) -> Silence:
    """Return an hour's arrivals, the last a while ago."""
    end, events = START + hour * HOUR, round(volume(pattern, hour))
    return Silence(end, HOUR, events, end - round(chance.random() * HOUR / (events + 1)))


CASES = {
    "dip": Case(lambda: Dip(-1, BUDGET), lambda state: Dip.of(state, -1, BUDGET), rate),
    "drift": Case(lambda: Drift(-1, ONCE), lambda state: Drift.of(state, -1, ONCE), rate),
    "suppression": Case(lambda: Suppression(BUDGET), lambda state: Suppression.of(state, BUDGET), share),
    "freshness": Case(lambda: Freshness(ONCE), lambda state: Freshness.of(state, ONCE), silence),
}


def learnt(case: Case, chance: Random) -> list[list[Any]]:
    """Return the states of all patterns after two weeks."""
    found = []
    for pattern in range(PATTERNS):
        detector = case.fresh()
        for hour in range(LEARNT):
            detector.learn(case.seen(chance, pattern, hour))
        found.append(detector.state())
    return found


def live(case: Case, states: list[list[Any]], chance: Random) -> float:
    """Return µs a window of detectors that stay in memory."""
    detectors = [case.of(state) for state in states]
    hours = range(LEARNT, LEARNT + 24)
    windows = [[case.seen(chance, pattern, hour) for pattern in range(PATTERNS)] for hour in hours]
    begun = process_time()
    for closed in windows:
        for detector, seen in zip(detectors, closed, strict=True):
            detector.score(seen)
            detector.learn(seen)
    return (process_time() - begun) / len(hours) / PATTERNS * 1e6


def stored(case: Case, states: list[list[Any]], chance: Random, series: int, windows: int) -> tuple[float, int, float]:
    """Return µs a window from row to row, the bytes of a row and what a series takes of memory."""
    before, rows = resident_bytes(), Rows()
    keys = [row_key(STATES, "initiative", "check", "kpi", "profile,channel", f"profile-{n // 100}", f"c-{n % 100}") for n in range(series)]
    rows.apply(Commit({key: pack(states[n % PATTERNS], [0, 0.1]) for n, key in enumerate(keys)}, b"{}", ()))
    grown = (resident_bytes() - before) / series
    spent = 0.0
    for hour in range(LEARNT, LEARNT + windows):
        closed = [case.seen(chance, pattern, hour) for pattern in range(PATTERNS)]
        begun = process_time()
        for n, key in enumerate(keys):
            state, _ = unpack(rows.get(key) or b"")
            detector, seen = case.of(state), closed[n % PATTERNS]
            verdict = detector.score(seen)
            detector.learn(seen)
            rows.apply(Commit({key: pack(detector.state(), seen_of(verdict))}, b"{}", ()))
        spent += process_time() - begun
    size = sum(len(rows.get(key) or b"") for key in keys) // series
    return spent / windows / series * 1e6, size, grown


def line(name: str, series: int, windows: int) -> str:
    """Return what one detector costs."""
    case, chance = CASES[name], Random(1)
    states = learnt(case, chance)
    alone = live(case, states, chance)
    each, size, grown = stored(case, states, chance, series, windows)
    return f"{name:<13}{alone:>8.1f}{each:>12.1f}{each * series / 1e6:>15.2f}{size:>8,}{grown:>10,.0f}"


def main() -> None:
    """Print a line per detector."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--windows", type=int, default=3)
    asked = parser.parse_args()
    print(f"{asked.series:,} series of each detector, {asked.windows} windows; µs of processor time a window")
    print(f"{'':<13}{'live':>8}{'row to row':>12}{'all series, s':>15}{'bytes':>8}{'resident':>10}")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as alone:
        for name in CASES:
            print(alone.apply(line, (name, asked.series, asked.windows)), flush=True)


if __name__ == "__main__":
    main()
