"""The ticker says since when nobody ticked, out of the log: whoever takes a partition over knows no other past."""

import asyncio
from itertools import count

import orjson

from detectors.window import HOUR, MINUTE
from streams.jobs import Jobs
from streams.ticker import Ticker
from streams.transport.bus import Topic
from streams.transport.memory_bus import MemoryBus

GROUPS = count()
NOON = 1_795_348_800_000
INPUTS = {"engagement-events": "engagement-events", "ticks": "ticks"}


def missed(*ticks: tuple[int, set[int]]) -> list[list[int | None]]:
    """Return by partition what the ticks say was missed; each is (when, minutes after noon, by a ticker that owns these partitions).

    A ticker of its own writes every tick, but for the last one, which goes on with the one before.
    """

    async def go() -> list[list[int | None]]:
        bus = MemoryBus(f"mem://ticks-{next(GROUPS)}")
        await bus.open()
        await bus.create([Topic(name, 2, stamps="create") for name in INPUTS])
        owned: set[int] = set()
        for number, (minute, partitions) in enumerate(ticks):
            owned.clear()
            owned.update(partitions)
            if number < len(ticks) - 1:
                ticker = Ticker(bus, INPUTS, 10_000, owned.copy, Jobs())
            await ticker.tick(NOON + minute * MINUTE)
        found = [[record async for batch in bus.read("ticks", partition, 0, 100) for record in batch] for partition in range(2)]
        await bus.close()
        return [[orjson.loads(one.value or b"{}").get("missed") for one in records] for records in found]

    return asyncio.run(go())


def test_the_first_tick_after_an_hour_says_since_when() -> None:
    """Fifty minutes are no outage, sixty are; the tick after it says nothing any more."""
    assert missed((0, {0}), (50, {0}), (110, {0}), (111, {0}))[0] == [None, None, NOON + 50 * MINUTE, None]


def test_what_others_ticked_meanwhile_is_no_outage() -> None:
    """A partition that comes back is looked up in the log; one that was ticked by nobody says so."""
    first, second = missed((0, {0, 1}), (1, {0, 1}), (90, {1}), (151, {0, 1}), (152, {0, 1}))

    assert first == [None, None, NOON + MINUTE, None]
    assert second == [None, None, NOON + MINUTE, NOON + 90 * MINUTE, None]


def test_a_log_without_ticks_has_missed_none() -> None:
    assert missed((0, {0}), (60 * HOUR // MINUTE, {1}))[1] == [None]
