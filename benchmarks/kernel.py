"""What an event costs in the kernel alone, by part, as ratios to decoding the same events with `orjson.loads` in the same run.

    python -m benchmarks.kernel [EVENTS]

Process time, so that neighbours on the machine do not show; the parts of one repetition run one after the other, medians over
repetitions. `aggregate` is what is left of the intake's step once decoding and marks, measured alone, are taken off; `tick` is
what waited judged for consent, sent as bulletins, and the commit. `monitor` is everything from a bulletin to closed windows and
what they say.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time_ns
from typing import Any

import orjson

from benchmarks.shard import START, Station, record_of
from detectors.window import MINUTE
from governance.config import Config, load_config
from governance.identity import keyed_hash
from governance.message.kind import Kinds
from governance.message.refusal import Refusal
from streams.kernel.marks import Marks, mark_of
from streams.kernel.record import Commit, Record
from streams.kernel.rows import Draft, Rows

REPETITIONS = 5
SPAN, TICK = 10 * MINUTE, 10_000
CONFIG = """
version: 1
privacy: {default_jurisdiction: US}
initiatives:
  home:
    owners: {testing_lead: {person: ana}}
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.0001, window: 5m, group_by: [channel], min_denominator: 20}]
"""
SHAPES: dict[str, tuple[int, int, int]] = {  # events per subject, cells, of a hundred events how many are repeated
    "many subjects": (2, 60, 0),
    "few cells": (20, 4, 0),
    "many cells": (20, 4_000, 0),
    "duplicates": (20, 60, 30),
}
PARTS = ("orjson.loads", "decode", "dedup", "aggregate", "tick", "monitor", "kernel")


@dataclass(frozen=True, slots=True)
class Measured:
    """One repetition over one mix: nanoseconds by part, and the cell windows that were closed."""

    spent: dict[str, float]
    windows: int


def mix(shape: str, count: int) -> list[Record]:
    """Return `count` events of ten minutes: nine exposures and a click of ten, every field a producer would send."""
    each, cells, repeated = SHAPES[shape]
    found = []
    for number in range(count):
        original = number - 7 if number >= 7 and number * 37 % 100 < repeated else number
        at = START + original * SPAN // count
        subject, cell = original % max(1, count // each), original * 7919 % cells
        event: dict[str, Any] = {
            "event_id": f"e-{original}",
            "type": "click" if original % 10 == 9 else "exposure",
            "initiative": "home",
            "subject_id": f"u-{subject}",
            "profile": f"profile-{cell // 4 % 100}",
            "channel": f"channel-{cell % 4}",
            "cohort": "2026-W47",
            "variant": f"variant-{cell // 400}",
            "experiment_id": "exp-7",
            "rule_id": "rule-42",
            "rule_version": 7,
            "decision_path": ["eligible", "tier-2", f"variant-{cell // 400}"],
            "fallback": None,
            "purpose": "personalised_content",
            "consent_asserted": True,
            "latency_ms": original % 40,
        }
        found.append(record_of(number, at, event))
    return found


def timed(work: Callable[[], object]) -> int:
    """Return the process time of one call in ns."""
    start = process_time_ns()
    work()
    return process_time_ns() - start


def loads(records: Sequence[Record]) -> None:
    """Decode JSON and nothing else."""
    for record in records:
        orjson.loads(record.value or b"")


def decode(records: Sequence[Record]) -> None:
    """Make checked messages of the bytes."""
    kinds = Kinds()
    for record in records:
        if isinstance(kinds.read(record.key, record.value or b""), Refusal):
            raise ValueError("a benchmark event was refused")


def batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield the records of each tick."""
    size = max(1, len(records) * TICK // SPAN)
    for at in range(0, len(records), size):
        yield records[at : at + size]


def asking(record: Record) -> tuple[bytes, bytes, int]:
    """Return what deduplication is asked of a record: its key, what its event id is remembered by, its stamp."""
    return record.key or b"", b"e" + orjson.loads(record.value or b"")["event_id"].encode(), record.timestamp


def dedup(asked: Sequence[Sequence[tuple[bytes, bytes, int]]], horizon: int) -> None:
    """Ask for every (key, event id, stamp) whether it was there before, a commit per tick."""
    rows = Rows()
    for number, batch in enumerate(asked):
        draft = Draft(rows)
        marks = Marks(draft)
        for key, event, stamp in batch:
            marks.repeated(mark_of(keyed_hash(b"benchmark", key), event), stamp, stamp + horizon)
        marks.flush(number)
        commit: Commit = draft.commit(b"{}")
        rows.apply(commit)


def measure(records: Sequence[Record], config: Config) -> Measured:
    """Return one repetition of every part."""
    asked = [[asking(record) for record in batch] for batch in batches(records)]
    spent: dict[str, float] = {
        "orjson.loads": timed(lambda: loads(records)),
        "decode": timed(lambda: decode(records)),
        "dedup": timed(lambda: dedup(asked, config.timing.dedup_horizon)),
    }
    station = Station(config)
    station.spent_ns.clear()
    station.feed(records, TICK)
    station.tick(START + SPAN + 2 * MINUTE)
    spent["aggregate"] = station.spent_ns["step"] - spent["decode"] - spent["dedup"]
    spent["tick"] = station.spent_ns["tick"]
    spent["monitor"] = station.spent_ns["monitor"]
    spent["kernel"] = station.spent_ns.total()
    return Measured(spent, station.sent["kpi-windows"])


def main(count: int) -> None:
    """Print µs per event and the ratio to `orjson.loads`, by mix and part."""
    config = load_config(CONFIG)
    mixes = {shape: mix(shape, count) for shape in SHAPES}
    found: dict[str, list[Measured]] = {shape: [] for shape in SHAPES}
    for _ in range(REPETITIONS):
        for shape, records in mixes.items():
            found[shape].append(measure(records, config))
    print(f"{count:,} events in ten minutes, a tick each 10 s; µs per event (times orjson.loads), medians of {REPETITIONS}")
    print(f"{'':<15}" + "".join(f"{part:>16}" for part in PARTS) + f"{'cell windows':>14}{'µs a window':>13}")
    for shape, runs in found.items():
        each = {part: median(run.spent[part] for run in runs) / count / 1000 for part in PARTS}
        times = {part: median(run.spent[part] / run.spent["orjson.loads"] for run in runs) for part in PARTS}
        windows = runs[0].windows
        figures = "".join(f"{f'{each[part]:.1f} ({times[part]:.1f}x)':>16}" for part in PARTS)
        print(f"{shape:<15}{figures}{windows:>14,}{each['monitor'] * count / windows:>13.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
