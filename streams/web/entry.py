"""The way in on a bus in memory: `POST /events` takes lines of an event file, `POST /commands` one command. Read models answer later."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from governance.message.command import Command
from governance.message.reading import read
from governance.message.refusal import Refusal
from streams.event_line import BrokenLineError, Line, read_line
from streams.web.guard import refused
from streams.web.site import Site

BODY_BYTES = 8 << 20
COMMAND_BYTES = 64 << 10
TAKEN = ("engagement-events", "consent-events", "rule-changes", "monitor-commands")
ELSEWHERE = "this worker's bus is a broker: send to its topics; only a bus in memory (PMON_BROKER=mem://) is sent to here"
JSON_LINES = "application/x-ndjson"


async def events(request: web.Request, site: Site) -> web.Response:
    """Append JSON Lines; answer one line for each: where it landed, or what is wrong with it; what is right is taken all the same."""
    if site.append is None:
        return refused(405, ELSEWHERE)
    answers: list[dict[str, Any]] = []
    lines: list[tuple[int, Line]] = []
    for number, text in enumerate((await request.read()).splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = _line(text)
        except BrokenLineError as error:
            answers.append({"line": number, "ok": False, "error": {"code": "broken_line", "field": None, "message": str(error)}})
            continue
        lines.append((number, line))
    landed = await site.append([line for _, line in lines]) if lines else ()
    for (number, _), (partition, offset) in zip(lines, landed, strict=True):
        answers.append({"line": number, "ok": True, "partition": partition, "offset": offset})
    answers.sort(key=lambda answer: answer["line"])
    body = b"".join(orjson.dumps(answer) + b"\n" for answer in answers)
    status = 200 if len(lines) == len(answers) else 207 if lines else 400
    return web.Response(body=body, status=status, content_type=JSON_LINES)


def _line(text: bytes) -> Line:
    line = read_line(text)
    if line.topic not in TAKEN:
        raise BrokenLineError(f"topic must be one of {', '.join(TAKEN)}")
    return line


async def commands(request: web.Request, site: Site) -> web.Response:
    """Append one command; the answer stands under `/reports/<request id>` once it is given."""
    if site.append is None:
        return refused(405, ELSEWHERE)
    if request.content_type != "application/json":
        return refused(415, "send one command as application/json")
    if (request.content_length or 0) > COMMAND_BYTES:
        return refused(413, f"a command has at most {COMMAND_BYTES} bytes")
    value = await request.read()
    key = _initiative(value)
    command = read("monitor-commands", key, value)
    if isinstance(command, Refusal):
        problem = {"code": command.code, "field": command.path, "message": command.message or f"is refused: {command.code}"}
        return web.json_response({"error": problem}, status=400)
    assert isinstance(command, Command)
    await site.append([Line("monitor-commands", None, None, None, command.requested_at, key, value)])
    return web.json_response({"request_id": command.request_id, "answer": f"/reports/{command.request_id}"}, status=202)


def _initiative(value: bytes) -> bytes | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    name = found.get("initiative") if isinstance(found, Mapping) else None
    return name.encode() if isinstance(name, str) else None
