"""What a 30-day report costs with 10^4, 10^6 and 10^7 events behind it: the same, for it reads rows and never events.

    python -m benchmarks.report_cost [RECORDS]

The same number of records, times and cells each time: single events first, then tallies that carry a hundred and a thousand. They go
through the real kernel over sixty days; then the snapshot is read, the report built and written as JSON and as HTML.
Process time in ms, medians. It ends with 1 where a report takes 200 ms or more.
"""

import sys
from collections.abc import Callable, Iterator
from statistics import median
from time import process_time
from typing import Any

from benchmarks.shard import START, Station, record_of
from detectors.window import DAY, MINUTE
from governance.config import Config, load_config
from governance.message.command import Command
from reporting.report import build
from reporting.view import html
from reporting.view.canonical import dumps
from streams.kernel import monitor
from streams.kernel.record import Record
from streams.kernel.rows import Draft
from streams.kernel.snapshot import snapshot

DAYS, CELLS, RUNS = 60, 40, 7
CARRIED = (1, 100, 1_000)
PROMISE_MS = 200.0
CONFIG = """
version: 1
privacy: {default_jurisdiction: US}
initiatives:
  home:
    title: Home
    owners: {testing_lead: {person: ana}}
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.02, window: 1d, group_by: [channel]}]
"""
ASKED = {
    "request_id": "q-1",
    "command": "report",
    "requested_at": START,
    "requested_by": "ana",
    "initiative": "home",
    "window": "30d",
    "detail": "full",
}


def records(count: int, carried: int) -> Iterator[Record]:
    """Yield `count` records over sixty days that carry `carried` events each, in forty cells."""
    for number in range(count):
        at = START + number * DAYS * DAY // count
        cell = number * 7 % CELLS
        event: dict[str, Any] = {"initiative": "home", "profile": f"profile-{cell // 8}", "channel": f"channel-{cell % 4}"}
        event["variant"] = f"variant-{cell // 4 % 2}"
        clicked = number * 31 % 17 == 0
        if carried == 1:
            event |= {"type": "click" if clicked else "exposure", "subject_id": f"u-{number}"}
        else:
            event |= {"type": "tally", "clicks": carried // 17, "exposures": carried - carried // 17, "subjects": carried // 2}
        yield record_of(number, at, event)


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median process time of several calls, in ms."""
    taken = []
    for _ in range(RUNS):
        start = process_time()
        work()
        taken.append((process_time() - start) * 1000)
    return median(taken)


def measure(station: Station, config: Config) -> dict[str, float]:
    """Return what each part of the report takes, ms."""
    now = monitor.closed(station.monitor)
    command = Command.model_validate(ASKED)

    def read() -> Any:
        return snapshot(Draft(station.monitor), "home", command, now, now, config.sha256, config)

    found = read()
    report = build(found)
    return {
        "snapshot": milliseconds(read),
        "build": milliseconds(lambda: build(found)),
        "JSON": milliseconds(lambda: dumps(report)),
        "HTML": milliseconds(lambda: html.render(report)),
    }


def main(count: int) -> int:
    """Print a line per number of events; return 1 where the promise is broken."""
    config = load_config(CONFIG)
    parts = ("snapshot", "build", "JSON", "HTML", "together")
    print(f"{'events':>12}{'records':>10}{'in 30 days':>12}" + "".join(f"{part + ' ms':>13}" for part in parts) + f"{'kernel s':>10}")
    slowest = 0.0
    for carried in CARRIED:
        station = Station(config)
        station.feed(records(count, carried), DAY // 24)
        station.tick(START + DAYS * DAY + 2 * MINUTE, drain=True)
        spent = measure(station, config)
        spent["together"] = sum(spent.values())
        slowest = max(slowest, spent["together"])
        figures = "".join(f"{spent[part]:>13.1f}" for part in parts)
        print(f"{count * carried:>12,}{count:>10,}{count * carried // 2:>12,}{figures}{station.spent_ns.total() / 1e9:>10.1f}", flush=True)
    print(f"slowest {slowest:.1f} ms, promised: under {PROMISE_MS:.0f} ms")
    return 0 if slowest < PROMISE_MS else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
