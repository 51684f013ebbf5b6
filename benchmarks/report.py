"""How long a report takes: 30 days of 200 cells a day against the 30 before, with 10 incidents, and each of its views.

Run as `python -m benchmarks.report`; prints milliseconds of this process (not of the wall), the best and the median of the runs.
It ends with 1 where the promise of 200 ms for building and writing the canonical JSON is broken.
"""

import sys
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time
from typing import Any

from detectors.cell import Cell, Counts
from detectors.window import DAY
from governance.config import load_config
from governance.message.instant import format_instant, parse_instant
from reporting.report import build
from reporting.snapshot import Row, Snapshot
from reporting.view import html, markdown, terminal
from reporting.view.canonical import dumps

DAYS, CELLS, INCIDENTS, RUNS = 30, 200, 10, 15
PROMISE_MS = 200.0
CONFIG = """
version: 1
initiatives:
  home:
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.03, window: 1h}]
"""
START = parse_instant("2026-10-24T00:00:00Z")


def cells(day: int) -> dict[Cell, Counts]:
    """Return 200 cells of 10 profiles, 5 channels and 4 variants, with every kind of count."""
    found: dict[Cell, Counts] = {}
    for index in range(CELLS):
        exposures = 1_000 + index * 37 % 900 + day
        fallbacks = exposures // 13
        found[(f"profile-{index % 10}", f"channel-{index // 10 % 5}", "2026-W44", f"variant-{index // 50}")] = {
            "exposures": exposures,
            "clicks": exposures // 25,
            "conversions": exposures // 60,
            "technical_fallbacks": exposures // 150,
            "consent_fallbacks": fallbacks,
            "no_match_fallbacks": exposures // 120,
            "late": index % 3,
            "subjects": exposures * 7 // 10,
            "revenue_minor.EUR": exposures * 41,
            "consent.valid": exposures - fallbacks,
            "consent.not_applicable": fallbacks,
            "latency_ms.3": exposures // 2,
            "latency_ms.4": exposures // 3,
            "latency_ms.5": exposures // 6,
            "last_ms": START + (day + 1) * DAY - 60_000 - index,
        }
    return found


def incident(index: int) -> dict[str, Any]:
    """Return one incident with two breached windows."""
    opened = START + (3 * index + 2) * DAY
    return {
        "incident_id": f"incident-{index}",
        "check": "threshold:low-ctr",
        "initiative": "home",
        "key": {"channel": f"channel-{index % 5}", "kpi": "ctr"},
        "state": "open" if index > 6 else "resolved",
        "level": index % 3 + 1,
        "severity": "warning",
        "owner": {"role": "testing_lead", "person": "ana", "substitute_for": None, "reason": "owner"},
        "opened_at": format_instant(opened),
        "updated_at": format_instant(opened + DAY),
        "sequence": 1,
        "step": "opened",
        "occurrences": 2,
        "windows": [{"start": format_instant(opened - 2 * DAY), "end": format_instant(opened - DAY)}],
        "explanation": None,
        "playbook": None,
        "recommended_action": None,
        "remediation": [],
        "episode": 1,
    }


def snapshot() -> Snapshot:
    """Return the snapshot that is reported."""
    config = load_config(CONFIG)
    rows = tuple(Row(START + day * DAY, START + (day + 1) * DAY, cells(day), day == DAYS - 1) for day in range(DAYS))
    previous = tuple(Row(START + (day - DAYS) * DAY, START + (day - DAYS + 1) * DAY, cells(day)) for day in range(DAYS))
    found = tuple(incident(index) for index in range(INCIDENTS))
    request: Mapping[str, Any] = {"request_id": "q-1", "window": "30d", "detail": "full", "dimension": None, "alert_threshold": "ctr<0.039"}
    return Snapshot(
        initiative="home",
        title="Home",
        request=request,
        period_from=START,
        period_to=START + DAYS * DAY,
        watermark=START + DAYS * DAY,
        unit="day",
        rows=rows,
        previous=previous,
        config=config,
        config_sha256=config.sha256,
        incidents=found,
        timelines={data["incident_id"]: (data,) for data in found},
        decision_paths={("", "eligible"): 900_000, ("eligible", "hero"): 900_000, ("hero", ""): 900_000},
    )


def timed(name: str, work: Callable[[], object]) -> float:
    """Run the work several times, print and return its median in ms."""
    taken = []
    for _ in range(RUNS):
        start = process_time()
        work()
        taken.append((process_time() - start) * 1000)
    print(f"{name:<28}{min(taken):8.1f} best {median(taken):8.1f} median ms")
    return median(taken)


def main() -> int:
    """Print every figure; return 1 where the promise does not hold."""
    given = snapshot()
    report = build(given)
    built = timed("build", lambda: build(given))
    written = timed("canonical JSON", lambda: dumps(report))
    timed("Markdown", lambda: markdown.render(report))
    timed("terminal", lambda: terminal.render(report))
    timed("HTML", lambda: html.render(report))
    print(f"JSON {len(dumps(report)):,} bytes, HTML {len(html.render(report).encode()):,} bytes")
    return 0 if built + written < PROMISE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
