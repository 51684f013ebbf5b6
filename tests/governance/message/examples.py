"""One good record per topic, to be changed by the tests."""

from typing import Any

import orjson

from governance.message.reading import Message, read
from governance.message.refusal import Refusal

EXPOSURE: dict[str, Any] = {
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
TALLY: dict[str, Any] = {
    "event_id": "t-1",
    "occurred_at": "2026-11-22T10:00:00Z",
    "type": "tally",
    "initiative": "home",
    "channel": "web",
    "variant": "b",
    "exposures": 3052,
    "clicks": 150,
    "revenue_minor": 12900,
    "currency": "EUR",
    "subjects": 3052,
}
CONSENT: dict[str, Any] = {
    "event_id": "c-1",
    "occurred_at": "2026-11-22T09:59:00Z",
    "subject_id": "u-9",
    "state": "given",
    "purposes": ["personalised_content"],
    "channels": None,
    "jurisdiction": "EU",
    "expires_at": None,
    "source": "cmp",
    "notice_version": "2026-10",
    "tcf": None,
    "gpp": None,
}
RULE: dict[str, Any] = {
    "event_id": "r-1",
    "occurred_at": "2026-11-22T09:00:00Z",
    "change_id": "chg-311",
    "initiative": "plg-onboarding",
    "rule_id": "rule-42",
    "version": 7,
    "previous_version": 6,
    "action": "deployed",
    "change_type": "update",
    "environment": "production",
    "channels": ["web"],
    "actor": {"id": "ana", "roles": ["marketing_ops"]},
    "reason": "new hero for trial admins",
    "content_sha256": "0" * 64,
    "content": None,
    "evidence": [{"type": "qa", "url": "https://qa.example/1"}],
    "rollback_plan": "redeploy version 6",
    "experiment_ids": ["exp-7"],
    "scheduled_at": None,
    "emergency": False,
}
COMMAND: dict[str, Any] = {
    "request_id": "q-1",
    "command": "report",
    "requested_at": "2026-11-22T10:05:00Z",
    "requested_by": "ana",
    "initiative": "plg-onboarding",
    "window": "14d",
    "detail": "full",
    "dimension": "channel",
    "alert_threshold": "ctr<0.02",
    "reply_to": None,
}
CONFIG: dict[str, Any] = {"sha256": "a" * 64, "effective_at": None, "config": {"version": 1}, "policies": []}
TICK: dict[str, Any] = {"at": 1_795_341_600_000, "ends": {"engagement-events": 12, "rule-changes": 0}, "drain": False}

RECORDS: dict[str, dict[str, Any]] = {
    "engagement-events": EXPOSURE,
    "consent-events": CONSENT,
    "rule-changes": RULE,
    "monitor-commands": COMMAND,
    "monitor-config": CONFIG,
    "ticks": TICK,
}
KEYS = {"engagement-events": "subject_id", "consent-events": "subject_id", "rule-changes": "initiative", "monitor-commands": "initiative"}
UNIQUE = ("consent-events", "rule-changes", "monitor-commands")


def taken(topic: str, record: dict[str, Any], key: str | None = None) -> Message | Refusal:
    """Return what reading the record gives, under the key it should have unless another is given."""
    right = record.get(KEYS.get(topic, "")) if key is None else key
    return read(topic, right.encode() if isinstance(right, str) else None, orjson.dumps(record))


def refused(topic: str, record: dict[str, Any], key: str | None = None) -> tuple[str, str | None] | None:
    """Return code and path of the refusal, None where the record is taken."""
    result = taken(topic, record, key)
    return (result.code, result.path) if isinstance(result, Refusal) else None


def without(record: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Return the record without some of its fields."""
    return {name: value for name, value in record.items() if name not in fields}
