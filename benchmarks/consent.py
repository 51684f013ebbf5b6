"""What consent costs: its share of the intake per event, and the bytes kept per subject, ordinary and hostile.

    python -m benchmarks.consent [EVENTS]

Process time; the mixes of one repetition run one after the other, medians over repetitions. The control are the same exposures as
fallbacks, which no verdict is made of: what they cost less is the ledger's, the exposures kept and the verdicts made.
"""

import sys
from collections.abc import Iterator, Sequence
from statistics import median
from time import process_time_ns
from typing import Any

import orjson

from benchmarks.shard import START, Station, record_of
from detectors.window import HOUR, MINUTE
from governance.config import load_config
from governance.ledger import Ledger, Question, Source, Statement, judge, recorded
from streams.kernel.record import Record
from streams.kernel.shown import GONE, JUDGED, WAITING
from streams.kernel.subject import BARRIERS, LEDGERS, LOOKS

REPETITIONS = 5
SPAN, TICK = 10 * MINUTE, 10_000
CONFIG = "version: 1\nprivacy: {default_jurisdiction: US}\n"  # silence is no violation: the incidents of those are not the ledger's cost
SUBJECT_SHARE = 5  # events per subject
KINDS = {WAITING: "shown", JUDGED: "judged", GONE: "gone", LEDGERS: "ledger", BARRIERS: "barrier", LOOKS: "looks"}
MIXES = {  # name -> (fallback, events per consent record)
    "control": ("no_consent", 0),
    "nobody said anything": (None, 0),
    "one grant each": (None, SUBJECT_SHARE),
    "a change of mind every second event": (None, 2),
}


