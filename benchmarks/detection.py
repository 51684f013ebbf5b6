"""What detection finds in `pmon simulate --scenario mixture`, against a clairvoyant and against its stated budget.

    python -m benchmarks.detection [--seed 2001] [--runs 10] [--initiatives 3] [--budget 0.02] [--no-faults] [--whole]

Every window goes through the kernel's own detection, life cycles included: `--whole` replays the tallies from the first stage on, as
`pmon replay` does; without it closed windows are handed to the same functions, which is some three times as fast and opens the same
incidents (`tests/streams/test_mixture.py`). Development seeds are below 2000.

A fault is found where an incident of its check opens, reopens or goes on in its cell, or in what holds its cell, from its start to 12
hours after its end. An incident is false where it opens and no fault of any kind lies in its place at that time. Series are counted as
watched: by detector, every key at every level.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import orjson

from detectors.window import HOUR
from governance.config import Config, load_config
from governance.message.instant import parse_instant
from streams.kernel.cells import Cells
from streams.kernel.detection import Detection
from streams.kernel.detector_rule import detector_rules
from streams.kernel.publishing import definitions_of
from streams.kernel.record import Outgoing, Record
from streams.kernel.rows import Draft, Rows
from streams.kernel.series import Scene
from streams.kernel.watch import Watch
from streams.replay import Replay
from streams.simulation.mixture import CHECKS, KINDS, WARM, CellCounts, Mixture, config_text
from streams.simulation.scenario import START

GRACE = 12 * HOUR
Step = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What a check found over all runs."""

    series: int = 0
    false: int = 0
    faults: int = 0
    sure: int = 0
    found: int = 0
    found_sure: int = 0
    delays: list[float] = field(default_factory=list)
    false_at: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)


def replayed(mixture: Mixture, config: Config) -> list[Step]:
    """Return the incident steps of the whole product over a mixture."""
    steps: list[Step] = []

    def publish(message: Outgoing) -> None:
        if message.topic == "incidents":
            steps.append(orjson.loads(message.value)["data"])

    replay = Replay(1, publish, config)
    replay.feed(Record(sent.topic, 0, offset, sent.stamp, sent.key, sent.value) for offset, sent in enumerate(mixture.records()))
    return steps


def watched(mixture: Mixture, config: Config) -> list[Step]:
    """Return the incident steps of the kernel's detection over the closed windows of a mixture."""
    steps: list[Step] = []
    for name, cells in mixture.initiatives.items():
        rows = Rows()
        rules = detector_rules(config, name)
        thresholds = {key: rule.threshold for key, rule in rules.items()}
        for hour in range(mixture.days * 24):
            now = START + (hour + 1) * HOUR
            draft = Draft(rows)
            watch = Watch(draft, name, config, "0" * 64)
            while watch.pass_time(thresholds, now, drain=False):
                pass
            closed = window(cells, hour)
            scene = Scene(name, now, 2 * len(cells), definitions_of(None), {}, config.detection.fdr, partial(only, closed), False)
            detection = Detection(draft, scene, rules, watch)
            for phase in detection.phases():
                phase()
            detection.forget()
            commit = draft.commit(b"{}")
            rows.apply(commit)
            steps += [orjson.loads(message.value)["data"] for message in commit.outbox if message.topic == "incidents"]
    return steps


def only(closed: Cells, _: int) -> Cells:
    """Return the closed window, whatever its length: all detectors of a mixture look at hours."""
    return closed


def window(cells: list[CellCounts], hour: int) -> Cells:
    """Return the closed window of an hour, as the tallies of it add up."""
    found: Cells = {}
    for place, cell in enumerate(cells):
        for counts in cell.split(hour):
            if counts.exposures:
                at = START + hour * HOUR + (20 + 2 * place) * 60_000
                sums = {"exposures": counts.exposures, "clicks": counts.clicks, "tallied": counts.exposures, "last_ms": at}
                found[cell.profile, cell.channel, "-", counts.variant] = {key: number for key, number in sums.items() if number}
    return found


def holds(key: Mapping[str, str], place: Mapping[str, str]) -> bool:
    """Return whether an incident's key holds a fault's cell; whichever variant is hidden, the others' shares tell of it."""
    return all(place.get(name) == value for name, value in key.items() if name in ("profile", "channel"))


