"""Half-open event-time windows aligned to the epoch in UTC, each named by its end.

start            end
  |------[ w )-----|          an event at `end` belongs to the next window, so no event counts twice
"""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 4 * DAY  # the epoch began on a Thursday; windows of whole weeks begin on Mondays


def end_of(time: int, size: int) -> int:
    """Return the end of the window of `size` that holds `time`, both in ms.

    >>> end_of(59_999, MINUTE), end_of(60_000, MINUTE)
    (60000, 120000)
    >>> end_of(0, WEEK) == MONDAY
    True
    """
    if size % WEEK:  # nearly always, and asked for several times an event
        return (time // size + 1) * size
    return start_of(time, size) + size


def start_of(time: int, size: int) -> int:
    """Return the start of the window of `size` that holds `time`, both in ms."""
    shift = MONDAY if size % WEEK == 0 else 0
    return (time - shift) // size * size + shift


def ends(time: int, size: int) -> bool:
    """Return whether a window of `size` ends at `time`, both in ms."""
    return start_of(time, size) == time
