"""What a person does on the page: sign in and out, and ask the monitor to acknowledge, resolve, log or silence.

Every one is a form, so that it works without script, and every answer leads back to the page. What is asked goes on the bus as a command;
the page shows the answer to it when it comes.

POST /sign-in   name, token                                    ─► a session cookie
POST /sign-out  form_token
POST /actions   form_token, command, incident_id, note, hours  ─► a record of `monitor-commands`
"""

import hmac
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import orjson
from aiohttp import web

from detectors.window import HOUR
from governance.identity import event_id
from governance.message.command import Command
from governance.message.instant import format_instant
from governance.message.reading import read
from governance.message.refusal import Refusal
from streams.event_line import Line
from streams.web.guard import refused
from streams.web.operators import SESSION_S, Viewer
from streams.web.site import Site

COOKIE: Final = "pmon_session"
COMMANDS: Final = frozenset({"acknowledge", "resolve", "log_remediation", "silence"})
FORM_BYTES = 16 << 10
PROBLEMS: Final = {  # by the word that stands in the address: nothing of a request is shown again
    "token": "No operator has that name and token.",
    "session": "Nobody is signed in any more: sign in, then ask again.",
    "note": "A note is needed: what was done about it.",
    "wrong": "That is not a command this page has.",
}
Fields = Mapping[str, str]


def viewer(request: web.Request, site: Site) -> Viewer | None:
    """Return who is signed in."""
    return site.operators.viewer(request.cookies.get(COOKIE), int(time.time()))


async def sign_in(request: web.Request, site: Site) -> web.Response:
    """Begin a session for who has that name and token."""
    fields = await _fields(request)
    if isinstance(fields, web.Response):
        return fields
    person = site.operators.admitted(fields.get("name", "").strip(), fields.get("token", "").strip())
    if person is None:
        return _back(fields, problem="token")
    response = _back(fields)
    cookie = site.operators.session(person, int(time.time()))
    response.set_cookie(COOKIE, cookie, max_age=SESSION_S, path="/", httponly=True, samesite="Strict", secure=request.secure)
    return response


async def sign_out(request: web.Request, site: Site) -> web.Response:
    """End the session in this browser."""
    fields = await _fields(request)
    if isinstance(fields, web.Response):
        return fields
    if not _ours(fields, viewer(request, site)):
        return _back(fields, problem="session")
    response = _back(fields)
    response.del_cookie(COOKIE, path="/")
    return response


async def act(request: web.Request, site: Site) -> web.Response:
    """Put a command on the bus in the name of who is signed in."""
    fields = await _fields(request)
    if isinstance(fields, web.Response):
        return fields
    if site.ask is None:
        return refused(405, "this worker cannot send commands: send them to the topic monitor-commands")
    person = viewer(request, site)
    if person is None or not _ours(fields, person):
        return _back(fields, problem="session")
    if fields.get("command") == "log_remediation" and not fields.get("note", "").strip():
        return _back(fields, problem="note")
    line = line_of(fields, person.person, site.now())
    if line is None:
        return _back(fields, problem="wrong")
    await site.ask(line)
    return _back(fields, asked=orjson.loads(line.value or b"{}")["request_id"])


def line_of(fields: Fields, person: str, now: int) -> Line | None:
    """Return the record that asks what a form says, None where it is no command; the same form sent twice at once is done once."""
    name, initiative, incident = (fields.get(part, "") for part in ("command", "initiative", "incident_id"))
    note, hours, step = fields.get("note", "").strip(), fields.get("hours", ""), fields.get("step", "")
    if name == "log_remediation" and step.isdecimal() and len(step) < 3:
        note = f"Step {int(step)}: {note}"  # as the playbook's steps are found again
    if name not in COMMANDS:
        return None
    value = {
        "request_id": event_id("page", name, initiative, incident, person, note, hours, now),
        "command": name,
        "requested_at": format_instant(now),
        "requested_by": person,
        "initiative": initiative,
        "incident_id": incident,
    }
    if note:
        value["note"] = note
    if name == "silence":
        value["until"] = format_instant(now + (int(hours) if hours.isdecimal() and len(hours) < 4 else 0) * HOUR)
    key, body = initiative.encode(), orjson.dumps(value)
    command = read("monitor-commands", key, body)
    if isinstance(command, Refusal):
        return None
    assert isinstance(command, Command)
    return Line("monitor-commands", None, None, None, now, key, body)


async def _fields(request: web.Request) -> Fields | web.Response:
    if request.content_type != "application/x-www-form-urlencoded":
        return refused(415, "send a form as application/x-www-form-urlencoded")
    if (request.content_length or 0) > FORM_BYTES:
        return refused(413, f"a form has at most {FORM_BYTES} bytes")
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _ours(fields: Fields, person: Viewer | None) -> bool:
    return person is not None and hmac.compare_digest(fields.get("form_token", "").encode(), person.form_token.encode())


def _back(fields: Fields, **told: str) -> web.Response:
    """Lead back to the page the form stood on."""
    place = {name: fields[name] for name in ("initiative", "open") if fields.get(name)}
    return web.Response(status=303, headers={"Location": f"/?{urlencode({**place, **told})}"})