def exposures(count: int, fallback: str | None) -> list[Record]:
    """Return `count` exposures of ten minutes."""
    shown: dict[str, Any] = {"type": "exposure", "initiative": "home", "channel": "web", "fallback": fallback}
    subjects = max(1, count // SUBJECT_SHARE)
    return [record_of(n, START + n * SPAN // count, {**shown, "subject_id": f"u-{n * 7919 % subjects}"}) for n in range(count)]


def said(number: int, subject: str, at: int, state: str, **more: Any) -> Record:
    """Return one consent record as the record of its partition."""
    value = {"event_id": f"c-{number}", "occurred_at": at, "subject_id": subject, "state": state}
    value |= {"purposes": ["personalised_content"], **more}
    return Record("consent-events", 0, number, at, subject.encode(), orjson.dumps(value))


def sayings(count: int, every: int) -> list[Record]:
    """Return the consent records that come with `count` exposures, one for each `every`."""
    subjects = max(1, count // SUBJECT_SHARE)
    number = count // every if every else 0
    states = ("given", "withdrawn")
    return [said(n, f"u-{n % subjects}", START + n * SPAN // number, states[n // subjects % 2]) for n in range(number)]


def spent(mix: str, count: int) -> tuple[float, float]:
    """Return µs per exposure of the intake's steps and ticks, and of orjson.loads of all records of the mix."""
    fallback, every = MIXES[mix]
    shown, told = exposures(count, fallback), sayings(count, every)
    start = process_time_ns()
    for record in (*shown, *told):
        orjson.loads(record.value or b"")
    loads = process_time_ns() - start
    station = Station(load_config(CONFIG))
    station.spent_ns.clear()
    for at in range(START, START + SPAN, TICK):
        for records in (told, shown):
            batch = [record for record in records if at <= record.timestamp < at + TICK]
            if batch:
                station.take(batch)
        station.tick(at + TICK)
    station.tick(START + HOUR)
    return (station.spent_ns["step"] + station.spent_ns["tick"]) / count / 1000, loads / count / 1000


def one_verdict(rows: int) -> float:
    """Return µs of one verdict by a ledger with so many rows of one purpose."""
    ledger = Ledger()
    for number in range(rows):
        state = ("given", "withdrawn")[number % 2]
        entry = Source("consent-events", 0, number, f"c-{number}")
        ledger = recorded(ledger, Statement(number, number, 1 << 50, entry, {("personalised_content", ""): state}))
    question, times = Question("personalised_content", "web", rows // 2, opt_in=True), 20_000
    start = process_time_ns()
    for _ in range(times):
        judge(ledger, question, rows, rows, HOUR)
    return (process_time_ns() - start) / times / 1000


def toggles(size: int) -> Iterator[Record]:
    """Yield one subject's changes of mind."""
    for number in range(size):
        yield said(number, "u-0", START + number, ("given", "withdrawn")[number % 2])


def names(size: int) -> Iterator[Record]:
    """Yield one subject's records, each of a thousand purposes nobody else has."""
    for number in range(size // 1_000):
        yield said(number, "u-0", START + number, "given", purposes=[f"{number}-{name}-{'x' * 100}" for name in range(1_000)])


def grants(size: int) -> Iterator[Record]:
    """Yield a grant of each of `size` subjects."""
    for number in range(size):
        yield said(number, f"u-{number}", START + number, "given")


def erasures(size: int) -> Iterator[Record]:
    """Yield a grant of each of `size` subjects, then its erasure."""
    yield from grants(size)
    for number in range(size):
        yield said(size + number, f"u-{number}", START + size + number, "erased", purposes=None)


def shown_to(size: int) -> Iterator[Record]:
    """Yield an exposure to each of `size` subjects that never said anything."""
    yield from exposures(size, None)


SUBJECTS = {
    "an exposure each, nothing said": (shown_to, lambda size: size),
    "a grant each": (grants, lambda size: size),
    "erased, a day later": (erasures, lambda size: size),
    "one who changes their mind": (toggles, lambda size: 1),
    "one who names a thousand purposes": (names, lambda size: 1),
}


def kept(records: Sequence[Record], late: int) -> dict[str, int]:
    """Return the bytes of rows about subjects, by kind, some time (ms) after the last record."""
    station = Station(load_config(CONFIG))
    for at in range(0, len(records), 1_000):
        station.take(records[at : at + 1_000])
    for hours in range(0, late + 1, HOUR):
        station.tick(START + hours)
    found = dict.fromkeys(KINDS.values(), 0)
    for key, value in station.intake.items():
        if key[:1] in KINDS:
            found[KINDS[key[:1]]] += len(key) + len(value)
    return found


def main(count: int) -> None:
    """Print the cost per event and the bytes per subject."""
    runs: dict[str, list[tuple[float, float]]] = {mix: [] for mix in MIXES}
    for _ in range(REPETITIONS):
        for mix in MIXES:
            runs[mix].append(spent(mix, count))
    print(f"{count:,} exposures in ten minutes, {SUBJECT_SHARE} a subject, a tick each 10 s; medians of {REPETITIONS}, process time")
    print(f"{'intake':<40}{'µs an exposure':>16}{'times loads':>13}{'consent µs':>12}{'its share':>11}")
    control = median(each for each, _ in runs["control"])
    for mix, found in runs.items():
        each = median(each for each, _ in found)
        ratio = median(each / loads for each, loads in found)
        print(f"{mix:<40}{each:>16.1f}{ratio:>13.1f}{each - control:>12.1f}{(each - control) / each:>11.0%}")
    print("one verdict alone: " + ", ".join(f"{one_verdict(rows):.2f} µs of {rows} rows" for rows in (0, 1, 2, 64)))
    print(f"{'bytes kept':<40}" + "".join(f"{name:>12}" for name in KINDS.values()) + f"{'a subject':>12}")
    for name, (records, subjects) in SUBJECTS.items():
        bytes_of = kept(list(records(10_000)), 26 * HOUR if "erased" in name else HOUR)
        figures = "".join(f"{number:>12,}" for number in bytes_of.values())
        print(f"{name:<40}{figures}{sum(bytes_of.values()) / subjects(10_000):>12,.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
