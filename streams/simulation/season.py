"""How busy each hour of the week is, as a factor around 1; hour 0 is Monday midnight UTC."""

import math

from detectors.window import DAY, HOUR

WEEK = 7 * DAY
MONDAY = 4 * DAY  # the epoch is a Thursday, so 4 days later is the first Monday
NIGHT = 0.5  # people in other time zones keep nights alive; also keeps silence at night from looking like a stopped feed
WEEKEND = 0.75


def _shape(hour: int) -> float:
    day, of_day = divmod(hour, 24)
    work = math.exp(-(((of_day - 13.5) / 4.2) ** 2))
    return (NIGHT + 1.1 * work) * (WEEKEND if day >= 5 else 1.0)


_SHAPE = tuple(_shape(hour) for hour in range(168))
VOLUME = tuple(value * 168 / sum(_SHAPE) for value in _SHAPE)
QUIETEST = min(VOLUME)


def hour_of_week(time: int) -> int:
    """Return 0 to 167 for a time in ms.

    >>> hour_of_week(MONDAY), hour_of_week(MONDAY - 1)
    (0, 167)
    """
    return (time - MONDAY) % WEEK // HOUR


def appetite(hour: int) -> float:
    """Return how readily people click in an hour of the week, a factor around 1."""
    return 1 + 0.08 * math.sin((hour % 24 - 9) * math.pi / 12)
