"""What may be wrong with a deployment, looked at from outside a worker: one finding a check, each with what to do about it."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from detectors.window import DAY, SECOND
from governance.config import Config
from governance.message.instant import format_instant
from streams.asking import COMMANDS, NoAnswerError, ask, asked_at
from streams.event_file import partition_of
from streams.kernel.changelog import last_stamp
from streams.kernel.pending import TICKS
from streams.kernel.stamp import IntakeStamp
from streams.seat import entry_of
from streams.settings import Settings
from streams.topics import INTAKE, changelog, faults, foreign_faults, inputs, on_bus, wanted
from streams.transport.bus import Bus, BusError

Outcome = Literal["ok", "warn", "fail", "unreachable"]
CLOCK_OFF = 5 * SECOND  # half of `timing.tick`: the margin for clocks is a tick
LATE_RECORDS = 10_000  # unread: a worker reads ten times as many in a second
KEY_BYTES = 16
REDIS_S = 3.0
PATIENCE_S = 20.0
STAMP_STEPS = (500, 5_000, 50_000, 10_000_000)  # records read back from the end of a changelog until a stamp is met
NOBODY = "nobody"  # an initiative no events come for: the answer to a report about it is an error, and nothing is changed


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check: what was seen, and what to do where something is to be done."""

    name: str
    outcome: Outcome
    seen: str
    hint: str = ""


def key_file(settings: Settings) -> Check:
    """Look at the key subject ids are hashed with."""
    path = settings.subject_key_file
    if path is None:
        return Check("key file", "ok", "none is named; the bus in memory uses the one all file replays share")
    try:
        content = path.read_bytes()
    except OSError as error:
        return Check("key file", "fail", f"cannot be read: {error.strerror}", "PMON_SUBJECT_KEY_FILE must name a file workers can read")
    if len(content) < KEY_BYTES:
        hint = "make one with `head -c 32 /dev/urandom`; another key means that all subjects are new"
        return Check("key file", "warn", f"{len(content)} bytes, which can be guessed", hint)
    open_to_all = path.stat().st_mode & 0o004
    if open_to_all:
        return Check("key file", "warn", "everybody on this machine can read it", "chmod o-r: who has the key can tell whose hash is whose")
    return Check("key file", "ok", f"{len(content)} bytes")


async def redis(settings: Settings) -> Check:
    """Ask Redis whether it is there."""
    address = settings.redis.get_secret_value()
    if address in ("embedded", "off"):
        alone = "every worker's page shows its own shards only; PMON_REDIS=redis://… gives all of them one read model"
        return Check("redis", "ok", f"{address}: the read model is in each worker's process", "" if settings.broker == "mem://" else alone)
    client = Redis.from_url(address, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S, retry=None)
    try:
        await client.ping()
        memory: Mapping[str, Any] = await client.info("memory")
    except (RedisError, OSError, TimeoutError) as error:
        hint = "workers go on without; their pages show less until it is back"
        return Check("redis", "unreachable", f"does not answer: {type(error).__name__}", hint)
    finally:
        with suppress(RedisError, OSError):
            await client.aclose()
    return Check("redis", "ok", f"answers, {memory.get('used_memory_human', '?')} used")


