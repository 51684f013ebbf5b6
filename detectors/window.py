"""Half-open event-time windows aligned to the epoch in UTC, each named by its end.

start            end
  |------[ w )-----|          an event at `end` belongs to the next window, so no event counts twice
"""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def end_of(time: int, size: int) -> int:
    """Return the end of the window of `size` that holds `time`, both in ms.

    >>> end_of(59_999, MINUTE), end_of(60_000, MINUTE)
    (60000, 120000)
    """
    return (time // size + 1) * size


def start_of(time: int, size: int) -> int:
    """Return the start of the window of `size` that holds `time`, both in ms."""
    return time // size * size
