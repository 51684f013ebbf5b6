"""What a monitor shard says: CloudEvents out of plain values, with ids that a replay makes again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson

from detectors.cell import CONSENT, DIMENSIONS, LAST_MS, REVENUE, Cell, Counts
from detectors.kpi import BUILT_IN, FRESHNESS, VARIANT_SHARE, Ratio, kpi, ratio
from governance.audit import SOURCE
from governance.identity import event_id
from governance.message.cloud_event import cloud_event
from governance.message.instant import written_bounds
from streams.kernel.buffer import trimmed
from streams.kernel.record import Outgoing, Record

COUNTED = (
    "exposures",
    "clicks",
    "conversions",
    "technical_fallbacks",
    "consent_fallbacks",
    "no_match_fallbacks",
    "late",
    "subjects",
)


def publish(topic: str, kind: str, key: str | None, identity: str, subject: str, time: int, data: Mapping[str, Any]) -> Outgoing:
    """Return one output event as a message; `kind` is the name of its schema, `time` event time in ms."""
    event = cloud_event(kind, identity, SOURCE, subject, time, dict(data))
    return Outgoing(topic, None, None if key is None else key.encode(), trimmed(orjson.dumps(event)), time)


def dead_letter(record: Record, code: str, path: str | None) -> Outgoing:
    """Return what is said of a record that was refused: where it stands and why, nothing of what it holds."""
    value = record.value or b""
    data = {
        "reason_code": code,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "length": len(value),
        "sha256": sha256(value).hexdigest(),
        "error_path": path,
    }
    where = event_id("dead-letter", record.topic, record.partition, record.offset)
    return publish("dead-letters", "dead-letter", None, where, record.topic, record.timestamp, data)


def window_of(start: int, end: int) -> dict[str, str]:
    """Return a window as it is written."""
    first, last = written_bounds(start, end)
    return {"start": first, "end": last}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one window, [start, end) in ms; `policy` names what judged it, `threshold` the bound where there was one."""

    finding_id: str
    check: str
    initiative: str
    key: Mapping[str, str]
    start: int
    end: int
    state: str = "confirmed"
    severity: str = "warning"
    observed: Any = None
    expected: Any = None
    threshold: float | None = None
    score: float | None = None
    policy: Mapping[str, str] | None = None
    evidence: Sequence[Mapping[str, Any]] = ()


def finding(found: Found, identity: str, time: int) -> Outgoing:
    """Return one step of a finding; `identity` is the event's id, `time` event time in ms."""
    data = {
        "finding_id": found.finding_id,
        "check": found.check,
        "initiative": found.initiative,
        "key": dict(found.key),
        "severity": found.severity,
        "state": found.state,
        "observed": found.observed,
        "expected": found.expected,
        "threshold": found.threshold,
        "window": window_of(found.start, found.end),
        "score": found.score,
        "policy": found.policy,
        "evidence": list(found.evidence),
    }
    return publish("findings", "finding", found.initiative, identity, found.check, time, data)


def public_counts(counts: Mapping[str, int], revision: str = "counts") -> dict[str, Any]:
    """Return counts as they are published: every count key present, money by currency, verdicts in revision `consent` only."""
    named: dict[str, Any] = {name: counts.get(name, 0) for name in COUNTED}
    named["revenue_minor"] = {name.removeprefix(REVENUE): counts[name] for name in sorted(counts) if name.startswith(REVENUE)}
    named["consent"] = {}
    if revision == "consent":
        named["consent"] = {name.removeprefix(CONSENT): counts[name] for name in sorted(counts) if name.startswith(CONSENT)}
    return named


def public_kpis(counts: Counts, definitions: Mapping[str, Ratio], end: int, whole: Mapping[str, int]) -> dict[str, float | None]:
    """Return every key figure of a closed window."""
    figures = {name: ratio(definition, counts) for name, definition in definitions.items()}
    figures[FRESHNESS] = kpi(FRESHNESS, counts, definitions, window_end=end) if LAST_MS in counts else None
    figures[VARIANT_SHARE] = kpi(VARIANT_SHARE, counts, definitions, whole=whole)
    return figures


def kpi_window(
    initiative: str,
    cell: Cell,
    start: int,
    end: int,
    counts: Counts,
    definitions: Mapping[str, Ratio],
    whole: Counts,
    revision: Literal["counts", "consent"] = "counts",
) -> Outgoing:
    """Return one closed base window of one full cell."""
    data = {
        "initiative": initiative,
        "key": dict(zip(DIMENSIONS, cell, strict=True)),
        "window": window_of(start, end),
        "revision": revision,
        "counts": public_counts(counts, revision),
        "kpis": public_kpis(counts, definitions, end, whole),
    }
    identity = event_id("kpi-window", initiative, *cell, end, revision)
    return publish("kpi-windows", "kpi-window", initiative, identity, initiative, end, data)


def definitions_of(initiative: Any) -> dict[str, Ratio]:
    """Return the key figures of an initiative's config (None: the built-in ones)."""
    own = (
        {}
        if initiative is None
        else {name: Ratio(found.numerator, found.denominator, found.better) for name, found in initiative.kpis.items()}
    )
    return {**BUILT_IN, **own}