class Doctor:
    """The checks that need the bus; it is open. An answer is waited for `patience_s` and a few ticks."""

    def __init__(self, bus: Bus, settings: Settings, config: Config, patience_s: float = PATIENCE_S) -> None:
        self._bus, self._settings, self._config = bus, settings, config
        self._patience_s = patience_s + 3 * config.timing.tick / 1000

    async def checks(self) -> AsyncGenerator[Check, None]:
        """Yield every check's outcome; those that make no sense after a failure are left out."""
        there = await self._topics()
        yield there
        if there.outcome == "fail":
            return
        yield await self._clock()
        yield await self._lag()
        yield await self._answer()

    async def _topics(self) -> Check:
        """Look at partitions, stamps, compaction and retention."""
        own, foreign = wanted(self._settings), [source.topic for source in self._config.sources]
        there = await self._bus.describe([*(topic.name for topic in own), *foreign])
        wrong = [*faults(own, there), *foreign_faults(self._settings, foreign, there)]
        if wrong:
            hint = "; ".join(wrong[1:3]) + (f"; and {len(wrong) - 3} more, see `pmon topics describe`" if len(wrong) > 3 else "")
            return Check("topics", "fail", wrong[0], hint)
        short = [
            f"{topic.name} {kept / DAY:g} d instead of {'for ever' if topic.retention_ms is None else f'{topic.retention_ms / DAY:g} d'}"
            for topic in own
            if not topic.compacted
            and (kept := there[topic.name].retention_ms) is not None
            and (topic.retention_ms is None or kept < topic.retention_ms)
        ]
        if short:
            hint = "what is gone cannot be replayed; raise retention.ms"
            return Check("topics", "warn", f"kept shorter than documented: {', '.join(short)}", hint)
        return Check("topics", "ok", f"{len(own) + len(foreign)} topics of {self._settings.partitions} partitions as they should be")

    async def _clock(self) -> Check:
        """Hold the broker's clock against the ticker's, by the stamps of the last ticks."""
        if self._settings.clock == "log":
            return Check("clock", "ok", "PMON_CLOCK=log: the stamps of the records are the time")
        topic, now = on_bus(self._settings, TICKS), time.time() * 1000
        ends = await self._bus.ends([(topic, number) for number in range(self._settings.partitions)])
        apart, oldest = 0.0, now
        for (name, number), end in ends.items():
            last = None
            async with aclosing(self._bus.read(name, number, max(0, end - 1), end)) as batches:
                async for batch in batches:
                    last = batch[-1]
            if last is None:
                return Check("clock", "fail", f"partition {number} of {topic} never had a tick", "no worker owns it: start `pmon run`")
            apart = max(apart, abs(last.timestamp - int(orjson.loads(last.value or b"{}")["at"])))
            oldest = min(oldest, last.timestamp)
        silent = now - oldest
        if silent > self._config.timing.stalled_after:
            return Check("clock", "fail", f"no tick for {silent / 1000:.0f} s on some partition", "no worker owns it: start `pmon run`")
        if max(apart, -silent) > CLOCK_OFF:
            return Check("clock", "warn", f"broker and workers are {max(apart, -silent) / 1000:.1f} s apart", "synchronise them (NTP)")
        return Check("clock", "ok", f"a tick {max(0, silent) / 1000:.0f} s ago, broker and workers {apart / 1000:.1f} s apart at most")

    async def _lag(self) -> Check:
        """Count what intake shards have not committed yet, by their stamps."""
        names, unread, worst = inputs(self._settings, self._config), 0, (0, "")
        for number in range(self._settings.partitions):
            stamp = IntakeStamp.read(await self._stamp(changelog(self._settings, INTAKE), number))
            ends = await self._bus.ends([(name, number) for name in names])
            for name, plain in names.items():
                behind = max(0, ends[name, number] - stamp.offsets.get(plain, 0)) if plain != TICKS else 0
                unread, worst = unread + behind, max(worst, (behind, f"{name} {number}"))
        if unread > LATE_RECORDS:
            hint = "start more workers, or wait for a backlog"
            return Check("lag", "warn", f"{unread:,} records unread, most of them on {worst[1]}", hint)
        return Check("lag", "ok", f"{unread:,} records unread")

    async def _stamp(self, log: str, number: int) -> bytes | None:
        end = (await self._bus.ends([(log, number)]))[log, number]
        for back in STAMP_STEPS:
            start = max(0, end - back)
            entries = [entry_of(record) async for batch in self._bus.read(log, number, start, end) for record in batch]
            found = last_stamp(entries)
            if found is not None or start == 0:
                return found
        return None

    async def _answer(self) -> Check:
        """Ask for something that changes nothing, and wait for the answer: the whole way through both stages."""
        began, when = time.monotonic(), await asked_at(self._bus, self._settings)
        command = {"request_id": f"doctor-{uuid4().hex}", "command": "report", "requested_by": "pmon doctor", "initiative": NOBODY}
        try:
            await ask(self._bus, self._settings, {**command, "requested_at": format_instant(when)}, when, self._patience_s)
        except NoAnswerError:
            topic = on_bus(self._settings, COMMANDS)
            place = f"{topic} {partition_of(NOBODY.encode(), self._settings.partitions)}"
            hint = "is `pmon run` there, with this PMON_GROUP and PMON_TOPIC_PREFIX? Its log and /readyz say what it waits for"
            return Check("answer", "fail", f"nobody answered a command on {place} within {self._patience_s:.0f} s", hint)
        return Check("answer", "ok", f"a command was answered after {time.monotonic() - began:.1f} s")



async def examined(bus: Bus, settings: Settings, config: Config, patience_s: float = PATIENCE_S) -> AsyncGenerator[Check, None]:
    """Yield the checks of a deployment whose bus is open; a bus that goes away is a finding like any other."""
    yield Check("broker", "ok", f"{settings.url if settings.broker == 'mem://' else settings.broker} answers")
    try:
        async for check in Doctor(bus, settings, config, patience_s).checks():
            yield check
    except BusError as error:
        yield Check("broker", "unreachable", str(error), "look at the broker's own log")
