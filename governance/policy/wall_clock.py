"""What a clock on the wall shows in a time zone, and when: daylight saving skips an hour in spring and shows one twice in autumn.

A time of day in a window is read off the wall: 02:30 is 02:30, the first time and the second. A freeze is one span of time, so
it begins with the first moment its `from` is shown and ends with the last moment before its `to`: it is never shorter than
what is written. A wall time that is skipped is the moment the clock jumps over it.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from governance.message.instant import EPOCH, MILLISECOND

CLOCK_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
WALL_TIME = r"20[0-9]{2}-[01][0-9]-[0-3][0-9](?:T(?:[01][0-9]|2[0-3]):[0-5][0-9])?"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECOND = timedelta(seconds=1)


def checked_zone(name: str) -> str:
    """Return the name of a time zone of the IANA database; raises ValueError for any other."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin") from None
    return name


def checked_wall_time(text: str) -> str:
    """Return a wall-clock time or day that exists in the calendar; raises ValueError."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a day or time that exists, such as 2026-12-20 or 2026-12-20T18:00") from None
    return text


def shown(at: int, zone: str) -> datetime:
    """Return what the wall clock of a zone shows at a moment, ms."""
    return (EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone))


def in_window(at: int, zone: str, days: tuple[str, ...], opens: str, closes: str) -> bool:
    """Return whether a moment, ms, lies in the weekly window [opens, closes) of a zone's wall clock."""
    wall = shown(at, zone)
    minute = wall.hour * 60 + wall.minute
    start, stop = _minute(opens), _minute(closes)
    today, yesterday = DAYS[wall.weekday()] in days, DAYS[wall.weekday() - 1] in days
    if start < stop:
        return today and start <= minute < stop
    return (today and minute >= start) or (yesterday and minute < stop)


def beginning(text: str, zone: str) -> int:
    """Return the first moment, ms, at which a wall clock shows a time or begins a day."""
    return _moments(datetime.fromisoformat(text), zone)[0]


def end(text: str, zone: str) -> int:
    """Return the moment, ms, at which a span up to a wall-clock time is over; up to a day it is over with that day."""
    wall = datetime.fromisoformat(text)
    if len(text) == len(date.min.isoformat()):
        return _moments(wall + timedelta(days=1), zone)[0]
    return _moments(wall, zone)[1]


def _moments(wall: datetime, zone: str) -> tuple[int, int]:
    """Return the first and the last moment, ms, at which a clock shows a time; twice the jump where it shows it never."""
    found = [wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    if found[0] > found[1]:  # skipped: by the offset before the jump it is after it, and the other way round (PEP 495)
        jump = _jump(found[1], found[0], zone)
        found = [jump, jump]
    return (found[0] - EPOCH) // MILLISECOND, (found[1] - EPOCH) // MILLISECOND


def _jump(low: datetime, high: datetime, zone: str) -> datetime:
    """Return the first second in (low, high] with the offset of `high`."""
    after = high.astimezone(ZoneInfo(zone)).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // SECOND // 2 * SECOND
        if middle.astimezone(ZoneInfo(zone)).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
