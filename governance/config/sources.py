"""Records of topics that people already have, made into ours: a field comes from a path in the record or is a constant.

A path is keys joined by dots, a number for a place in a list: `user.id`, `items.0.sku`. A field of ours without a mapping is
taken as it stands under its own name; a path that leads nowhere leaves the field out, and reading says what is missing.
"""

from typing import Any

import orjson

from governance.config.section import Constant, Source
from governance.message.reading import MODELS, decode
from governance.message.refusal import Refusal

_ABSENT = object()


def map_record(source: Source, value: bytes) -> bytes | Refusal:
    """Return the record as a message of the topic the source stands for, its fields unchecked, or why it cannot be read."""
    content = decode(source.as_, value)
    if isinstance(content, Refusal):
        return content
    mapped = {}
    for name in MODELS[source.as_].model_fields:
        found = _found(source, content, name)
        if found is not _ABSENT:
            mapped[name] = found
    return orjson.dumps(mapped)


def _found(source: Source, content: dict[str, Any], name: str) -> Any:
    rule = source.map.get(name)
    if rule is None:
        return content.get(name, _ABSENT)
    if isinstance(rule, Constant):
        return rule.const
    return _at(content, rule)


def _at(content: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(content, dict):
            content = content.get(part, _ABSENT)
        elif isinstance(content, list) and part.isdecimal() and part.isascii() and len(part) < 6 and int(part) < len(content):
            content = content[int(part)]
        else:
            return _ABSENT
    return content
