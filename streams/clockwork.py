"""Ticks made from data: the clock of a file, where nothing else tells the time. One per `tick`, at multiples of it; then the drain."""

from collections.abc import Iterator, Mapping

import orjson

from detectors.window import DAY, HOUR, end_of
from governance.config import Config
from streams.kernel.record import Record

LONGEST_DRAIN = 25 * HOUR

Jobs = Mapping[str, Mapping[str, int]]  # how rounds of each job ended: {"ok": n, "failed": n}


def tick_record(
    partition: int, offset: int, at: int, ends: dict[str, int], *, drain: bool, jobs: Jobs | None = None, missed: int | None = None
) -> Record:
    """Return a tick for one partition; `ends` holds the end offsets of that partition's inputs, `jobs` what ended since the last tick.

    `missed` is the time of the tick before, ms, where that is long ago. Ticks made from a file never say so: what was not ticked then is
    not known.
    """
    more: dict[str, object] = {"jobs": jobs} if jobs else {}
    more |= {"missed": missed} if missed is not None else {}
    return Record("ticks", partition, offset, at, b"", orjson.dumps({"at": at, "ends": ends, "drain": drain, **more}))


def after(timestamp: int, tick: int) -> int:
    """Return the first tick that covers a record stamped `timestamp`, both in ms."""
    return end_of(timestamp, tick)


def drain(last: int, config: Config) -> Iterator[int]:
    """Yield the ticks after the last record, until its day is closed, its consent has settled and its users have matured, 25 h at most."""
    timing = config.timing
    maturity = max((found.attribution for own in config.initiatives.values() for found in own.experiments.values()), default=0)
    goal = max(end_of(last, DAY), end_of(last + maturity, timing.window), end_of(last, timing.window) + timing.settle + timing.window)
    stop = min(goal + timing.allowed_lateness + 2 * timing.tick, end_of(last, timing.tick) + LONGEST_DRAIN)
    yield from range(end_of(last, timing.tick) + timing.tick, stop + 1, timing.tick)
