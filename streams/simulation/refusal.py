"""Broken events, a few a day: what a monitor has to refuse without stumbling, each with the code it must be refused by."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from detectors.window import DAY, HOUR
from governance.message.instant import format_instant
from streams.simulation.scenario import Scenario

EVERY = 5 * HOUR
CODES = ("not_json", "unknown_type", "missing_field", "invalid_value", "key_mismatch", "in_future", "too_old")


@dataclass(frozen=True, slots=True)
class Broken:
    """One engagement record that must be refused by `code`."""

    at: int
    code: str
    key: str
    value: bytes


def broken(scenario: Scenario) -> Iterator[Broken]:
    """Yield the broken events of a run by time."""
    for number, at in enumerate(range(scenario.start + EVERY // 2, scenario.end, EVERY)):
        yield _broken(number, at, CODES[number % len(CODES)], scenario.programs[0].key)


def _broken(number: int, at: int, code: str, initiative: str) -> Broken:
    fields: dict[str, object] = {
        "event_id": f"x-{number}",
        "occurred_at": format_instant(at - 400),
        "type": "exposure",
        "initiative": initiative,
        "subject_id": f"u-x-{number}",
        "channel": "web",
    }
    if code == "unknown_type":
        fields["type"] = "hover"
    if code == "missing_field":
        del fields["occurred_at"]
    if code == "invalid_value":
        fields["latency_ms"] = "fast"
    if code == "in_future":
        fields["occurred_at"] = format_instant(at + HOUR)
    if code == "too_old":
        fields["occurred_at"] = format_instant(at - 3 * DAY)
    value = orjson.dumps(fields)
    return Broken(at, code, "somebody-else" if code == "key_mismatch" else f"u-x-{number}", value[:-9] if code == "not_json" else value)
