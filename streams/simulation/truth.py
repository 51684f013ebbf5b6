"""What really happened in a run: the answer sheet that the monitor's findings are measured against."""

from collections import Counter
from dataclasses import dataclass, field

import orjson

from governance.message.instant import format_instant
from streams.simulation.scenario import Fault, Scenario

# The check that is expected to find each kind with the config that goes with a scenario.
CHECKS = {
    "ctr_drop": "threshold:low-ctr",
    "feed_stop": "threshold:stale-feed",
    "technical_fallback": "threshold:technical-fallback",
    "consent_violation": "consent_violation",
}
KEYS = {"consent_violation": {"verdict": "withdrawn"}}


@dataclass(frozen=True, slots=True)
class Violation:
    """A personalised exposure without valid consent; `retracted_by` is the late consent record that takes it back."""

    event_id: str
    initiative: str
    channel: str
    occurred_at: int
    verdict: str
    retracted_by: str | None


@dataclass(slots=True)
class Truth:
    """Gathered while a run is made; complete once its records are exhausted."""

    scenario: Scenario
    seed: int
    records: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    violations: list[Violation] = field(default_factory=list)
    stops: dict[tuple[str, str], list[Fault]] = field(default_factory=dict)
    last_before: dict[Fault, int] = field(default_factory=dict)
    first_after: dict[Fault, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for fault in self.scenario.faults:
            if fault.kind == "feed_stop":
                self.stops.setdefault((fault.initiative, fault.channel), []).append(fault)

    def seen(self, initiative: str, channel: str, at: int) -> None:
        """Note the time of an event that reached the bus: a stopped feed is silent between its neighbours."""
        for fault in self.stops.get((initiative, channel), ()):
            if at < fault.start:
                self.last_before[fault] = max(at, self.last_before.get(fault, at))
            elif at >= fault.end:
                self.first_after[fault] = min(at, self.first_after.get(fault, at))

    def document(self) -> dict[str, object]:
        """Return the truth as JSON-able data, times in RFC 3339."""
        scenario = self.scenario
        return {
            "scenario": scenario.name,
            "seed": self.seed,
            "rate": scenario.rate,
            "start": format_instant(scenario.start),
            "end": format_instant(scenario.end),
            "records": dict(sorted(self.records.items())),
            "duplicates": self.duplicates,
            "refused": dict(sorted(self.refused.items())),
            "incidents": [self._incident(fault) for fault in sorted(scenario.faults, key=lambda fault: fault.start)],
            "rule_changes": [
                {
                    "change_id": change.change_id,
                    "initiative": change.initiative,
                    "channels": list(change.channels),
                    "deployed": format_instant(change.deployed),
                    "rolled_back": None if change.rolled_back is None else format_instant(change.rolled_back),
                }
                for change in scenario.deployments
            ],
            "consent_violations": [
                {
                    "event_id": violation.event_id,
                    "initiative": violation.initiative,
                    "channel": violation.channel,
                    "occurred_at": format_instant(violation.occurred_at),
                    "verdict": violation.verdict,
                    "retracted_by": violation.retracted_by,
                }
                for violation in self.violations
            ],
        }

    def _incident(self, fault: Fault) -> dict[str, object]:
        start, end = fault.start, fault.end
        if fault.kind == "feed_stop":
            start, end = self.last_before.get(fault, start), self.first_after.get(fault, end)
        if fault.kind == "consent_violation":
            times = [violation.occurred_at for violation in self.violations if fault.start <= violation.occurred_at < fault.end]
            start, end = min(times, default=start), max(times, default=end)
        return {
            "kind": fault.kind,
            "check": CHECKS[fault.kind],
            "initiative": fault.initiative,
            "key": {"channel": fault.channel, **KEYS.get(fault.kind, {})},
            "start": format_instant(start),
            "end": format_instant(end),
            "cause": fault.cause,
        }


def dumps(truth: Truth) -> bytes:
    """Return the truth as indented JSON: same run, same bytes."""
    return indented(truth.document())


def indented(document: dict[str, object]) -> bytes:
    """Return a document as indented JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
