"""What reading costs: `read()` on engagement events against `orjson.loads` alone, in one run, so that the ratio holds on any machine.

Run: python -m benchmarks.decode
"""

import json
import timeit
from collections.abc import Callable

import orjson

from governance.message.reading import read
from governance.message.refusal import Refusal

EXPOSURE = {
    "event_id": "e-1",
    "occurred_at": "2026-11-22T10:00:00.123Z",
    "type": "exposure",
    "initiative": "plg-onboarding",
    "subject_id": "u-9",
    "profile": "trial-admin",
    "channel": "web",
    "cohort": "2026-W47",
    "variant": "hero-b",
    "experiment_id": "exp-7",
    "rule_id": "rule-42",
    "rule_version": 7,
    "decision_path": ["eligible", "tier-2", "hero-b"],
    "fallback": None,
    "purpose": "personalised_content",
    "value_minor": None,
    "currency": None,
    "consent_asserted": True,
    "latency_ms": 12,
    "propensity": None,
    "pre_value": None,
}
CONSENT = {
    "event_id": "c-1",
    "occurred_at": "2026-11-22T09:59:00Z",
    "subject_id": "u-9",
    "state": "given",
    "purposes": ["personalised_content"],
    "jurisdiction": "EU",
    "source": "cmp",
    "notice_version": "2026-10",
}
SPARSE = {name: EXPOSURE[name] for name in ("event_id", "occurred_at", "type", "initiative", "subject_id", "channel", "variant")}
CASES = {
    "exposure, every field": ("engagement-events", EXPOSURE),
    "exposure, seven fields": ("engagement-events", SPARSE),
    "exposure, wrong field": ("engagement-events", {**EXPOSURE, "rule_version": "7"}),
    "consent": ("consent-events", CONSENT),
}
ROUNDS, REPEATS = 20_000, 7


def microseconds(work: Callable[[], object]) -> float:
    """Return the best time of one call over several runs."""
    return min(timeit.repeat(work, number=ROUNDS, repeat=REPEATS)) / ROUNDS * 1e6


def main() -> None:
    """Print, per kind of message, both costs and their ratio."""
    print(f"{'message':<24}{'bytes':>7}{'orjson µs':>11}{'json µs':>9}{'read µs':>9}{'read/orjson':>13}")
    for name, (topic, message) in CASES.items():
        value = orjson.dumps(message)
        assert isinstance(read(topic, b"u-9", value), Refusal) == ("wrong" in name)
        bare = microseconds(lambda value=value: orjson.loads(value))  # type: ignore[misc]
        slow = microseconds(lambda value=value: json.loads(value))  # type: ignore[misc]
        full = microseconds(lambda topic=topic, value=value: read(topic, b"u-9", value))  # type: ignore[misc]
        print(f"{name:<24}{len(value):>7}{bare:>11.2f}{slow:>9.2f}{full:>9.2f}{full / bare:>13.1f}")


if __name__ == "__main__":
    main()
