"""The way to a bus in memory, for programs on this machine: `POST /events` takes lines of an event file, `POST /commands` one command;
`GET /topics` and `GET /records` read, which is all that the live verbs need. Read models answer later.
"""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import web

from governance.message.command import Command
from governance.message.reading import read
from governance.message.refusal import Refusal
from streams.event_line import BrokenLineError, Line, read_line, write_line
from streams.kernel.pending import TICKS
from streams.transport.bus import AppendError, BusError, Place, TooLargeError
from streams.web.guard import refused
from streams.web.site import Door, Site

BODY_BYTES = 8 << 20
COMMAND_BYTES = 64 << 10
READ_BYTES = 1 << 20  # of one answer to `GET /records`; the reader asks on
LONGEST_WAIT_S = 30.0
ELSEWHERE = "this worker's bus is a broker: send to its topics; only a bus in memory (PMON_BROKER=mem://) is sent to here"
JSON_LINES = "application/x-ndjson"


async def events(request: web.Request, site: Site) -> web.Response:
    """Append JSON Lines; answer one line for each: where it landed, or what is wrong with it; what is right is taken all the same."""
    door = opened(request, site)
    if isinstance(door, web.Response):
        return door
    answers: list[dict[str, Any]] = []
    lines: list[tuple[int, Line]] = []
    for number, text in enumerate((await request.read()).splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = _line(text, door)
        except BrokenLineError as error:
            answers.append({"line": number, "ok": False, "error": {"code": "broken_line", "field": None, "message": str(error)}})
            continue
        lines.append((number, line))
    try:
        landed = await door.append([line for _, line in lines]) if lines else ()
    except TooLargeError as error:
        return refused(413, str(error))
    except AppendError as error:
        return refused(503, str(error))
    for (number, _), (partition, offset) in zip(lines, landed, strict=True):
        answers.append({"line": number, "ok": True, "partition": partition, "offset": offset})
    answers.sort(key=lambda answer: answer["line"])
    body = b"".join(orjson.dumps(answer) + b"\n" for answer in answers)
    status = 200 if len(lines) == len(answers) else 207 if lines else 400
    return web.Response(body=body, status=status, content_type=JSON_LINES)


def _line(text: bytes, door: Door) -> Line:
    line = read_line(text)
    if line.topic not in door.taken:
        raise BrokenLineError(f"topic must be one of {', '.join(sorted(door.taken))}")
    if line.partition is not None and line.partition >= door.partitions:
        raise BrokenLineError(f"partition must be below {door.partitions}")
    if line.topic == TICKS and isinstance(read(TICKS, line.key, line.value or b""), Refusal):
        raise BrokenLineError("a tick must hold at, ends and drain")
    return line


def opened(request: web.Request, site: Site) -> Door | web.Response:
    """Return the way to the bus, or the refusal: nobody from another machine is let in, it has no other guard than that."""
    if site.door is None:
        return refused(405, ELSEWHERE)
    try:
        near = ip_address(request.remote or "").is_loopback
    except ValueError:
        near = False
    return site.door if near else refused(403, "the bus in memory is sent to and read from this machine only")


async def topics(request: web.Request, site: Site) -> web.Response:
    """Describe the topics named by `?topic=`, each by its name on the bus, with the ends of its partitions."""
    door = opened(request, site)
    if isinstance(door, web.Response):
        return door
    there = await door.bus.describe(request.query.getall("topic", []))
    found = []
    for topic in there.values():
        places = [(topic.name, number) for number in range(topic.partitions)]
        ends = await door.bus.ends(places)
        found.append({**asdict(topic), "ends": [ends[place] for place in places]})
    return web.json_response({"topics": found})


async def records(request: web.Request, site: Site) -> web.Response:
    """Return records as lines of an event file, topics by their names on the bus: from each `?from=TOPIC:PARTITION:OFFSET` on.

    Waits at most `?wait=SECONDS` for the first one. An empty answer means that there is none.
    """
    door = opened(request, site)
    if isinstance(door, web.Response):
        return door
    starts: dict[Place, int] = {}
    for text in request.query.getall("from", []):
        topic, partition, offset = [*text.split(":"), "", ""][:3]
        if not (partition.isdecimal() and offset.isdecimal()):
            return refused(400, "from must be TOPIC:PARTITION:OFFSET")
        starts[topic, int(partition)] = int(offset)
    wait = request.query.get("wait", "0")
    if not wait.replace(".", "", 1).isdecimal() or float(wait) > LONGEST_WAIT_S:
        return refused(400, f"wait must be seconds, 0 to {LONGEST_WAIT_S:.0f}")
    body = bytearray()
    try:
        async with aclosing(door.bus.follow(starts, float(wait))) as batches:
            async for batch in batches:
                for record in batch:
                    body += write_line(record)
                    if len(body) > READ_BYTES:
                        break
                break
    except BusError as error:
        return refused(404, str(error))
    return web.Response(body=bytes(body), content_type=JSON_LINES)


async def commands(request: web.Request, site: Site) -> web.Response:
    """Append one command; the answer stands under `/reports/<request id>` once it is given."""
    door = opened(request, site)
    if isinstance(door, web.Response):
        return door
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
    await door.append([Line("monitor-commands", None, None, None, command.requested_at, key, value)])
    return web.json_response({"request_id": command.request_id, "answer": f"/reports/{command.request_id}"}, status=202)


def _initiative(value: bytes) -> bytes | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    name = found.get("initiative") if isinstance(found, Mapping) else None
    return name.encode() if isinstance(name, str) else None
