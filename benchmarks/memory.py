"""What the kernel keeps in memory: bytes per subject and per cell, and what one hostile subject or initiative can make it keep.

    python -m benchmarks.memory [SIZE ...]        (default 10000; the long form: 100000 1000000)

Each case runs in a process of its own. `rows` are the committed rows of both stages, `kept` what the process holds for them beyond
an empty kernel, `peak` the most it ever held beyond that, the work of a step included. `commit` is what one record batch carries.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from gc import collect
from typing import Any

import orjson

from benchmarks.shard import START, Station, peak_bytes, record_of, resident_bytes, rows_bytes
from detectors.window import DAY, HOUR, MINUTE
from governance.config import load_config
from streams.kernel.record import Record

CONFIG = "version: 1\nprivacy: {default_jurisdiction: US}\n"  # no consent is asked for: what counting costs
ASKING = "version: 1\n"  # opt-in: an exposure without consent is a violation with an incident
MOST = {"initiatives in an hour": 10_000, "the same, no consent": 10_000}  # a step looks at every initiative it has seen
CELLS_EACH = 10_000  # cells of one initiative: half of what it may have
PROFILES, CHANNELS, COHORTS = 100, 10, 5


def subjects(size: int) -> Iterator[Record]:
    """Yield one exposure of each of `size` subjects within an hour, in sixty cells."""
    for number in range(size):
        cell = {"profile": f"profile-{number % 6}", "channel": f"channel-{number % 10}"}
        yield exposure(number, START + number * HOUR // size, f"u-{number}", "home", **cell)


def cells(size: int) -> Iterator[Record]:
    """Yield one exposure of each of `size` cells within a minute per initiative, 10,000 cells an initiative."""
    for number in range(size):
        initiative, cell = divmod(number, CELLS_EACH)
        dimensions = {
            "profile": f"profile-{cell % PROFILES}",
            "channel": f"channel-{cell // PROFILES % CHANNELS}",
            "cohort": f"cohort-{cell // PROFILES // CHANNELS % COHORTS}",
            "variant": f"variant-{cell // PROFILES // CHANNELS // COHORTS}",
        }
        at = START + (initiative * MINUTE + cell * MINUTE // CELLS_EACH) % (23 * HOUR)
        yield exposure(number, at, f"u-{number % 1_000}", f"initiative-{initiative}", **dimensions)


def one_subject(size: int) -> Iterator[Record]:
    """Yield `size` exposures of one subject in a day."""
    for number in range(size):
        yield exposure(number, START + number * DAY // size, "u-1", "home", channel=f"channel-{number % 10}")


def profiles_in_an_hour(size: int) -> Iterator[Record]:
    """Yield `size` exposures, each with a profile name of its own, within an hour."""
    for number in range(size):
        yield exposure(number, START + number * HOUR // size, f"u-{number % 1_000}", "home", profile=f"hostile-{number:x}")


def profiles_in_a_minute(size: int) -> Iterator[Record]:
    """Yield `size` exposures, each with a profile name of its own, within one base window."""
    for number in range(size):
        yield exposure(number, START + number * MINUTE // size, f"u-{number % 1_000}", "home", profile=f"hostile-{number:x}")


def initiatives(size: int) -> Iterator[Record]:
    """Yield `size` exposures, each of an initiative of its own, within an hour."""
    for number in range(size):
        yield exposure(number, START + number * HOUR // size, f"u-{number % 1_000}", f"hostile-{number:x}")


def exposure(number: int, at: int, subject: str, initiative: str, **dimensions: str) -> Record:
    """Return one exposure as the record of its partition."""
    return record_of(number, at, {"type": "exposure", "initiative": initiative, "subject_id": subject, **dimensions})


CASES: dict[str, tuple[Callable[[int], Iterator[Record]], str]] = {
    "subjects": (subjects, "subject"),
    "cells": (cells, "cell"),
    "one subject, one day": (one_subject, "event"),
    "the same, no consent": (one_subject, "event"),
    "profiles in an hour": (profiles_in_an_hour, "name"),
    "profiles in a minute": (profiles_in_a_minute, "name"),
    "initiatives in an hour": (initiatives, "name"),
}


def measure(case: str, size: int) -> dict[str, Any]:
    """Return the figures of one case, measured in this process."""
    config = load_config(ASKING if "consent" in case else CONFIG)
    warm = Station(config)
    warm.feed(subjects(100), 10_000)
    del warm
    collect()
    before = resident_bytes()
    station = Station(config)
    station.feed(CASES[case][0](size), 10_000)
    station.tick(START + DAY + 2 * MINUTE)
    peak = peak_bytes() - before
    collect()
    kept = resident_bytes() - before
    (marks, of_intake, widest), (rest, of_monitor, wide) = rows_bytes(station.intake), rows_bytes(station.monitor)
    return {
        "rows": marks + rest,
        "intake": of_intake,
        "monitor": of_monitor,
        "largest_row": max(widest, wide),
        "largest_commit": station.largest_commit,
        "kept": kept,
        "peak": peak,
        "cpu_s": station.spent_ns.total() / 1e9,
    }


def main(sizes: list[int]) -> None:
    """Print a line per case and size."""
    head = ("rows", "intake B", "monitor B", "row B each", "kept B each", "largest row", "commit", "peak MB", "cpu s")
    print(f"{'case':<24}{'size':>10}" + "".join(f"{name:>13}" for name in head))
    for case, (_, unit) in CASES.items():
        for size in sorted({min(size, MOST.get(case, size)) for size in sizes}):
            alone = subprocess.run([sys.executable, "-m", "benchmarks.memory", "--case", case, str(size)], capture_output=True, check=True)
            found = orjson.loads(alone.stdout)
            each = (found["intake"] + found["monitor"]) / size, found["kept"] / size
            figures = (
                f"{found['rows']:,}",
                f"{found['intake']:,}",
                f"{found['monitor']:,}",
                f"{each[0]:,.0f}/{unit}",
                f"{each[1]:,.0f}/{unit}",
                f"{found['largest_row']:,}",
                f"{found['largest_commit']:,}",
                f"{found['peak'] / 1e6:,.0f}",
                f"{found['cpu_s']:,.1f}",
            )
            print(f"{case:<24}{size:>10,}" + "".join(f"{figure:>13}" for figure in figures), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(orjson.dumps(measure(sys.argv[2], int(sys.argv[3]))).decode())
    else:
        main([int(text) for text in sys.argv[1:]] or [10_000])
