"""A notice: what one record of the outputs says to the people of one sink, in words and as the event itself.

escalation                          to sinks of its role, to all where nobody has it
incident resolved or taken back     to whom it was told before
scheduled report                    to the sinks it names: that it waits and for what, then its recap once it is signed off
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from governance.config import Config
from governance.message.instant import parse_instant
from reporting import wording
from reporting.figure import moment
from reporting.issues import threshold_of
from reporting.recap import recap
from streams.kernel.record import Record

TOPICS = ("escalations", "incidents", "reports")
ENDED = {"resolved": "is resolved", "retracted": "was taken back: late evidence shows that nothing was wrong"}
OVER = ("closed", "retracted")
TASKS = 10  # of a backlog, in a recap
JOB = "sink:"  # before a sink's name, the job it does


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: `id` is the event's, `about` the incident or report, `sequence` grows with each step of it; `at` in ms."""

    id: str
    about: str
    sequence: int
    at: int
    title: str
    body: str
    event: bytes
    severity: str = "warning"


class Reader(Protocol):
    """Makes notices out of records."""

    def notice(self, topic: str, record: Record, told: Mapping[str, Any]) -> Notice | None:
        """Return what a record of a plain topic says, None where it says nothing; `told` are incidents told before."""


class SinkReader:
    """Makes notices for one sink, by the worker's config."""

    def __init__(self, name: str, config: Config) -> None:
        self._name, self._config = name, config
        self._roles = config.sinks[name].for_

    def notice(self, topic: str, record: Record, told: Mapping[str, Any]) -> Notice | None:
        """Return what a record says to this sink."""
        event = orjson.loads(record.value or b"null")
        data = event["data"]
        if topic == "escalations":
            return self._escalation(event, data, record.value or b"")
        if topic == "incidents":
            return self._ended(event, data, record.value or b"") if data["incident_id"] in told and data["step"] in ENDED else None
        return self._report(event, data, record.value or b"") if self._name in (data.get("review") or {}).get("to", ()) else None

    def _escalation(self, event: Mapping[str, Any], data: Mapping[str, Any], value: bytes) -> Notice | None:
        incident = data["incident"]
        if self._roles and data["role"] is not None and data["role"] not in self._roles:
            return None
        if incident["check"] == "job_failed" and incident["key"].get("feed") == JOB + self._name:
            return None  # that this sink fails is not told through this sink
        title = f"[{incident['severity']} L{data['level']}] {self._called(incident)}"
        return Notice(
            event["id"],
            data["incident_id"],
            incident["sequence"],
            parse_instant(event["time"]),
            title,
            self._asked(data, incident),
            value,
            incident["severity"],
        )

    def _called(self, incident: Mapping[str, Any]) -> str:
        own = self._config.initiative(incident["initiative"])
        named = wording.title({**incident, "threshold": threshold_of(own, incident["check"])})
        return f"{named}: {own.title or incident['initiative']}"

    def _asked(self, data: Mapping[str, Any], incident: Mapping[str, Any]) -> str:
        told = "For your information, to" if data["kind"] == "informed" else "To act:"
        person = f"{data['person']} ({wording.ROLES[data['role']]})" if data["person"] else "nobody is there, whoever reads this"
        instead = f", for {data['substitute_for']}" if data["substitute_for"] else ""
        windows, playbook = incident["windows"], incident["playbook"]
        breached = wording.count_of(incident["occurrences"], "breached window")
        lines = [
            f"{told} {person}{instead}",
            f"Why: {data['reason']}",
            f"Where: {wording.where(incident['key'])}; opened {incident['opened_at']}, {breached}",
            f"Last breached window: {windows[-1]['start']} to {windows[-1]['end']}" if windows else "",
            *(f"Close to it: {wording.suspected(one)}" for one in (incident["explanation"] or {}).get("suspects", ())[:1]),
            "",
            f"What to do: {incident['recommended_action']}",
            *(f"{number}. {step}" for number, step in enumerate(playbook["steps"], 1)),
            *(f"{name}: {playbook[field]}" for name, field in (("Runbook", "runbook"), ("Procedure", "sop")) if playbook[field]),
            "",
            f"Take it: pmon incidents ack {incident['incident_id']}",
            *self._dashboards(),
        ]
        return "\n".join(lines)

    def _ended(self, event: Mapping[str, Any], data: Mapping[str, Any], value: bytes) -> Notice:
        at = parse_instant(event["time"])
        title = f"[{data['step']}] {self._called(data)}"
        body = f"The incident {ENDED[data['step']]} at {data['updated_at']}; it was opened {data['opened_at']}."
        return Notice(event["id"], data["incident_id"], data["sequence"], at, title, body, value, "info")

    def _report(self, event: Mapping[str, Any], data: Mapping[str, Any], value: bytes) -> Notice | None:
        review, at = data["review"], parse_instant(event["time"])
        period = f"{data['title']}, {data['request']['window']} to {moment(data['period']['to'], data['period']['to'])}"
        signed = sum(one["status"] == "signed" for one in review["sign_offs"])
        if review["distributed"]:
            return Notice(event["id"], data["report_id"], signed + 1, at, f"[report] {period}", self._recapped(data), value, "info")
        if signed:
            return None  # told once that it waits, then that it is out
        waits = "\n".join(f"- {name}" for name in review["blocked_by"])
        signing = self._signing(review, data["initiative"], data["report_id"])
        body = f"The report is made and waits before it is distributed:\n{waits}\n\n{signing}"
        return Notice(event["id"], data["report_id"], signed + 1, at, f"[report waits] {period}", body, value, "info")

    def _signing(self, review: Mapping[str, Any], initiative: str, identity: str) -> str:
        asked = [(wording.ROLES[one["role"]], one["person"] or "nobody", one["for"], one["status"]) for one in review["sign_offs"]]
        lines = [f"{role} ({person}): {subject}, {status}" for role, person, subject, status in asked]
        return "\n".join(["Sign-offs:", *lines, f"Sign: pmon report --initiative {shlex.quote(initiative)} --sign-off {identity} --by YOU"])

    def _recapped(self, data: Mapping[str, Any]) -> str:
        said = [first + rest for first, rest in recap(data)]
        owners = [f"{wording.ROLES[owner['role']]}: {owner['person']}" for owner in data["plan"]["owners"] if owner["person"]]
        first = [(one["title"], (one["owner"] or {}).get("person") or "nobody yet", one["due"]) for one in data["backlog"][:TASKS]]
        tasks = [f"- {task} ({person}, due {due})" for task, person, due in first]
        todo = [f"To do, {len(data['backlog'])} in all:", *tasks, ""] if tasks else []
        return "\n".join([*said, "", *todo, *(["Owners: " + "; ".join(owners)] if owners else []), *self._dashboards()])

    def _dashboards(self) -> list[str]:
        return [f"{one.title}: {one.url}" for one in self._config.dashboards]
