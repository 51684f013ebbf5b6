"""What people ask of incidents, carried out: acknowledge, resolve, log, silence; who is there; who signs what off.

Z [initiative, incident or report]   sign-offs: [roles, person, at, request id] each
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from detectors.window import DAY
from governance.breach import Episode, RefusedError
from governance.config import Config
from governance.identity import event_id
from governance.ladder import LEVELS
from governance.lifecycle import Event, following
from governance.message.command import EVERYWHERE, Command
from governance.message.instant import format_instant
from governance.policy.people import People
from governance.presence import Statement
from reporting.review import Signature
from streams.kernel.bulletin import SYSTEM
from streams.kernel.distribution import reports_of, signed_off
from streams.kernel.duty import say
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.violations import CHECK, Violations
from streams.kernel.watch import INCIDENTS, Watch

SIGNATURES = b"Z"
EVENTS: Mapping[str, Event] = {"acknowledge": "acknowledge", "resolve": "resolve", "log_remediation": "log", "silence": "silence"}
LONGEST_SILENCE = 30 * DAY
MOST_REMEDIATION = 50  # entries an incident carries along in every step
MOST_SIGNATURES = 50
NAMED_AT_MOST = 20  # reports, or people, an error lists


class UnservedError(Exception):
    """A command that cannot be served: code, field, and what would be right."""

    def __init__(self, code: str, field: str | None, message: str) -> None:
        super().__init__(message)
        self.code, self.field, self.message = code, field, message


@dataclass(frozen=True, slots=True)
class Asked:
    """A command in the place where it acts: its initiative (or `*`), the shard's closed time in ms, the config in force."""

    command: Command
    initiative: str
    now: int
    config: Config


def carry_out(draft: Draft, asked: Asked, watch: Watch) -> None:
    """Do what a command other than `report` asks; raises UnservedError, and has changed nothing then."""
    people = People(asked.config)
    roles = roles_of(people, asked)
    if asked.command.command == "set_availability":
        set_availability(draft, asked, people)
    elif asked.command.command == "sign_off":
        sign(draft, asked, roles, watch)
    else:
        act(draft, asked, watch)


def roles_of(people: People, asked: Asked) -> list[str]:
    """Return the roles that who asks holds; raises UnservedError for who holds none, or may act no longer."""
    name = asked.command.requested_by
    if not people.active(name):
        raise UnservedError("forbidden", "requested_by", "may not act any more: `people` of the config says active: false")
    places = places_of(asked)
    who = people.known_as(name)
    held = [role for role in LEVELS if any(who in map(people.known_as, people.holders(role, place)) for place in places)]
    if not held:
        who_may = f"here: {some_of(people, holders(people, asked))}"
        raise UnservedError(
            "forbidden", "requested_by", f"must hold a role of the initiative ({', '.join(LEVELS)}), as owner or substitute; {who_may}"
        )
    return held


def holders(people: People, asked: Asked) -> set[str]:
    """Return who holds a role where a command acts, by the name that stands for all of theirs."""
    return {people.known_as(person) for place in places_of(asked) for role in LEVELS for person in people.holders(role, place)}


def some_of(people: People, known: Iterable[str]) -> str:
    """Return who of some people may act, by the names the config uses, not too many."""
    found = sorted(people.name_of(one) or one for one in known if people.active(one))
    return ", ".join(found[:NAMED_AT_MOST]) + (" and others" if len(found) > NAMED_AT_MOST else "") or "nobody"


def places_of(asked: Asked) -> Iterable[str]:
    """Return the initiatives whose owners may ask: what is nobody's own, `*` and the monitor itself, is everybody's."""
    return asked.config.initiatives if asked.initiative in (EVERYWHERE, SYSTEM) else (asked.initiative,)


def set_availability(draft: Draft, asked: Asked, people: People) -> None:
    """Keep who is there or away, and until when."""
    command = asked.command
    assert command.person is not None, "checked on arrival"
    assert command.available is not None, "checked on arrival"
    known = holders(people, asked)
    if people.known_as(command.person) not in known:
        named = f"must be an owner or a substitute of the initiative, under any of their names; known are {some_of(people, known)}"
        raise UnservedError("unknown_person", "person", named)
    if command.until is not None and command.until <= asked.now:
        raise UnservedError("invalid_value", "until", f"must be after what is closed already, {format_instant(asked.now)}")
    say(draft, asked.initiative, people.known_as(command.person), Statement(command.available, asked.now, command.until or 0))


