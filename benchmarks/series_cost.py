"""What a hundred thousand series cost on one core: µs a window and bytes a series, for each detector.

    python -m benchmarks.series_cost [--series 100000] [--windows 3] [--few 5]

Every series has learnt two weeks of hours first, of one of a hundred volumes from 20 to 20,000 exposures an hour. `live`: score and learn
in memory. `row to row`: read from the rows, scored, learnt and written again, which is what a closing does; so many series are learnt
at once as a closing has in a phase. `bytes` are those of the row's value, `resident` what the process grew by for a row with its key.
`a few`: what a window of so few series costs, µs for all together. Process time; each detector in a process of its own.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from time import process_time
from typing import Any

import numpy as np

from benchmarks.shard import resident_bytes
from detectors.budget import Budget
from detectors.dip import Dip
from detectors.drift import Drift
from detectors.freshness import Freshness, Silences
from detectors.protocol import Detector, Places, States, joined, some
from detectors.suppression import Shares, Suppression
from detectors.weighing import Windows
from detectors.window import DAY, HOUR
from streams.kernel.detection import SERIES_A_PHASE
from streams.kernel.record import Commit
from streams.kernel.rows import Rows, row_key
from streams.kernel.series import TOGETHER
from streams.kernel.state_rows import STATES, rows_of, states_of

START = 20_400 * DAY
PATTERNS, LEARNT = 100, 14 * 24
BUDGET = Budget.of(0.02, HOUR)
ONCE = Budget.of(0.02, HOUR, 1, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One detector, and the hour `number` of a pattern."""

    detector: Detector[Any]
    seen: Callable[[Random, int, int], Any]

    def hour(self, chance: Random, number: int, series: int) -> Any:
        """Return an hour of so many series, the patterns over and over."""
        once = joined([self.seen(chance, pattern, number) for pattern in range(PATTERNS)])
        return some(once, np.arange(series) % PATTERNS)


def volume(pattern: int, hour: int) -> float:
    """Return the exposures of an hour: 20 to 20,000, by night a third."""
    return 20.0 * 1000.0 ** (pattern / PATTERNS) * (1.0 if 7 <= hour % 24 < 23 else 0.3)


def rate(chance: Random, pattern: int, hour: int) -> Windows:
    """Return an hour with a tenth of clicks."""
    exposure = round(volume(pattern, hour))
    events = max(0.0, round(chance.gauss(0.1 * exposure, (0.1 * exposure) ** 0.5)))
    return Windows.of(START + hour * HOUR, events, exposure)


def share(chance: Random, pattern: int, hour: int) -> Shares:
    """Return an hour in which half see the variant."""
    total = round(volume(pattern, hour))
    return Shares.of(START + hour * HOUR, min(total, max(0.0, round(chance.gauss(0.5 * total, 0.5 * total**0.5)))), total, 0.5)


def silence(chance: Random, pattern: int, hour: int) -> Silences:
    """Return an hour's arrivals, the last a while ago."""
    end, events = START + hour * HOUR, round(volume(pattern, hour))
    return Silences.of(end, HOUR, events, end - round(chance.random() * HOUR / (events + 1)))


CASES = {
    "dip": Case(Dip.of(-1, BUDGET), rate),
    "drift": Case(Drift.of(-1, ONCE), rate),
    "suppression": Case(Suppression(BUDGET), share),
    "freshness": Case(Freshness(ONCE), silence),
}


def learnt(case: Case, chance: Random, series: int) -> States:
    """Return the states of so many series after two weeks."""
    states, told = case.detector.fresh(PATTERNS), np.zeros(PATTERNS, dtype=np.bool_)
    for hour in range(LEARNT):
        seen = case.hour(chance, hour, PATTERNS)
        states = case.detector.learn(states, seen, case.detector.score(states, seen), told)
    return states[np.arange(series) % PATTERNS]


def parts(series: int, size: int) -> list[Places]:
    """Return the places of so many series, so many at a time."""
    return [np.arange(at, min(series, at + size)) for at in range(0, series, size)]


def live(case: Case, states: States, chance: Random, hours: int) -> float:
    """Return µs of an hour of series that stay in memory."""
    told, spent = np.zeros(len(states), dtype=np.bool_), 0.0
    for hour in range(LEARNT, LEARNT + hours):
        seen = case.hour(chance, hour, len(states))
        begun = process_time()
        for part in parts(len(states), TOGETHER):
            mine = states[part]
            said = case.detector.score(mine, some(seen, part))
            states[part] = case.detector.learn(mine, some(seen, part), said, told[part])
        spent += process_time() - begun
    return spent / hours * 1e6


def stored(case: Case, states: States, chance: Random, windows: int) -> tuple[float, int, float]:
    """Return µs of an hour from row to row, the bytes of a row and what a series takes of memory."""
    detector, series = case.detector, len(states)
    said = detector.score(states, case.hour(chance, LEARNT, series))
    before, rows = resident_bytes(), Rows()
    keys = [row_key(STATES, "initiative", "check", "kpi", "profile,channel", f"profile-{n // 100}", f"c-{n % 100}") for n in range(series)]
    rows.apply(Commit(dict(zip(keys, rows_of(detector, states, said), strict=True)), b"{}", ()))
    grown = (resident_bytes() - before) / series
    spent = 0.0
    for hour in range(LEARNT, LEARNT + windows):
        seen = case.hour(chance, hour, series)
        begun = process_time()
        read = states_of(detector, [rows.get(key) for key in keys])
        verdicts = joined([detector.score(read[part], some(seen, part)) for part in parts(series, TOGETHER)])
        for part in parts(series, SERIES_A_PHASE):
            said = some(verdicts, part)
            after = detector.learn(read[part], some(seen, part), said, np.zeros(len(part), dtype=np.bool_))
            made = rows_of(detector, after, said)
            rows.apply(Commit(dict(zip([keys[at] for at in part.tolist()], made, strict=True)), b"{}", ()))
        spent += process_time() - begun
    return spent / windows * 1e6, len(rows.get(keys[0]) or b""), grown


def line(name: str, series: int, windows: int, few: int) -> str:
    """Return what one detector costs."""
    case, chance = CASES[name], Random(1)
    states = learnt(case, chance, series)
    alone, handful = live(case, states, chance, windows), live(case, states[:few], chance, 200)
    all_together, size, grown = stored(case, states, chance, windows)
    each = all_together / series
    return f"{name:<13}{alone / series:>8.2f}{each:>12.2f}{all_together / 1e6:>15.2f}{size:>8,}{grown:>10,.0f}{handful:>10,.0f}"


def main() -> None:
    """Print a line per detector."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--few", type=int, default=5)
    asked = parser.parse_args()
    print(f"{asked.series:,} series of each detector, {asked.windows} windows; µs of processor time a window")
    print(f"{'':<13}{'live':>8}{'row to row':>12}{'all series, s':>15}{'bytes':>8}{'resident':>10}{'a few':>10}")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as alone:
        for name in CASES:
            print(alone.apply(line, (name, asked.series, asked.windows, asked.few)), flush=True)


if __name__ == "__main__":
    main()
