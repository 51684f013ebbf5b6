"""The canonical bytes of a report: one JSON document, keys sorted, UTF-8, no spaces."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson


def dumps(report: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Return the canonical bytes of a report, or of one table of it; equal ones have equal bytes."""
    return orjson.dumps(report, option=orjson.OPT_SORT_KEYS)


def digest(report: Mapping[str, Any]) -> str:
    """Return the sha256 of the canonical bytes, in hex."""
    return sha256(dumps(report)).hexdigest()