def sign(draft: Draft, asked: Asked, roles: list[str], watch: Watch) -> None:
    """Keep that somebody signed off an incident or a report; a report is reviewed anew and published with it."""
    command = asked.command
    target = command.report_id or command.incident_id or ""
    if command.report_id is None and draft.get(row_key(INCIDENTS, asked.initiative, target)) is None:
        raise UnservedError("unknown_incident", "incident_id", "names no incident of this initiative")
    key = row_key(SIGNATURES, asked.initiative, target)
    value = draft.get(key)
    signatures = unpack(value)[0] if value is not None else []
    if len(signatures) >= MOST_SIGNATURES:
        raise UnservedError("too_many", "report_id" if command.report_id else "incident_id", f"has {MOST_SIGNATURES} sign-offs already")
    signatures = [*signatures, [roles, command.requested_by, asked.now, command.request_id]]
    if command.report_id is not None:
        names = People(asked.config)
        signed = [Signature(tuple(held), names.name_of(person) or person, at) for held, person, at, _ in signatures]
        if not signed_off(draft, watch, asked.initiative, target, signed, asked.now, asked.config):
            known = ", ".join(reports_of(draft, asked.initiative)[:NAMED_AT_MOST]) or "none"
            raise UnservedError("unknown_report", "report_id", f"names no report of this initiative that is kept; kept are {known}")
    draft.put(key, pack(signatures))


def act(draft: Draft, asked: Asked, watch: Watch) -> None:
    """Take an incident through what somebody wishes."""
    command, now = asked.command, asked.now
    if command.incident_id is None:
        raise UnservedError("missing_field", "incident_id", f"is required: {command.command} is about an incident")
    value = draft.get(row_key(INCIDENTS, asked.initiative, command.incident_id))
    if value is None:
        raise UnservedError("unknown_incident", "incident_id", "names no incident of this initiative")
    data = unpack(value)[0]
    event = EVENTS[command.command]
    refused = following(data["state"], event).refused
    if refused is not None:
        raise UnservedError("wrong_state", "incident_id", f"the incident {refused}")
    change = change_of(command, now, data)
    try:
        if data["check"] == CHECK:
            violations = Violations(draft, asked.initiative, now, asked.config, watch)
            done = violations.act((data["key"]["channel"], data["key"]["verdict"]), command.incident_id, event, change)
        else:
            done = watch.act(data, event, change, now)
    except RefusedError as error:
        raise UnservedError("wrong_state", "incident_id", f"the incident {error}") from None
    assert done, "a living incident without its episode"


def change_of(command: Command, now: int, data: Mapping[str, Any]) -> Callable[[Episode], Episode]:
    """Return what a command writes into the incident beside its step; raises UnservedError where it may not."""
    if command.command == "silence":
        assert command.until is not None, "checked on arrival"
        until = command.until
        if not now < until <= now + LONGEST_SILENCE:
            rule = f"must be after what is closed already, {format_instant(now)}, and at most 30 days later"
            raise UnservedError("invalid_value", "until", rule)
        return lambda episode: replace(episode, silenced_until=until)
    if command.command == "log_remediation":
        if len(data["remediation"]) >= MOST_REMEDIATION:
            raise UnservedError("too_many", "incident_id", f"the incident has {MOST_REMEDIATION} remediation entries already")
        entry = {
            "id": event_id("remediation", data["incident_id"], command.request_id),
            "at": format_instant(now),
            "actor": command.requested_by,
            "action": command.note,
        }
        return lambda episode: replace(episode, remediation=(*episode.remediation, entry))
    if command.command == "resolve" and data["check"].startswith("consent_") and not data["remediation"]:
        missing = "is a consent incident, and nothing was logged that was done about it: log_remediation (`pmon incidents log`) first"
        raise UnservedError("remediation_missing", "incident_id", missing)
    return lambda episode: episode
