"""The review before distribution: what the report stands on, who has to sign what, and what keeps it from being handed on.

    made ─► dependencies, sign-offs ─► something blocks: it waits, and says for what ─► signed ─► looked at again ─► distributed

Looked at when it is made and at each sign-off, with the incidents as they are then: a feed that is back blocks no more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.kpi import FRESHNESS
from governance.message.instant import format_instant

SIGN_OFFS = (("testing_lead", "readout interpreted"), ("personalization_architect", "experience integrity"))
FEED_FAULTS = frozenset({"freshness"})  # what was counted is not all there was; what the monitor says of itself is not known here
CONSENT_FAULTS = frozenset({"late_evidence", "consent_string"})
ASSIGNMENT_FAULTS = frozenset({"srm", "contamination"})


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, in which roles, at which time in ms."""

    roles: tuple[str, ...]
    person: str
    at: int


def review(
    report: Mapping[str, Any],
    owners: Mapping[str, str | None],
    active: Collection[str],
    signatures: Sequence[Signature] = (),
    to: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the `review` of a report as it stands.

    `owners` are the people of the roles that sign, `active` what incidents that are not resolved say is wrong, `to` the sinks it goes to.
    """
    dependencies = [_data(report, active), _privacy(report, active), _experimentation(report, active)]
    signed = [_signed(role, subject, owners.get(role), signatures) for role, subject in SIGN_OFFS]
    blocks = [f"dependency:{one['name']}" for one in dependencies if one["status"] == "blocked"]
    blocks += [f"sign_off:{one['role']}" for one in signed if one["status"] != "signed"]
    return {
        "status": "waiting" if blocks else "distributed",
        "why": "what is named in blocked_by" if blocks else None,
        "distributed": not blocks,
        "to": list(to),
        "dependencies": dependencies,
        "sign_offs": signed,
        "blocked_by": blocks,
    }


def fault_of(check: str, key: Mapping[str, str]) -> str:
    """Return what an incident says is wrong: a feed that is too old is, by a threshold or by the detector."""
    return "freshness" if key.get("kpi") == FRESHNESS else check


def _signed(role: str, subject: str, owner: str | None, signatures: Sequence[Signature]) -> dict[str, Any]:
    """Return one sign-off: by the first who signed in the role, who else it waits for, or that nobody holds the role."""
    found = next((one for one in signatures if role in one.roles), None)
    if found is not None:
        return {"role": role, "person": found.person, "for": subject, "status": "signed", "at": format_instant(found.at)}
    return {"role": role, "person": owner, "for": subject, "status": "waiting" if owner is not None else "unowned", "at": None}


def _data(report: Mapping[str, Any], active: Collection[str]) -> dict[str, Any]:
    if not report["performance"]["totals"]["counts"]["exposures"]:
        return _dependency("data_engineering", "blocked", "no exposure was counted in the period")
    return _by_faults("data_engineering", FEED_FAULTS, active, "ready", None)


def _privacy(report: Mapping[str, Any], active: Collection[str]) -> dict[str, Any]:
    consent = report["governance"]["consent"]
    return _by_faults("privacy", CONSENT_FAULTS, active, "ready" if consent["why"] is None else "not_evaluated", consent["why"])


def _experimentation(report: Mapping[str, Any], active: Collection[str]) -> dict[str, Any]:
    unread = [one["id"] for one in report["experiments"] if one["status"] == "not_evaluated"]
    why = f"not read out: {', '.join(unread)}" if unread else None if report["experiments"] else "no experiment ran"
    return _by_faults("experimentation", ASSIGNMENT_FAULTS, active, "not_evaluated" if unread else "ready", why)


def _by_faults(name: str, faults: Collection[str], active: Collection[str], otherwise: str, why: str | None) -> dict[str, Any]:
    found = sorted({check for check in active if check in faults})
    return _dependency(name, "blocked", f"an incident is open: {', '.join(found)}") if found else _dependency(name, otherwise, why)


def _dependency(name: str, status: str, why: str | None) -> dict[str, Any]:
    return {"name": name, "status": status, "why": why}
