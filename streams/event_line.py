"""One line of an event file: a record of the bus as one JSON object. The payload's own bytes are kept, never written anew.

    {"topic":"engagement-events","key":"u-9","timestamp":1763805600123,"value":{"event_id":"e-1"}}

Kept as they are, because a payload that names a field twice must reach the check that refuses it, and the hash in its dead
letter is of the bytes that were sent. So the text of `value` is cut out of the line instead of being decoded and encoded.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from governance.message.instant import END_MS, parse_instant
from streams.kernel.record import Record

OwnTime = Callable[[str, Any], int | None]

OWN_TIME = {"monitor-commands": "requested_at", "ticks": "at", "monitor-config": None}  # any other topic: occurred_at
LARGEST_OFFSET = 2**53 - 2  # what lies behind it is still a whole number to every JSON reader
DEEPEST = 32  # what a message may have; deeper ones need only be recognisable as JSON, to be refused by their own name

VALUE = re.compile(rb'"value"\s*:\s*')
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s"{}\[\],:]++|"')
DECODER = json.JSONDecoder()
CLOSING = {b"}": b"{", b"]": b"["}


class BrokenLineError(ValueError):
    """A line is no record; the message says what would be, and holds nothing of the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record as written: what the line leaves out is None, `own_time` (ms) is the payload's where it is valid."""

    topic: str
    partition: int | None
    offset: int | None
    timestamp: int | None
    own_time: int | None
    key: bytes | None
    value: bytes | None


def own_time(topic: str, payload: Any) -> int | None:
    """Return the time (ms) that the payload of a plain topic gives for itself, None where it has no valid one."""
    name = OWN_TIME.get(topic, "occurred_at")
    if name is None or not isinstance(payload, dict):
        return None
    try:
        return parse_instant(payload.get(name))
    except ValueError:
        return None


def read_line(text: bytes, own_time: OwnTime = own_time) -> Line:
    """Return the record of one line; raises BrokenLineError."""
    envelope, value, payload = _envelope(text)
    topic = envelope.get("topic")
    if not isinstance(topic, str) or not topic:
        raise BrokenLineError("topic must be a text")
    if not isinstance(envelope.get("headers"), dict | list | None):
        raise BrokenLineError("headers must be an object or a list")
    if "value_base64" in envelope:
        value = _bytes(envelope, "value_base64")
        payload = None
    return Line(
        topic=topic,
        partition=_integer(envelope, "partition", 2**31 - 1),
        offset=_integer(envelope, "offset", LARGEST_OFFSET),
        timestamp=_integer(envelope, "timestamp", END_MS - 1),
        own_time=own_time(topic, payload),
        key=_key(envelope),
        value=value,
    )


def write_line(record: Record) -> bytes:
    """Return the line of a record, newline included; reading it gives the record back, byte for byte."""
    head: dict[str, Any] = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    if record.key is None or _is_utf8(record.key):
        head["key"] = None if record.key is None else record.key.decode()
    else:
        head["key_base64"] = base64.b64encode(record.key).decode()
    head["timestamp"] = record.timestamp
    if record.value is not None and not _stands_as_it_is(record.value):
        return orjson.dumps(head | {"value_base64": base64.b64encode(record.value).decode()}) + b"\n"
    return orjson.dumps(head)[:-1] + b',"value":' + (b"null" if record.value is None else record.value) + b"}\n"


def _envelope(text: bytes) -> tuple[dict[str, Any], bytes | None, Any]:
    """Return the members of a line without `value`, and the bytes of `value` with what they decode to."""
    quick = _value_last(text) or _value_inside(text)
    if quick is not None:
        return quick
    members = _members(text)
    raw = members.pop(b'"value"', None)
    try:
        envelope = orjson.loads(b"{" + b",".join(name + b":" + value for name, value in members.items()) + b"}")
    except orjson.JSONDecodeError:
        raise BrokenLineError("must be one JSON object") from None
    if (raw is None) == ("value_base64" not in envelope):
        raise BrokenLineError("must hold either value or value_base64")
    if raw is None:
        return envelope, None, None
    payload = _decoded(raw)
    return envelope, None if raw == b"null" else raw, payload


