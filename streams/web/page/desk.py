"""Where a person acts: who is signed in, what may be asked of an incident, and what became of what was asked last."""

from collections.abc import Mapping
from typing import Any

from governance.lifecycle import following
from reporting.wording import sentence
from streams.kernel.action import EVENTS
from streams.web.actions import PROBLEMS
from streams.web.operators import Viewer
from streams.web.site import Site

ORDER = ("acknowledge", "log_remediation", "silence", "resolve")
SILENCES = ((1, "1 hour"), (4, "4 hours"), (24, "1 day"), (72, "3 days"))
DONE = {
    "acknowledge": "Acknowledged.",
    "resolve": "Resolved.",
    "log_remediation": "Written into the remediation log.",
    "silence": "Silenced.",
}


def desk(
    site: Site, request_id: str | None, problem: str | None, answer: Mapping[str, Any] | None, viewer: Viewer | None
) -> dict[str, Any]:
    """Return what the page says of acting: `able` where this worker can send commands for somebody at all."""
    return {
        "able": site.ask is not None and bool(site.operators),
        "hint": site.operators.hint,
        "person": sentence(viewer.person) if viewer else None,
        "form_token": viewer.form_token if viewer else "",
        "said": _said(request_id, problem, answer),
        "silences": SILENCES,
    }


def _said(request_id: str | None, problem: str | None, answer: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Return what became of what was asked: its tone, an icon and a sentence."""
    if problem is not None:
        return {"tone": "bad", "icon": "fail", "text": PROBLEMS[problem]} if problem in PROBLEMS else None
    if request_id is None:
        return None
    if answer is None:
        return {"tone": "wait", "icon": "pending", "text": "Sent. The monitor answers within its next ticks."}
    if answer.get("ok"):
        return {"tone": "good", "icon": "pass", "text": DONE.get(str(answer.get("command")), "Done.")}
    error = answer.get("error") or {}
    return {
        "tone": "bad",
        "icon": "fail",
        "text": f"Refused: {error.get('field') or 'the command'} {error.get('message') or 'is not served'}.",
    }


def offered(incident: Mapping[str, Any]) -> list[str]:
    """Return what may be asked of an incident as it stands, the most fitting first."""
    found = [name for name in ORDER if following(incident["state"], EVENTS[name]).refused is None]
    unlogged = incident["check"].startswith("consent_") and not incident.get("remediation")
    return [name for name in found if not (name == "resolve" and unlogged)]
