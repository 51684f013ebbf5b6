"""Times as producers write them: RFC 3339 in UTC with milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _minute(number: int) -> str:
    return datetime.fromtimestamp(number * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


def moment(time: int) -> str:
    """Return a time in ms as text.

    >>> moment(1_794_182_400_123)
    '2026-11-09T00:00:00.123Z'
    """
    minute, rest = divmod(time, 60_000)
    return f"{_minute(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"