def _value_last(text: bytes) -> tuple[dict[str, Any], bytes | None, Any] | None:
    """Return the same as `_envelope` where `value` stands last, as nearly every writer puts it; None otherwise.

    If what stands before it, closed by a null, is an object, and what stands behind it, less the last brace, is JSON,
    then the two are what the line holds.
    """
    found = VALUE.search(text)
    body = text.rstrip()
    if found is None or not body.endswith(b"}") or b'"value"' in text[: found.start()]:
        return None
    raw = body[found.end() : -1].rstrip()
    try:
        envelope = orjson.loads(text[: found.end()] + b"null}")
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(envelope, dict) or "value" not in envelope or "value_base64" in envelope:
        return None
    return envelope, None if raw == b"null" else raw, payload


def _value_inside(text: bytes) -> tuple[dict[str, Any], bytes | None, Any] | None:
    """Return the same as `_envelope` where other members follow `value`; None where it cannot be told quickly.

    The standard library's decoder says where the value ends; what is left with a null in its place must be an object.
    """
    found = VALUE.search(text)
    if found is None or b'"value"' in text[: found.start()]:
        return None
    try:
        behind = text[found.end() :].decode()
        _, end = DECODER.raw_decode(behind)
        raw, rest = behind[:end].encode(), behind[end:].encode()
        envelope = orjson.loads(text[: found.end()] + b"null" + rest)
        payload = orjson.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(envelope, dict) or "value" not in envelope or "value_base64" in envelope or b'"value"' in rest:
        return None
    return envelope, None if raw == b"null" else raw, payload


def _members(text: bytes) -> dict[bytes, bytes]:
    """Return name and value of each member of the object in `text`, as written; checks nesting and no more.

    Walks the tokens without recursion and keeps none, so that a payload nested a million deep is still a payload.
    """
    members: dict[bytes, bytes] = {}
    brackets = bytearray()
    name, colon, start, end, closed = b"", False, -1, -1, False
    for place, token in enumerate(TOKEN.finditer(text)):
        mark = token[0]
        if place == 0 and mark == b"{":
            continue
        if place == 0 or closed:
            raise BrokenLineError("must be one JSON object")
        if not brackets and mark in (b",", b"}"):
            if start < 0 or name in members:
                raise BrokenLineError("must be one JSON object that names each member once")
            members[name] = text[start:end]
            name, colon, start, closed = b"", False, -1, mark == b"}"
        elif not name:
            name = mark
        elif not colon:
            colon = mark == b":"
            if not colon:
                raise BrokenLineError("must be one JSON object")
        else:
            start, end = (token.start() if start < 0 else start), token.end()
            _follow(brackets, mark)
    if not closed:
        raise BrokenLineError("must be one JSON object")
    return members


def _follow(brackets: bytearray, mark: bytes) -> None:
    if mark in (b"{", b"["):
        brackets += mark
    elif mark in CLOSING and (not brackets or brackets.pop() != CLOSING[mark][0]):
        raise BrokenLineError("must be one JSON object")


def _decoded(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        if _depth(raw) > DEEPEST:
            return None  # too deep to decode, and refused for that further on
        raise BrokenLineError("value must be JSON, else value_base64") from None


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for token in TOKEN.finditer(raw):
        depth += (token[0] in (b"{", b"[")) - (token[0] in CLOSING)
        deepest = max(deepest, depth)
    return deepest


def _integer(envelope: dict[str, Any], name: str, largest: int) -> int | None:
    value = envelope.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise BrokenLineError(f"{name} must be an integer from 0 to {largest}")
    return value


def _key(envelope: dict[str, Any]) -> bytes | None:
    if "key_base64" in envelope:
        return _bytes(envelope, "key_base64")
    key = envelope.get("key")
    if key is not None and not isinstance(key, str):
        raise BrokenLineError("key must be a text or null")
    return None if key is None else key.encode()


def _bytes(envelope: dict[str, Any], name: str) -> bytes:
    text = envelope[name]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise BrokenLineError(f"{name} must be base64") from None


def _stands_as_it_is(value: bytes) -> bool:
    """Whether the bytes can be cut out of a line again just as they are."""
    if value == b"null" or value != value.strip() or b"\n" in value or b"\r" in value:
        return False
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
