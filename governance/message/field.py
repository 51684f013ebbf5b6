"""The kinds of field a message is made of, with the limits of design §15, and the two shapes of message.

Refused in every name: control characters, line and paragraph separators, bidirectional overrides and the byte-order
mark. They have no place in a name and every view would have to fight them. Lone surrogates are no JSON at all.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

LONGEST_ID = 128
LONGEST_TEXT = 4_096
MOST_ITEMS = 1_000
LARGEST_COUNT = 2**53  # integers up to here survive every JSON reader
LARGEST_NUMBER = 1e12
LARGEST_AMOUNT = 10**12
NAME_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]*$"
RESERVED = re.compile(r"\*|_system|__other__[0-9]*")  # initiatives of the monitor's own: all of them, itself, what had no room
MACHINE_ID_PATTERN = r"^[A-Za-z0-9._:/-]+$"
TEXT_PATTERN = r"^[^\u0000]*$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=NAME_PATTERN)]
MachineId = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=MACHINE_ID_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Amount = Annotated[int, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)]
Number = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
# strict=False on the tuple alone: JSON has only lists, a frozen message holds tuples, the items stay strict.
Names = Annotated[tuple[Name, ...], Field(max_length=MOST_ITEMS, strict=False)]
MachineIds = Annotated[tuple[MachineId, ...], Field(max_length=MOST_ITEMS, strict=False)]


def not_reserved(initiative: str) -> str:
    """Return the initiative an event names; raises PydanticCustomError for a name of the monitor's own."""
    if initiative[0] in "_*" and RESERVED.fullmatch(initiative):
        raise PydanticCustomError("reserved_name", "must be a name of the program's own: this one is the monitor's")
    return initiative


InitiativeName = Annotated[Name, AfterValidator(not_reserved), Field(json_schema_extra={"not": {"pattern": f"^({RESERVED.pattern})$"}})]


class Incoming(BaseModel):
    """A message others write: no coercion, unknown fields left aside, never changed after it was read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Outgoing(BaseModel):
    """A message we write: exactly its fields, so that a misspelt one is found before a consumer does."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


def missing(field: str) -> PydanticCustomError:
    """Return the error of a field that this message needs although others of its kind do not."""
    return PydanticCustomError("missing_field", "is required here", {"field": field})


def invalid(field: str, rule: str) -> PydanticCustomError:
    """Return the error of a field that contradicts another; `rule` says what would be right."""
    return PydanticCustomError("invalid_value", "{rule}", {"field": field, "rule": rule})


def needs(field: str, values: Iterable[str], needed: Sequence[str]) -> JsonValue:
    """Return the JSON Schema rule that a message whose `field` has one of the values must have the needed fields, not null."""
    return when(field, values, {"required": [*needed], "properties": {name: {"not": {"type": "null"}} for name in needed}})


def when(field: str, values: Iterable[str], rule: JsonValue) -> JsonValue:
    """Return the JSON Schema rule that holds for a message whose `field` has one of the values."""
    return {"if": {"required": [field], "properties": {field: {"enum": [*sorted(values)]}}}, "then": rule}
