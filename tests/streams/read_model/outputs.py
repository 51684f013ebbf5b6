"""Outputs as the kernel publishes them, built by hand."""

from typing import Any

from detectors.window import DAY, MINUTE
from governance.message.instant import format_instant
from streams.kernel.publishing import kpi_window, publish
from streams.kernel.record import Outgoing

START = 1_794_182_400_000  # 2026-11-09T00:00:00Z
HOME = "home page"


def window(end: int, exposures: int, clicks: int = 0, channel: str = "web", initiative: str = HOME, size: int = 5 * MINUTE) -> Outgoing:
    """Return one closed window of one cell."""
    counts = {"exposures": exposures, "clicks": clicks, "revenue_minor.EUR": 10 * clicks}
    return kpi_window(initiative, ("p1", channel, "-", "a"), end - size, end, counts, {}, counts)


def incident_step(step: str, sequence: int, at: int, *, state: str = "open", name: str = "i-1", **other: Any) -> Outgoing:
    """Return one step of an incident."""
    data: dict[str, Any] = {
        "incident_id": name,
        "check": "threshold:low-ctr",
        "initiative": HOME,
        "key": {"channel": "web", "kpi": "ctr"},
        "state": state,
        "level": 1,
        "severity": "warning",
        "owner": {"role": "testing_lead", "person": "ana", "substitute_for": None, "reason": "owner"},
        "opened_at": format_instant(START + 60 * MINUTE),
        "updated_at": format_instant(at),
        "sequence": sequence,
        "step": step,
        "occurrences": 2,
        "windows": [{"start": format_instant(START), "end": format_instant(START + 60 * MINUTE)}],
        "explanation": None,
        "playbook": {"id": "threshold", "title": "Crossed", "steps": ["Look at the segments."], "runbook": None, "sop": None},
        "recommended_action": "Roll it back.",
        "remediation": [],
        "episode": 1,
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
    } | other
    return publish("incidents", "incident", "k", "id", data["incident_id"], at, data)


def pending(at: int) -> Outgoing:
    """Return a first breach."""
    data = {
        "finding_id": "f-1",
        "check": "threshold:low-ctr",
        "initiative": HOME,
        "key": {"channel": "web", "kpi": "ctr"},
        "state": "pending",
        "observed": 0.01,
        "threshold": 0.02,
        "window": {"start": format_instant(at - 60 * MINUTE), "end": format_instant(at)},
    }
    return publish("findings", "finding", HOME, "id", "check", at, data)


def answer(request_id: str = "q-1") -> Outgoing:
    """Return an answer that is no report."""
    data = {"request_id": request_id, "command": "silence", "ok": False, "error": {"code": "c", "field": "command", "message": "m"}}
    return publish("reports", "answer", request_id, "id", HOME, START + DAY, data)
