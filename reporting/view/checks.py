"""The checklist as rows of words, the same in every view: what needs most attention first, consent at exposure among the checks."""

from collections.abc import Mapping
from typing import Any

from governance.policy.row import STATUSES
from reporting.figure import NONE, integer, moment
from reporting.issues import ACTIVE
from reporting.wording import RESULTS, check_name, owner, sentence

ASKING = ("fail", "warn", "pending")


def checks(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row a check: `status, word, icon, tone, check, found, who, until`."""
    governance, today = report["governance"], report["period"]["watermark"]
    rows = [_row(check["status"], check_name(check["check"]), _found(check), *_asked(check, today)) for check in governance["checks"]]
    if not governance["checks"]:
        rows.append(_row("not_evaluated", "Policy checks", str(governance["why"])))
    rows.append(_consent(report))
    return sorted(rows, key=lambda row: STATUSES.index(row["status"]))


def _row(status: str, check: str, found: str, who: str = NONE, until: str = NONE) -> dict[str, str]:
    return {"status": status, "check": check, "found": found, "who": who, "until": until, **RESULTS[status]}


def _found(check: Mapping[str, Any]) -> str:
    return f"{check['found']}; {check['reason']}" if check["reason"] and check["status"] != "pass" else str(check["found"])


def _asked(check: Mapping[str, Any], today: str) -> tuple[str, str]:
    if check["status"] not in ASKING:
        return NONE, NONE
    who = ", ".join(sentence(str(person)) for person in check["who"]) or NONE
    return who, moment(check["deadline"], today) if check["deadline"] else NONE


def _consent(report: Mapping[str, Any]) -> dict[str, str]:
    governance, name = report["governance"], "Consent at exposure"
    consent = governance["consent"]
    if consent["status"] == "not_evaluated":
        return _row("not_evaluated", name, str(consent["why"]))
    judged = integer(consent["judged"])
    if not consent["violations"]:
        return _row("pass", name, f"{judged} of {judged} judged exposures had valid consent")
    kinds = ", ".join(f"{one['verdict'].replace('_', ' ')} {integer(one['exposures'])}" for one in governance["violations"])
    found = f"{integer(consent['violations'])} of {judged} judged exposures had no valid consent ({kinds})"
    return _row("fail", name, found, *_held(report))


def _held(report: Mapping[str, Any]) -> tuple[str, str]:
    """Return who has the consent incident and until when it is to be settled, dashes where none is active."""
    for issue in report["issues"]:
        if issue["check"] == "consent_violation" and issue["state"] in ACTIVE:
            due = next((item["due"] for item in report["backlog"] if item["source"]["id"] == issue["id"]), None)
            return owner(issue), moment(due, report["period"]["watermark"]) if due else NONE
    return NONE, NONE
