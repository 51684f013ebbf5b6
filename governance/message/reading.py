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

__all__ = ["MODELS", "Message", "Refusal", "decode", "read"]

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
UNIQUE_KEYS = frozenset({CONSENT, RULES, COMMANDS})

LARGEST_BYTES = 256 * 1024
LARGEST_CONFIG_BYTES = 1024 * 1024  # our own message, and as large as the config file may be
DEEPEST = 32
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # the end is optional, so that no input is scanned twice
NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
REQUEST_ID = TypeAdapter[str](MachineId)
INITIATIVE = TypeAdapter[str](Name)


class _RepeatedError(Exception):
    """An object of the message has one key twice."""


def read(topic: str, key: bytes | None, value: bytes) -> Message | Refusal:
    """Return the message of a topic, or why it is refused. Topic names are the plain ones; any other is a KeyError."""
    content = decode(topic, value)
    if isinstance(content, Refusal):
        return content
    result = _validated(MODELS[topic], content)
    if not isinstance(result, Refusal):
        result = _keyed(result, key)
    if topic == COMMANDS and isinstance(result, Refusal):
        return _answerable(result, content)
    return result


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
    if topic in UNIQUE_KEYS and (repeated := _repeated(value)) is not None:
        return Refusal("duplicate_key", repeated if repeated in MODELS[topic].model_fields else None)
    if not isinstance(content, dict):
        return Refusal("invalid_value", message="the message must be one JSON object")
    return cast(dict[str, Any], content)


def _validated(model: type[Message], content: dict[str, Any]) -> Message | Refusal:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        return refusal_of(error, content)


def _keyed(message: Message, key: bytes | None) -> Message | Refusal:
    """Return the message if its record has the key that brings it to the right partition."""
    if isinstance(message, Engagement | ConsentEvent):
        field, right = "subject_id", message.subject_id
        if isinstance(message, Engagement) and message.type == "tally":
            return message
    elif isinstance(message, RuleChange | Command):
        field, right = "initiative", message.initiative
    else:
        return message
    if right is not None and key == right.encode():
        return message
    return Refusal("key_mismatch", field, message=f"the key of the record must be its {field}")


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
    brackets = STRING.sub(b"", value).translate(None, NO_BRACKET)
    return max(accumulate(map(STEP.__getitem__, brackets)), default=0)


def _repeated(value: bytes) -> str | None:
    """Return a key that some object of the JSON text has twice, None where there is none."""
    try:
        json.loads(value.decode(), object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except _RepeatedError as repeated:
        return str(repeated)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _RepeatedError(name)
        seen.add(name)
