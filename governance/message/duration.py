"""A length of time as people write it: `90s`, `5m`, `1h`, `14d` or ISO 8601 `P7D`, `PT15M`; integer milliseconds inside.

Months and years are refused: they have no fixed length.
"""

import re
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
SHORT = re.compile(r"(\d{1,12})(ms|s|m|h|d|w)", re.ASCII)
ISO_8601 = re.compile(r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII)
LONGEST_MS = 3_660 * UNITS_MS["d"]  # ten years: far above any retention, far below any overflow
SHAPE = "must be a duration such as 30s, 5m, 1h, 7d or P7D"
PATTERN = r"^(\d{1,12}(ms|s|m|h|d|w)|P(?=[0-9T])(\d{1,6}W)?(\d{1,6}D)?(T(?=\d)(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}S)?)?)$"


def parse_duration(text: object) -> int:
    """Return the milliseconds of a duration text; zero is allowed, ten years the most. Raises ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError(SHAPE)
    duration = _milliseconds(text)
    if duration > LONGEST_MS:
        raise ValueError("must be at most 3660d")
    return duration


def format_duration(duration_ms: int) -> str:
    """Return the shortest exact text in one unit; hours up to 48 (`24h`, not `1d`), as the config is written."""
    if duration_ms == 0:
        return "0s"
    if duration_ms % UNITS_MS["d"] == 0 and duration_ms > 2 * UNITS_MS["d"]:
        return f"{duration_ms // UNITS_MS['d']}d"
    unit = next(unit for unit in ("h", "m", "s", "ms") if duration_ms % UNITS_MS[unit] == 0)
    return f"{duration_ms // UNITS_MS[unit]}{unit}"


def _milliseconds(text: str) -> int:
    if short := SHORT.fullmatch(text):
        return int(short[1]) * UNITS_MS[short[2]]
    iso = ISO_8601.fullmatch(text)
    if iso is None or not any(iso.groups()):
        raise ValueError(SHAPE)
    return sum(int(count) * UNITS_MS[unit] for count, unit in zip(iso.groups(), "wdhms", strict=True) if count)


def _any_length(value: Any) -> int:
    return parse_duration(value)


def _some_length(value: Any) -> int:
    duration = parse_duration(value)
    if duration == 0:
        raise ValueError("must be longer than zero")
    return duration


_TEXT = PlainSerializer(format_duration, return_type=str)
_SCHEMA = WithJsonSchema({"type": "string", "pattern": PATTERN, "description": "30s, 5m, 1h, 7d, P7D"})
DurationOrZero = Annotated[int, PlainValidator(_any_length), _TEXT, _SCHEMA]
Duration = Annotated[int, PlainValidator(_some_length), _TEXT, _SCHEMA]
