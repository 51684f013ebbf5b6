"""Times as producers write them: the same moment in every form the contract allows."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random


def written_time(chance: Random, time: int) -> str | int:
    """Return the moment as RFC 3339 in some zone with some digits, or as integer milliseconds."""
    form = chance.randrange(6)
    if form == 0:
        return time
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time)
    if form == 1:
        moment = moment.astimezone(timezone(timedelta(hours=chance.choice([-9, 2, 14]), minutes=chance.choice([0, 30]))))
        return moment.isoformat(timespec="milliseconds")
    if form == 2:
        return moment.isoformat(timespec="microseconds").replace("+00:00", "z").replace("T", "t")
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
