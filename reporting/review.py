"""The review before distribution: who has to sign what, and what is known of it."""

from typing import Any

from reporting.issues import owner_of
from reporting.snapshot import Snapshot

WHY = "sign-offs are not collected by this build, so the report stays a draft"
SIGN_OFFS = (("testing_lead", "readout interpreted"), ("personalization_architect", "experience integrity"))


def review(snapshot: Snapshot) -> dict[str, Any]:
    """Return the report's `review`: a draft, with the two sign-offs that would end that."""
    waiting = []
    for role, subject in SIGN_OFFS:
        owner = owner_of(snapshot, role)
        waiting.append({"role": role, "person": owner["person"] if owner else None, "for": subject, "status": "not_evaluated", "at": None})
    return {
        "status": "not_evaluated",
        "why": WHY,
        "distributed": False,
        "sign_offs": waiting,
        "blocked_by": [f"sign_off:{role}" for role, _ in SIGN_OFFS],
    }
