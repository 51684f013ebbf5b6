"""A history as a file: an initiative that stops being clicked, people who consent or do not; late, repeated and broken records."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

BEGIN = 1_763_805_600_000
MINUTE = 60_000
CONFIG = """
version: 1
timing: {window: 1m, tick: 10s, allowed_lateness: 30s, settle: 1m}
initiatives:
  home:
    owners: {testing_lead: {person: ana, substitutes: [ben]}}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.05, window: 5m, group_by: [channel], min_denominator: 20, reason: "too dear"}
      - {id: faults, kpi: technical_fallback_rate, op: ">", value: 0.2, window: 5m, min_denominator: 20, reason: "the engine is down"}
  search:
    owners: {testing_lead: {person: chi, substitutes: []}}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.02, window: 5m, min_denominator: 20, reason: "as above"}
"""


def lines(seed: int, events: int, minutes: int) -> Iterator[dict[str, Any]]:
    """Yield records in the order of their stamps."""
    chance = Random(seed)
    asked: set[str] = set()
    repeated: dict[str, Any] | None = None
    for number in range(events):
        stamp = BEGIN + number * minutes * MINUTE // events
        part = number / events
        late = chance.choice([0, 0, 0, 0, 2_000, 20_000, 45_000, 4_000_000]) if chance.random() < 0.2 else 0
        initiative = chance.choice(["home", "home", "search", "unlisted"])
        broken = initiative == "home" and 0.3 < part < 0.6
        kind = "click" if chance.random() < (0.01 if broken else 0.3) else "exposure"
        faulty = kind == "exposure" and initiative == "home" and 0.7 < part < 0.85 and chance.random() < 0.4
        subject = f"u-{chance.randrange(events // 4 + 1)}"
        if subject not in asked or chance.random() < 0.01:
            state = chance.choices(["given", "refused", "withdrawn", None], [90, 4, 4, 2])[0]
            asked.add(subject)
            if state is not None:
                yield consent(number, subject, state, stamp)
        value = {
            "event_id": f"e-{number}",
            "occurred_at": stamp - late,
            "type": kind,
            "initiative": initiative,
            "subject_id": subject,
            "profile": chance.choice(["new", "old"]),
            "channel": chance.choice(["web", "app"]),
            "variant": chance.choice(["a", "b"]),
            "fallback": "technical" if faulty else None,
        }
        if chance.random() < 0.01:
            del value["event_id"]
        record = {"topic": "engagement-events", "key": subject, "timestamp": stamp, "value": value}
        yield record
        if repeated is not None and chance.random() < 0.3:
            yield {**repeated, "timestamp": stamp}
        repeated = record if chance.random() < 0.05 else repeated


def consent(number: int, subject: str, state: str, stamp: int) -> dict[str, Any]:
    """Return a consent record; what is said is said a little before what was shown."""
    value: dict[str, Any] = {"event_id": f"c-{number}", "occurred_at": stamp - 5_000, "subject_id": subject, "state": state}
    value["purposes"] = ["personalised_content"]
    return {"topic": "consent-events", "key": subject, "timestamp": stamp, "value": value}


def write(folder: Path, seed: int = 1, events: int = 4_000, minutes: int = 90) -> tuple[Path, Path]:
    """Write a history and the config it is judged by; return both paths."""
    history, config = folder / f"history-{seed}.jsonl", folder / "config.yaml"
    with history.open("wb") as file:
        for line in lines(seed, events, minutes):
            file.write(orjson.dumps(line) + b"\n")
    config.write_text(CONFIG)
    return history, config
