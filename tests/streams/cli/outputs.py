"""A folder of outputs as `pmon replay` writes it, built from the published models."""

from pathlib import Path
from typing import Any

import orjson

from governance.audit import SOURCE, Chain, audit_id
from governance.message.cloud_event import cloud_event
from governance.message.instant import parse_instant
from governance.message.outputs import Finding, Incident
from streams.event_file import write_record
from streams.kernel.record import Record

OWNER = {"role": "testing_lead", "person": "chi", "substitute_for": None, "reason": None}
PLAYBOOK = {"id": "rate", "title": "A rate fell", "steps": ["Look at the segments."], "runbook": None, "sop": None}
WINDOWS = [{"start": f"2026-11-22T{hour}:00:00.000Z", "end": f"2026-11-22T{hour + 1}:00:00.000Z"} for hour in (12, 13)]


def uuid(beginning: str) -> str:
    return f"{beginning}0000-0000-5000-8000-000000000000"


def incident(beginning: str, **more: Any) -> dict[str, Any]:
    data = {
        "incident_id": uuid(beginning),
        "check": "threshold:low-ctr",
        "initiative": "plg-onboarding",
        "key": {"channel": "web", "kpi": "ctr"},
        "state": "open",
        "level": 1,
        "severity": "warning",
        "owner": OWNER,
        "opened_at": "2026-11-22T14:00:00.000Z",
        "updated_at": "2026-11-22T14:00:00.000Z",
        "sequence": 1,
        "step": "opened",
        "occurrences": 1,
        "windows": WINDOWS,
        "explanation": None,
        "playbook": PLAYBOOK,
        "recommended_action": "Roll rule-42 back to v6.",
        "remediation": [],
        "episode": 1,
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
    } | more
    Incident.model_validate(data)
    return data


def finding(number: int, **more: Any) -> dict[str, Any]:
    data = {
        "finding_id": uuid(f"f00{number}"),
        "check": "threshold:low-ctr",
        "initiative": "plg-onboarding",
        "key": {"channel": "web", "kpi": "ctr"},
        "severity": "warning",
        "state": "confirmed",
        "observed": 0.0124,
        "expected": None,
        "threshold": 0.02,
        "window": WINDOWS[number],
        "score": None,
        "policy": None,
        "evidence": [],
    } | more
    Finding.model_validate(data)
    return data


def write(folder: Path, incidents: list[dict[str, Any]], findings: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for topic, kind, payloads in (("incidents", "incident", incidents), ("findings", "finding", findings)):
        with (folder / f"{topic}.jsonl").open("wb") as file:
            for number, data in enumerate(payloads):
                time = parse_instant(data.get("updated_at") or data["window"]["end"])
                event = cloud_event(kind, uuid(f"e{number:03d}"), "pmon", data["check"], time, data)
                write_record(file, Record(topic, 0, number, time, b"key", orjson.dumps(event)))
    chain, entry = Chain().append("plg-onboarding", "config", "2026-11-22T00:00:00.000Z", {})
    identity = audit_id("plg-onboarding", 1, chain.head)
    event = cloud_event("audit-entry", identity, SOURCE, "plg-onboarding", parse_instant(entry["at"]), entry)
    with (folder / "audit-log.jsonl").open("wb") as file:
        write_record(file, Record("audit-log", 0, 0, 0, b"plg-onboarding", orjson.dumps(event)))
    marks = {"0": "2026-11-22T14:32:30.000Z", "1": "2026-11-22T14:33:00.000Z"}
    (folder / "summary.json").write_bytes(orjson.dumps({"watermarks": marks}))
    return folder
