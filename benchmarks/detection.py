"""The four detectors over the mixture of `volume_mixture`, held against a clairvoyant and against their stated budget.

    python -m benchmarks.detection [--seed 2001] [--initiatives 30] [--budget 0.02]

Development seeds are below 2000. Cost is the median over a million cell-windows' worth of repeats of score and learn on one core; bytes
are those of the packed state.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

import orjson

from benchmarks.volume_mixture import HOURS, START_MS, WARM, CellCounts, clairvoyant, initiative
from detectors.budget import Budget
from detectors.dip import Dip, Window
from detectors.drift import Drift
from detectors.freshness import Freshness, Silence
from detectors.panel import breaches, commons, eligible, mixed, sibling, with_common
from detectors.protocol import Verdict
from detectors.suppression import Share, Suppression
from detectors.window import HOUR

GRACE = 12  # hours after a fault in which an alarm is still of it
CLEAR = 3  # windows without breach that end an alarm


@dataclass(slots=True)
class Alarm:
    """M of N over one series: when alarms opened."""

    needed: int
    history: list[bool] = field(default_factory=list)
    open: bool = False
    calm: int = 0
    opened: list[int] = field(default_factory=list)

    def see(self, at: int, breach: bool) -> None:
        """Take one eligible window."""
        self.history = [*self.history, breach][-self.needed :]
        if self.open:
            self.calm = 0 if breach else self.calm + 1
            self.open = self.calm < CLEAR
        elif len(self.history) == self.needed and all(self.history):
            self.opened.append(at)
            self.open, self.calm = True, 0


def watched(cells: list[CellCounts], weekly: float, fdr: float) -> dict[tuple[str, int], list[int]]:
    """Return when alarms opened, by (detector, cell); cell -1 is the whole initiative."""
    two, one = Budget.of(weekly, HOUR), Budget.of(weekly, HOUR, 1, 1)
    places = range(-1, len(cells))
    dips = {place: Dip(-1, two) for place in places}
    drifts = {place: Drift(-1, one) for place in places}
    shares = {place: (Suppression(two), Suppression(two)) for place in range(len(cells))}
    fresh = {place: Freshness(one) for place in range(len(cells))}
    last = [0] * len(cells)
    alarms: dict[tuple[str, int], Alarm] = defaultdict(lambda: Alarm(2))
    for place in places:
        alarms["drift", place] = Alarm(1)
    for hour in range(HOURS):
        end = START_MS + (hour + 1) * HOUR
        windows = {place: Window(end, float(c.clicks[hour]), float(c.exposures[hour])) for place, c in enumerate(cells)}
        windows = {place: seen for place, seen in windows.items() if seen.exposure > 0}
        stale = set()
        for place, c in enumerate(cells):
            if c.exposures[hour] > 0:
                last[place] = end - int(HOUR / (c.exposures[hour] + 1))
            silence = Silence(end, HOUR, int(c.exposures[hour]), last[place])
            verdict = fresh[place].score(silence)
            if not verdict.learning:
                hit = verdict.p <= one.rate
                alarms["stale", place].see(hour, hit)
                stale |= {place} if hit else set()
            fresh[place].learn(silence)
        found: dict[str, list[dict[int, Verdict]]] = {}
        factors, wholes = {}, {}
        for name, group in (("dip", dips), ("drift", drifts)):
            own = {p: dips[p].baseline if name == "dip" else drifts[p].inner.baseline for p in windows}
            factors[name] = commons({p: sibling(own[p], seen) for p, seen in windows.items()})
            whole = wholes[name] = mixed(end, [(own[p], seen) for p, seen in windows.items()])
            verdicts = {p: group[p].score(with_common(seen, factors[name][p])) for p, seen in windows.items() if p not in stale}
            found[name] = [{-1: group[-1].score(whole)}, {p: v for p, v in verdicts.items() if eligible(v)}]
        split = {}
        for p, seen in windows.items():
            shown = float(cells[p].shown[hour])
            split[p] = (Share(end, shown, seen.exposure), Share(end, seen.exposure - shown, seen.exposure))
        pairs = {2 * p + k: shares[p][k].score(split[p][k]) for p in split if p not in stale for k in (0, 1)}
        found["suppression"] = [{p: v for p, v in pairs.items() if eligible(v)}]
        for name, levels in found.items():
            budget = one if name == "drift" else two
            above = False
            for of, hits in zip(levels, breaches(levels, budget, fdr), strict=True):
                for key, hit in hits.items():
                    if not above:
                        alarms[name, key].see(hour, hit)
                    assert key in of
                above = above or hits.get(-1, False)
        for p, seen in windows.items():
            dips[p].learn(with_common(seen, factors["dip"][p]))
            drifts[p].learn(with_common(seen, factors["drift"][p]))
            for k in (0, 1):
                shares[p][k].learn(split[p][k])
        dips[-1].learn(wholes["dip"])
        drifts[-1].learn(wholes["drift"])
    return {key: [at for at in alarm.opened if at >= WARM] for key, alarm in alarms.items()}


def run(seed: int, number: int, weekly: float, fdr: float, *, faults: bool) -> None:
    """Print recall against the clairvoyant and false alarms per series-week, per detector."""
    recall: dict[str, list[tuple[bool, bool, int | None]]] = defaultdict(list)
    false: dict[str, int] = defaultdict(int)
    series: dict[str, int] = defaultdict(int)
    wrong: list[tuple[str, int]] = []
    for one in range(number):
        cells = initiative(seed, one, faults=faults)
        opened = watched(cells, weekly, fdr)
        for (name, key), times in opened.items():
            series[name] += 1
            place = key // 2 if name == "suppression" else key
            struck = [c for p, c in enumerate(cells) if c.fault is not None and place in (p, -1)]
            bad = sum(1 for at in times if not any(c.span[0] <= at <= c.span[1] + GRACE for c in struck))
            false[name] += bad
            wrong += [(name, place % 5 if place >= 0 else -1)] * bad
        for place, c in enumerate(cells):
            if c.fault is None:
                continue
            keys = (2 * place,) if c.fault == "suppression" else (place, -1)
            hits = [at for key in keys for at in opened.get((c.fault, key), ()) if c.span[0] <= at <= c.span[1] + GRACE]
            sure = True if c.fault == "stale" else clairvoyant(c)
            recall[c.fault].append((bool(hits), sure, min(hits) - c.span[0] if hits else None))
    weeks = (HOURS - WARM) / 168
    names = ("dip", "drift", "suppression", "stale")
    by = {name: [sum(1 for n, k in wrong if n == name and k == place) for place in range(-1, 5)] for name in names}
    print("false alarms of the whole, then by tier:", by)
    for name in names:
        cases = recall[name]
        delays = [delay for _, _, delay in cases if delay is not None]
        line = f"{name:12} false {false[name] / max(1, series[name]) / weeks:.4f} a series-week"
        if cases:
            ours, best = sum(hit for hit, _, _ in cases), sum(sure for _, sure, _ in cases)
            line += f"  recall {ours}/{len(cases)} = {ours / len(cases):.2f}, clairvoyant {best / len(cases):.2f}"
            line += f", ratio {ours / max(1, best):.2f}, median delay {median(delays) if delays else float('nan'):.1f}"
        print(line)


def cost() -> None:
    """Print microseconds per cell-window and bytes per series."""
    budget = Budget.of(0.02, HOUR)
    dip, drift, share, fresh = Dip(-1, budget), Drift(-1, budget), Suppression(budget), Freshness(budget)
    cases = [
        ("dip", dip, lambda at: Window(at * HOUR, 50 + at % 7, 1000 + at % 50)),
        ("drift", drift, lambda at: Window(at * HOUR, 50 + at % 7, 1000 + at % 50)),
        ("suppression", share, lambda at: Share(at * HOUR, 500 + at % 20, 1000)),
        ("freshness", fresh, lambda at: Silence(at * HOUR, HOUR, 1000, at * HOUR - 5)),
    ]
    for name, detector, seen in cases:
        windows = [seen(at) for at in range(1000, 21_000)]
        begun = perf_counter()
        for window in windows:
            detector.score(window)
            detector.learn(window)
        spent = (perf_counter() - begun) / len(windows) * 1e6
        print(f"{name:12} {spent:.1f} us per cell-window, {len(orjson.dumps(detector.state()))} bytes a series")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2001)
    parser.add_argument("--initiatives", type=int, default=30)
    parser.add_argument("--budget", type=float, default=0.02)
    parser.add_argument("--fdr", type=float, default=0.01)
    parser.add_argument("--no-faults", action="store_true")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.initiatives} initiatives, budget {asked.budget}, faults {not asked.no_faults}")
    run(asked.seed, asked.initiatives, asked.budget, asked.fdr, faults=not asked.no_faults)
    cost()


if __name__ == "__main__":
    main()
