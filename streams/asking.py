"""A command sent to a running monitor, and its answer, found by request id on `reports`.

    where `reports` ends ─► the command ─► (on the log's clock: the last tick once more, so that it is forwarded) ─► the answer
"""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from streams import clockwork
from streams.event_file import partition_of
from streams.kernel.intake import INPUTS
from streams.kernel.pending import TICKS
from streams.kernel.record import Record
from streams.settings import Settings
from streams.topics import on_bus
from streams.transport.bus import Bus, Message

COMMANDS, REPORTS = "monitor-commands", "reports"
WITHIN_S = 60.0  # a command waits for the next tick, and a report of a large initiative takes seconds
LOOK_S = 0.25


class NoAnswerError(Exception):
    """Nobody answered in time; the command stands on the bus and is answered on `reports` once somebody does."""


async def last_tick(bus: Bus, settings: Settings, partition: int) -> dict[str, Any] | None:
    """Return the last tick of a partition, None where there is none."""
    topic = on_bus(settings, TICKS)
    end = (await bus.ends([(topic, partition)]))[topic, partition]
    async with aclosing(bus.read(topic, partition, max(0, end - 1), end)) as batches:
        async for batch in batches:
            found: dict[str, Any] = orjson.loads(batch[-1].value or b"{}")
            return found
    return None


async def asked_at(bus: Bus, settings: Settings) -> int:
    """Return the time (ms) somebody asks at now: on the log's clock the last tick's, the oldest over all partitions."""
    if settings.clock == "wall":
        return int(time.time() * 1000)
    ticks = [await last_tick(bus, settings, number) for number in range(settings.partitions)]
    return min((int(tick["at"]) for tick in ticks if tick is not None), default=int(time.time() * 1000))


async def ask(bus: Bus, settings: Settings, command: Mapping[str, Any], at: int, within_s: float = WITHIN_S) -> dict[str, Any]:
    """Send a command as asked at `at` (ms) and return what is answered; raises NoAnswerError and what the bus raises."""
    request_id, initiative = str(command["request_id"]).encode(), str(command["initiative"]).encode()
    answers = (on_bus(settings, REPORTS), partition_of(request_id, settings.partitions))
    start = (await bus.ends([answers]))[answers]
    partition = partition_of(initiative, settings.partitions)
    await bus.append(on_bus(settings, COMMANDS), partition, [Message(initiative, orjson.dumps(dict(command)), at)])
    if settings.clock == "log":
        await _tick_again(bus, settings, partition)
    until = time.monotonic() + within_s
    async with aclosing(_after(bus, answers, start)) as records:
        async for record in records:
            if record is not None and record.key == request_id:
                data: dict[str, Any] = orjson.loads(record.value or b"{}")["data"]
                return data
            if time.monotonic() > until:
                break
    raise NoAnswerError(
        f"no answer within {within_s:.0f} s: does a worker of PMON_GROUP={settings.group} run? The answer to {request_id.decode()} "
        f"will stand on {answers[0]}"
    )


async def _after(bus: Bus, place: tuple[str, int], start: int) -> AsyncGenerator[Record | None, None]:
    """Yield every record from an offset on, and None now and then while there is none."""
    async with aclosing(bus.follow({place: start}, LOOK_S)) as batches:
        async for batch in batches:
            for record in batch:
                yield record
            yield None


async def _tick_again(bus: Bus, settings: Settings, partition: int) -> None:
    """Repeat the last tick with the ends of now: no watermark moves, and what was read since is forwarded."""
    last = await last_tick(bus, settings, partition)
    if last is None:
        return
    names = {plain: on_bus(settings, plain) for plain in INPUTS}
    ends = await bus.ends([(name, partition) for name in names.values()])
    tick = clockwork.tick_record(
        partition, 0, last["at"], {plain: ends[name, partition] for plain, name in names.items()}, drain=bool(last.get("drain"))
    )
    await bus.append(on_bus(settings, TICKS), partition, [Message(tick.key, tick.value, tick.timestamp)])
