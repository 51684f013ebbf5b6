"""What a history is made of: records as they arrive, configs, ticks; each record beside what it says, so that no answer needs a parser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = tuple[str, str, str, str]

ENGAGEMENT, CONSENT, RULES, COMMANDS, CONFIG, TICKS = (
    "engagement-events",
    "consent-events",
    "rule-changes",
    "monitor-commands",
    "monitor-config",
    "ticks",
)
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True)
class Fact:
    """What a readable record says: its key, id and own time, and for engagement what it adds to which cell."""

    key: str
    event_id: str
    time: int
    initiative: str = ""
    cell: Cell = ("-", "-", "-", "-")
    counts: Mapping[str, int] = field(default_factory=dict)
    subject: str | None = None


@dataclass(frozen=True)
class Arrival:
    """One record: appended at a time, stamped maybe a little earlier; either a fact, or refused with a code, or (neither) skipped."""

    appended: int
    stamp: int
    topic: str
    key: bytes | None
    value: bytes | None
    fact: Fact | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Configured:
    """One config record, the same in every partition."""

    stamp: int
    effective_at: int | None
    effective: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True)
class World:
    """One made-up history; arrivals in the order of appending."""

    seed: int
    kind: str
    arrivals: tuple[Arrival, ...]
    configs: tuple[Configured, ...]
    ticks: tuple[tuple[int, bool], ...]  # (at, drain)

    @property
    def timing(self) -> Mapping[str, int]:
        """Return the durations in ms; they are the same in all configs of a world."""
        return TIMINGS[self.kind]

    def last_watermark(self, drain: bool) -> int:
        """Return the watermark of the last tick, or of the last that is no drain."""
        at = max(at for at, drains in self.ticks if drain or not drains)
        return at - self.timing["allowed_lateness"] - self.timing["tick"]


# Short worlds last minutes around a midnight; long ones days, with a coarser window, so that a history stays small.
NAMES = ("window", "tick", "allowed_lateness", "dedup_horizon", "max_future_skew")
TIMINGS: Mapping[str, Mapping[str, int]] = {
    "short": dict(zip(NAMES, (MINUTE, 10 * SECOND, 30 * SECOND, 8 * MINUTE, 2 * MINUTE), strict=True)),
    "coarse": dict(zip(NAMES, (MINUTE, 30 * SECOND, 45 * SECOND, 3 * HOUR, 5 * MINUTE), strict=True)),
    "long": dict(zip(NAMES, (15 * MINUTE, 10 * MINUTE, 5 * MINUTE, 6 * HOUR, 5 * MINUTE), strict=True)),
}
