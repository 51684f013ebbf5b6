"""A moment of event time: integer epoch milliseconds inside, RFC 3339 UTC with milliseconds outside.

Accepted are the grammar of RFC 3339 section 5.6 (`T` and `Z` in either case, any number of fraction digits, of which
three count) and integer milliseconds. A time without a zone, a leap second and anything outside the years 2000 to 2100
is refused: a guess here would move an event into another window.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

FIRST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
END_MS = 4_133_980_800_000  # 2101-01-01T00:00:00Z, the first millisecond after the year 2100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,32})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
MINUTE = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:", re.ASCII)
SECONDS = {f"{second:02d}.": second * 1000 for second in range(60)}
SHAPE = "must be RFC 3339 with a zone, such as 2026-11-22T10:00:00.123Z, or integer epoch milliseconds"


def parse_instant(value: object) -> int:
    """Return epoch milliseconds of an RFC 3339 text with zone or of integer milliseconds; digits below 1 ms are cut off.

    Raises ValueError for anything else, for a time that does not exist and for one outside the years 2000 to 2100.
    """
    if isinstance(value, str):
        # Nearly every producer writes 2026-11-22T10:00:00.123Z, and neighbouring events share their minute.
        second, fraction = SECONDS.get(value[17:20]), value[20:23]
        if second is not None and len(value) == 24 and value[23] == "Z" and fraction.isdigit() and fraction.isascii():
            instant = _minute(value[:17]) + second + int(fraction)
        else:
            instant = _general(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        instant = value
    else:
        raise ValueError(SHAPE)
    if not FIRST_MS <= instant < END_MS:
        raise ValueError("must lie in the years 2000 to 2100; integers are milliseconds")
    return instant


def format_instant(instant_ms: int) -> str:
    """Return the RFC 3339 text in UTC with exactly three fraction digits; the inverse of `parse_instant`."""
    minute, rest = divmod(instant_ms, 60_000)
    return f"{_written(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"


@lru_cache(maxsize=8192)
def written_bounds(start_ms: int, end_ms: int) -> tuple[str, str]:
    """Return both ends of a window as text: cells close in the same windows, and an incident lists its own at every step."""
    return format_instant(start_ms), format_instant(end_ms)


@lru_cache(maxsize=4096)
def _written(minute: int) -> str:
    return f"{EPOCH + timedelta(minutes=minute):%Y-%m-%dT%H:%M:}"


@lru_cache(maxsize=4096)
def _minute(prefix: str) -> int:
    if MINUTE.fullmatch(prefix) is None:
        raise ValueError(SHAPE)
    return _general(prefix + "00Z")


def _general(text: str) -> int:
    if RFC_3339.fullmatch(text) is None:
        raise ValueError(SHAPE)
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment - EPOCH) // MILLISECOND
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


Instant = Annotated[
    int,
    PlainValidator(parse_instant),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": FIRST_MS, "exclusiveMaximum": END_MS},
            ],
            "description": "RFC 3339 with a zone, or integer epoch milliseconds",
        }
    ),
]
