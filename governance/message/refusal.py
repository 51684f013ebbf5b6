"""Why a message was not taken: a code, where in it, and never what it said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from governance.message.field import MACHINE_ID_PATTERN, NAME_PATTERN, TEXT_PATTERN

RefusalCode = Literal[
    "not_json", "too_large", "too_deep", "duplicate_key", "missing_field", "invalid_value", "unknown_type", "key_mismatch", "in_future"
]

FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
FREE_MAPPING = "ends"  # its keys are content
SUBJECT = re.compile(r"^\w+ should ")
PATTERNS = {
    NAME_PATTERN: "must be printable text",
    MACHINE_ID_PATTERN: "must consist of letters, digits and . _ : / -",
    TEXT_PATTERN: "must not contain NUL",
}
RULES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_unicode": "must be text without lone surrogates",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message refused: `path` like `decision_path[2]`, `message` what would be right; the ids only where a command can be answered."""

    code: RefusalCode
    path: str | None = None
    request_id: str | None = None
    initiative: str | None = None
    message: str | None = None


def refusal_of(error: ValidationError, content: Mapping[str, Any]) -> Refusal:
    """Return the one refusal of an invalid message.

    Of several faults the one that explains most is named: an unknown engagement type, then a missing field, then an
    invalid one; among equals the first in the order of the model's fields.
    """
    found = [_refusal(detail, content) for detail in error.errors(include_url=False, include_input=False)]
    return min(found, key=lambda refusal: ("unknown_type", "missing_field", "invalid_value").index(refusal.code))


def path_of(parts: tuple[str | int, ...]) -> str | None:
    """Return a JSON path such as `decision_path[2]`, None for the message itself; it ends where keys are content."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif FIELD_NAME.fullmatch(part):
            path += f".{part}" if path else part
        if path == FREE_MAPPING:
            break
    return path or None


def rule_of(detail: Mapping[str, Any]) -> str:
    """Return what would be right as "must …", from pydantic's words, which state the rule and never the value."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error" and " or " in context["expected"]:
        return f"must be one of {context['expected']}"
    known = RULES.get(kind) or PATTERNS.get(context.get("pattern"))
    return known or SUBJECT.sub("must ", str(detail["msg"]).removeprefix("Value error, "))


def _refusal(detail: Mapping[str, Any], content: Mapping[str, Any]) -> Refusal:
    kind = detail["type"]
    path = detail.get("ctx", {}).get("field") or path_of(detail["loc"])
    if kind in ("missing", "missing_field"):
        return Refusal("missing_field", path, message=f"{path} is required")
    unknown = path == "type" and kind == "literal_error" and isinstance(content.get("type"), str)
    return Refusal("unknown_type" if unknown else "invalid_value", path, message=f"{path} {rule_of(detail)}")