def compare(truth: list[Step], steps: list[Step], found: Mapping[str, Tally], first: int) -> None:
    """Add what the incidents of one run say of its faults."""
    opened = [step for step in steps if step["step"] in ("opened", "reopened", "occurrence", "escalated")]
    for step in opened:
        step["at"] = parse_instant(step["windows"][-1]["end"])
    for fault in truth:
        fault["from"], fault["to"] = parse_instant(fault["start"]), parse_instant(fault["end"]) + GRACE
        tally = found[fault["check"]]
        tally.faults += 1
        tally.sure += fault["clairvoyant"]
        hits = [
            step["at"]
            for step in opened
            if (step["check"], step["initiative"]) == (fault["check"], fault["initiative"])
            and holds(step["key"], fault["key"])
            and step["key"].get("variant") == fault["key"].get("variant")
            and fault["from"] < step["at"] <= fault["to"]
        ]
        tally.found += bool(hits)
        tally.found_sure += bool(hits) and fault["clairvoyant"]
        if hits:
            tally.delays.append((min(hits) - fault["from"]) / HOUR)
        else:
            tally.missed[f"{fault['key']['profile']} {fault['size']:g} {'sure' if fault['clairvoyant'] else 'unsure'}"] += 1
    for step in opened:
        struck = any(
            fault["initiative"] == step["initiative"] and holds(step["key"], fault["key"]) and fault["from"] < step["at"] <= fault["to"]
            for fault in truth
        )
        if step["step"] == "opened" and step["at"] >= first and not struck:
            found[step["check"]].false += 1
            found[step["check"]].false_at[" ".join(value for name, value in step["key"].items() if name in ("profile", "channel"))] += 1


def series_of(check: str, initiatives: int) -> int:
    """Return how many keys a detector watches: the whole, five profiles and ten cells, by variant for shares."""
    return 16 * initiatives * (2 if check == "suppression" else 1)


def report(found: Mapping[str, Tally], weeks: float) -> None:
    """Print a line per detector."""
    for kind in KINDS:
        tally = found[CHECKS[kind]]
        line = f"{CHECKS[kind]:12} false {tally.false} = {tally.false / max(1, tally.series) / weeks:.4f} a series-week"
        if tally.faults:
            line += f"  recall {tally.found}/{tally.faults} = {tally.found / tally.faults:.2f}, clairvoyant {tally.sure / tally.faults:.2f}"
            line += f", ratio {tally.found / max(1, tally.sure):.2f} (of the {tally.sure} sure {tally.found_sure})"
            line += f", median delay {median(tally.delays or [float('nan')]):.1f} h"
        print(line)
        print(f"             false by place {dict(tally.false_at.most_common(8))}")
        if tally.missed:
            print(f"             missed {dict(sorted(tally.missed.items()))}")


def seeds(asked: argparse.Namespace) -> Iterator[int]:
    """Yield the seeds of the runs."""
    yield from range(asked.seed, asked.seed + asked.runs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=2001)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--initiatives", type=int, default=3)
    parser.add_argument("--budget", type=float, default=0.02)
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--whole", action="store_true", help="replay the tallies through both stages")
    asked = parser.parse_args()
    found: dict[str, Tally] = defaultdict(Tally)
    begun, weeks = process_time(), 0.0
    for seed in seeds(asked):
        mixture = Mixture(seed, initiatives=asked.initiatives, faults=not asked.no_faults)
        config = load_config(config_text(list(mixture.initiatives), asked.budget))
        truth: Any = mixture.document()["incidents"]
        steps = (replayed if asked.whole else watched)(mixture, config)
        compare(truth, steps, found, START + WARM * HOUR)
        weeks = (mixture.days * 24 - WARM) / 168
        for check in CHECKS.values():
            found[check].series += series_of(check, asked.initiatives)
    number = asked.runs * asked.initiatives
    print(f"seeds {asked.seed} to {asked.seed + asked.runs - 1}, {number} initiatives, budget {asked.budget}, faults {not asked.no_faults}")
    report(found, weeks)
    print(f"{(process_time() - begun) / number:.1f} s of processor time an initiative")


if __name__ == "__main__":
    main()
