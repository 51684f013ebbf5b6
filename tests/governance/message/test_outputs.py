"""What we publish: the documented shapes pass their models, a field too many or too few does not."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from governance.identity import event_id, finding_id, incident_id, incident_key
from governance.message.cloud_event import cloud_event
from governance.message.outputs import PLAIN_CHECKS, CloudEvent, Finding
from governance.message.schema import OUTPUTS, schema

NOW = 1_795_341_600_000
TIME = "2026-11-22T10:00:00.000Z"
WINDOW = {"start": "2026-11-22T09:00:00.000Z", "end": TIME}
SHA = "0" * 64
KEY = incident_key("threshold:low-ctr", "plg", {"channel": "web", "kpi": "ctr"})
FINDING: dict[str, Any] = {
    "finding_id": finding_id("threshold:low-ctr", KEY, NOW),
    "check": "threshold:low-ctr",
    "initiative": "plg",
    "key": {"channel": "web", "kpi": "ctr"},
    "severity": "warning",
    "state": "pending",
    "observed": 0.01,
    "expected": None,
    "threshold": 0.02,
    "window": WINDOW,
    "score": None,
    "policy": {"id": "config", "sha256": SHA},
    "evidence": [{"topic": "engagement-events", "partition": 0, "offset": 5, "event_id": "e-1"}],
}
INCIDENT: dict[str, Any] = {
    "incident_id": incident_id("threshold:low-ctr", KEY, NOW, 1),
    "check": "threshold:low-ctr",
    "initiative": "plg",
    "key": {"channel": "web"},
    "state": "open",
    "level": 1,
    "severity": "warning",
    "owner": {"role": "testing_lead", "person": "ana", "substitute_for": None, "reason": "owner"},
    "opened_at": TIME,
    "updated_at": TIME,
    "sequence": 1,
    "step": "opened",
    "occurrences": 1,
    "windows": [WINDOW],
    "explanation": {"global": False, "segments": [{"where": {"channel": "web"}}], "suspects": []},
    "playbook": {"id": "threshold", "title": "t", "steps": ["look"], "runbook": None, "sop": None},
    "recommended_action": "look",
    "remediation": [],
    "episode": 1,
    "previous_hash": SHA,
    "hash": SHA,
}
COUNTS: dict[str, Any] = {
    "exposures": 10,
    "clicks": 1,
    "conversions": 0,
    "revenue_minor": {"EUR": 5},
    "technical_fallbacks": 0,
    "consent_fallbacks": 0,
    "no_match_fallbacks": 0,
    "late": 0,
    "subjects": 9,
    "consent": {"valid": 10},
}
FIGURES: dict[str, Any] = {"counts": {"exposures": 10}, "kpis": {"ctr": 0.1}}
EXAMPLES: dict[str, dict[str, Any]] = {
    "finding": FINDING,
    "incident": INCIDENT,
    "escalation": {
        "incident_id": INCIDENT["incident_id"],
        "kind": "responsible",
        "level": 1,
        "role": "testing_lead",
        "person": "ana",
        "substitute_for": None,
        "reason": "opened",
        "incident": INCIDENT,
    },
    "kpi-window": {
        "initiative": "plg",
        "key": {"profile": "-", "channel": "web", "cohort": "-", "variant": "a"},
        "window": WINDOW,
        "revision": "consent",
        "counts": COUNTS,
        "kpis": {"ctr": 0.1, "revenue_per_exposure": None},
    },
    "dead-letter": {
        "reason_code": "too_old",
        "topic": "engagement-events",
        "partition": 1,
        "offset": 7,
        "length": 12,
        "sha256": SHA,
        "error_path": "occurred_at",
    },
    "answer": {"request_id": "q-1", "command": "report", "ok": False, "error": {"code": "c", "field": "initiative", "message": "m"}},
    "audit-entry": {"initiative": "plg", "sequence": 1, "kind": "incident", "at": TIME, "body": {}, "previous_hash": SHA, "hash": SHA},
    "verdict": {"event_id": "e-1", "verdict": "withdrawn", "decided_by": {"topic": "consent-events", "partition": 0, "offset": 1}},
    "cloud-event": cloud_event("incident.opened", event_id("incident", "x", 1), "/pmon", "x", NOW, INCIDENT),
    "report": {
        "report_id": finding_id("report", "x", NOW),
        "request": {"initiative": "plg"},
        "period": {"from": TIME, "to": TIME, "watermark": TIME},
        "performance": {
            "totals": FIGURES,
            "segments": [{"key": {"channel": "web"}, **FIGURES, "previous": None, "interval": {"ctr": [0.0, 0.2]}}],
            "trend": [],
        },
        "governance": {"checks": [], "violations": [], "pending_approvals": [], "diffs": []},
        "experiments": [],
        "issues": [],
        "backlog": [{"id": "b", "title": "t", "owner": None, "priority": "high", "due": None, "source": "incident"}],
        "plan": {},
        "coverage": {},
        "review": {},
    },
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_documented_shape_passes(name: str) -> None:
    """Each output of the interface is valid by its model and by the published schema."""
    OUTPUTS[name].model_validate(EXAMPLES[name])
    assert list(Draft202012Validator(schema(name)).iter_errors(EXAMPLES[name])) == []


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, example in EXAMPLES.items() for field in example])
def test_every_documented_field_is_there(name: str, field: str) -> None:
    """A field left out breaks the contract, null or not."""
    short = {key: value for key, value in EXAMPLES[name].items() if key != field}

    with pytest.raises(ValidationError):
        OUTPUTS[name].model_validate(short)


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name != "report"])
def test_no_undocumented_field_slips_in(name: str) -> None:
    """A misspelt or added field is found here, before a consumer finds it."""
    with pytest.raises(ValidationError):
        OUTPUTS[name].model_validate({**EXAMPLES[name], "extra": 1})


CHECKS = (*PLAIN_CHECKS, "threshold:low-ctr", "policy:RC-01", "request:ctr<0.02", "request:ctr>=5", "request:x>1e-05")


@pytest.mark.parametrize("check", CHECKS)
def test_the_named_checks_are_allowed(check: str) -> None:
    """The list of the interface, with the ids of thresholds, policies and requests."""
    assert Finding.model_validate({**FINDING, "check": check}).check == check


NO_CHECKS = ("", "dips", "threshold", "threshold:", "policy:", "policy:a b", "request:ctr", "request:<5", "DIP", "dip\n")


@pytest.mark.parametrize("check", NO_CHECKS)
def test_no_other_check_is_allowed(check: str) -> None:
    """A check nobody documented is none."""
    with pytest.raises(ValidationError):
        Finding.model_validate({**FINDING, "check": check})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", {"country": "de"}),
        ("key", {"channel": 5}),
        ("severity", "fatal"),
        ("state", "open"),
        ("score", float("nan")),
        ("finding_id", "5c1e46f0-6d0b-4a52-9d5c-0b6f2b4d7a31"),
        ("window", {"start": "2026-11-22T10:00:00Z", "end": TIME}),
        ("window", {"start": NOW, "end": NOW}),
    ],
)
def test_a_finding_is_held_to_the_letter(field: str, value: Any) -> None:
    """Known dimensions only, finite numbers, version 5 ids, times with milliseconds."""
    with pytest.raises(ValidationError):
        Finding.model_validate({**FINDING, field: value})


def test_the_envelope_says_what_is_in_it() -> None:
    """CloudEvents 1.0: the type tells kind and step, the schema is that of the kind, the time is event time."""
    event = CloudEvent.model_validate(EXAMPLES["cloud-event"])

    assert (event.type, event.dataschema, event.time) == ("pmon.incident.opened.v1", "urn:pmon:schema:incident:1", TIME)
    assert list(EXAMPLES["cloud-event"]) == ["specversion", "id", "source", "type", "subject", "time", "dataschema", "data"]
