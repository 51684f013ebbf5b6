"""From the bytes of a topic to a message or a refusal; nothing in the bytes can make it raise.

The order of checks: size, JSON, depth, duplicate keys (where a second key could smuggle consent or a rule), fields, key.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any, TypeAlias, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from governance.message.command import Command
from governance.message.config_record import ConfigRecord
from governance.message.consent import ConsentEvent
from governance.message.engagement import Engagement
from governance.message.field import MachineId, Name
from governance.message.refusal import Refusal, refusal_of
from governance.message.rule_change import RuleChange
from governance.message.tick import Tick

__all__ = ["MODELS", "Message", "Refusal", "decode", "read", "understood"]

Message: TypeAlias = Engagement | ConsentEvent | RuleChange | Command | ConfigRecord | Tick

ENGAGEMENT = "engagement-events"
CONSENT = "consent-events"
RULES = "rule-changes"
COMMANDS = "monitor-commands"
CONFIG = "monitor-config"
TICKS = "ticks"
MODELS: Mapping[str, type[Message]] = {
    ENGAGEMENT: Engagement,
    CONSENT: ConsentEvent,
    RULES: RuleChange,
    COMMANDS: Command,
    CONFIG: ConfigRecord,
    TICKS: Tick,
}
KEY_FIELD = {ENGAGEMENT: "subject_id", CONSENT: "subject_id", RULES: "initiative", COMMANDS: "initiative"}
UNIQUE_KEYS = frozenset({CONSENT, RULES, COMMANDS})

LARGEST_BYTES = 256 * 1024
LARGEST_CONFIG_BYTES = 1024 * 1024  # our own message, and as large as the config file may be
DEEPEST = 32
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # the end is optional, so that no input is scanned twice
NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # read as signed bytes: +1 and -1
REQUEST_ID = TypeAdapter[str](MachineId)
INITIATIVE = TypeAdapter[str](Name)


class _RepeatedError(Exception):
    """An object of the message has one key twice."""


def read(topic: str, key: bytes | None, value: bytes) -> Message | Refusal:
    """Return the message of a topic, or why it is refused. Topic names are the plain ones; any other is a KeyError."""
    content = decode(topic, value)
    return content if isinstance(content, Refusal) else understood(topic, key, content)


def understood(topic: str, key: bytes | None, content: dict[str, Any]) -> Message | Refusal:
    """Return the message that the decoded object of a topic is, or why its fields or its key are refused."""
    try:
        # The validator itself: `model_validate` around it costs a tenth of a read.
        message: Message = MODELS[topic].__pydantic_validator__.validate_python(content)
    except ValidationError as error:
        refusal = refusal_of(error, content)
    else:
        field = KEY_FIELD.get(topic)
        if field is None or _keyed(message, field, key):
            return message
        refusal = Refusal("key_mismatch", field, message=f"the key of the record must be its {field}")
    return _answerable(refusal, content) if topic == COMMANDS else refusal


def decode(topic: str, value: bytes) -> dict[str, Any] | Refusal:
    """Return the JSON object that the bytes of a topic are, its fields unchecked, or why they are none we take."""
    if len(value) > (LARGEST_CONFIG_BYTES if topic == CONFIG else LARGEST_BYTES):
        return Refusal("too_large")
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # What stands before the fault is JSON so far; the decoder itself gives up at a depth of 1024.
        return Refusal("too_deep" if _depth(value[: error.pos]) > DEEPEST else "not_json")
    if value.count(b"[") + value.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
        return Refusal("too_deep")
    if topic in UNIQUE_KEYS and not _evidently_unique(value, content) and (repeated := _repeated(value)) is not None:
        return Refusal("duplicate_key", repeated if repeated in MODELS[topic].model_fields else None)
    if not isinstance(content, dict):
        return Refusal("invalid_value", message="the message must be one JSON object")
    return cast(dict[str, Any], content)


def _keyed(message: Message, field: str, key: bytes | None) -> bool:
    """Return whether the record has the key that brings it to its partition; a tally's key is free."""
    right = getattr(message, field)
    return right is None or key == right.encode() or (isinstance(message, Engagement) and message.type == "tally")


def _answerable(refusal: Refusal, content: Mapping[str, Any]) -> Refusal:
    """Return the refusal with the ids that an answer needs, where both can be read."""
    try:
        request_id = REQUEST_ID.validate_python(content.get("request_id"), strict=True)
        initiative = INITIATIVE.validate_python(content.get("initiative"), strict=True)
    except ValidationError:
        return refusal
    return replace(refusal, request_id=request_id, initiative=initiative)


def _depth(value: bytes) -> int:
    """Return how deep arrays and objects are nested in JSON or the beginning of JSON."""
    brackets = STRING.sub(b"", value).translate(STEPS, NO_BRACKET)
    return max(accumulate(memoryview(brackets).cast("b")), default=0)


def _evidently_unique(value: bytes, content: Any) -> bool:
    """Return whether a flat object names each key once, where that is quickly seen; False says nothing.

    Without escapes and without blanks before a colon `":` stands behind the name of every member, so there are at most as many members
    as that is found; and there are at least as many as the object has keys.
    """
    if value.count(b"{") != 1 or b"\\" in value or b" :" in value or b"\t:" in value or b"\n:" in value or b"\r:" in value:
        return False
    return isinstance(content, dict) and value.count(b'":') == len(content)


def _repeated(value: bytes) -> str | None:
    """Return a key that some object of the JSON text has twice, None where there is none."""
    try:
        json.loads(value.decode(), object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except _RepeatedError as repeated:
        return str(repeated)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _RepeatedError(name)
        seen.add(name)
