"""The read model shared by all workers in Redis, where it may be flushed, slow or gone at any time.

    outbox ─► fold (this process) ─► keys that changed ─► one pipeline of compare-and-set ─► PUBLISH
                 ▲                        ▲ all of them again, where our mark in Redis is gone: it was flushed
                 └── read instead, while Redis does not answer

What waits to be written is a set of keys of documents that are in memory anyway, so it cannot grow with time: a worker that has written to
nobody for a day has as much to write as one that starts. Each field carries the commit number of its shard, and an older one loses in Redis
itself, so that a worker that does not know yet that it lost a shard cannot put the past back.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, TypeVar, cast
from uuid import uuid4

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from detectors.window import DAY, SECOND
from streams.journal import say
from streams.kernel.record import Outgoing
from streams.read_model.document import ANSWER, INITIATIVES, Key, digest, hours_of, incidents_of, report_of
from streams.read_model.fold import Fold
from streams.read_model.listeners import Listeners
from streams.read_model.memory import overview, overview_of, situation
from streams.read_model.situation import HourRow, Overview, Published, Situation, Story, by_urgency

TIMEOUT_S = 1.0
WRITE_EVERY_S = 0.2
REST_S = 2.0  # that a Redis which did not answer is left alone
BATCH = 200  # documents of one pipeline
SHELF_KEPT = 30 * DAY
ANSWER_KEPT = 2 * DAY  # as long as the kernel answers a known request again
MARK_KEPT = 60 * SECOND
DIGITS = 20

# A field is its commit number in 20 digits, then JSON. Digits compare as text; as Lua numbers they would be rounded above 2^53.
PUT = """
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and string.sub(old, 1, 20) > ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3]); redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1
"""

Found = TypeVar("Found")
UNREACHABLE = (RedisError, OSError, TimeoutError)


class RedisModel:
    """A ReadModel in Redis. `name` parts deployments that share a server; it is the beginning of every key."""

    def __init__(self, url: str, name: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.fold = Fold()
        self.writes = 0
        self.failures = 0
        self._redis = Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=None)
        self._timeout_s = timeout_s
        self._name = name
        self._mark = self._key(f"worker:{uuid4().hex}")
        self._channel = self._key("changes")
        self._listeners = Listeners()
        self._told: set[str] = set()
        self._wake = asyncio.Event()
        self._silent_until = 0.0
        self._here: bool | None = None

    def take(self, shard: int, commit: int, outbox: Iterable[Outgoing]) -> None:
        """Take what a commit published; it is written a moment later."""
        self._note(self.fold.take(shard, commit, outbox))

    def rebuild(self, shard: int, commit: int) -> None:
        """Start a shard anew."""
        self._note(self.fold.rebuild(shard, commit))

    def restore(self, shard: int, records: Iterable[Outgoing]) -> None:
        """Take part of what a shard's tables hold; all of it is written, since an owner before may not have come to it."""
        self._note(self.fold.restore(shard, records))

    def forget(self, shard: int) -> None:
        """Let go of a shard; its new owner writes its documents."""
        self._note(self.fold.forget(shard))

    def _note(self, digests: set[str]) -> None:
        self._told |= digests
        self._listeners.tell(digests)
        if digests or self.fold.changed:
            self._wake.set()

    def reaches(self) -> bool:
        """Return whether Redis answered when it was last asked."""
        return self._here is not False

    async def run(self) -> None:
        """Write what changes and listen to what others change, for ever."""
        try:
            await asyncio.gather(self._write_on(), self._listen_on())
        finally:
            with contextlib.suppress(*UNREACHABLE):
                await self._redis.aclose()

    async def _write_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_S):
                    await self._wake.wait()
            self._wake.clear()
            if not await self._reach(self._write):
                await asyncio.sleep(REST_S)
                self._wake.set()
            await asyncio.sleep(WRITE_EVERY_S)

    async def _reach(self, work: Callable[[], Awaitable[Any]]) -> bool:
        """Do something with Redis; return whether it answered."""
        try:
            async with asyncio.timeout(10 * self._timeout_s):  # each exchange has its own timeout too
                await work()
        except UNREACHABLE as error:
            _end_if_cancelled()
            self._answered(False, type(error).__name__)
            return False
        _end_if_cancelled()
        self._answered(True, "")
        return True

    def _answered(self, here: bool, how: str) -> None:
        if not here:
            self.failures += 1
            self._silent_until = time.monotonic() + REST_S
        if self._here is not here:
            say("redis_back" if here else "redis_lost", how=how or None)
        self._here = here

    async def _write(self) -> None:
        """Write what has changed; everything, where Redis no longer knows us."""
        if not await self._redis.set(self._mark, b"1", px=MARK_KEPT, xx=True):
            await self._write_keys(self.fold.everything())
            await self._prune()
            await self._redis.set(self._mark, b"1", px=MARK_KEPT)
            self._told |= {digest(place.name) for place in self.fold.places()}
        changed, self.fold.changed = self.fold.changed, set()
        try:
            await self._write_keys(changed)
        except BaseException:
            self.fold.changed |= changed
            raise
        told, self._told = self._told, set()
        if told:
            await self._redis.publish(self._channel, ",".join(sorted(told)))

    async def _write_keys(self, keys: Iterable[Key]) -> None:
        waiting = sorted(keys)
        for start in range(0, len(waiting), BATCH):
            pipe = self._redis.pipeline(transaction=False)
            for key in waiting[start : start + BATCH]:
                document = self.fold.document(key)
                if document is not None:
                    shelf, name = key
                    value = b"" if document.data is None else orjson.dumps(document.data)
                    kept = ANSWER_KEPT if name == ANSWER else SHELF_KEPT
                    pipe.eval(PUT, 1, self._key(shelf), name, f"{document.commit:0{DIGITS}}", value, str(kept))
            self.writes += sum(await pipe.execute())

    async def _prune(self) -> None:
        """Drop what other owners left of our initiatives and we no longer keep."""
        for place in self.fold.places():
            commit = f"{self.fold.commits[place.shard]:0{DIGITS}}"
            for shelf, kept in ((hours_of(place.name), map(str, place.hours)), (incidents_of(place.name), place.incidents)):
                names = {name.decode() for name in await _all(self._redis.hkeys(self._key(shelf)))}
                for name in names - set(kept):
                    await _one(self._redis.eval(PUT, 1, self._key(shelf), name, commit, b"", "0"))

    async def _listen_on(self) -> None:
        while True:
            await self._reach_listening()
            await asyncio.sleep(REST_S)

    async def _reach_listening(self) -> None:
        try:
            async with self._redis.pubsub(ignore_subscribe_messages=True) as heard:
                await heard.subscribe(self._channel)
                while True:
                    message = await heard.get_message(timeout=self._timeout_s / 2)
                    _end_if_cancelled()
                    if message is not None:
                        self._listeners.tell(message["data"].decode("ascii", "replace").split(","))
        except UNREACHABLE:
            _end_if_cancelled()

    async def overviews(self) -> tuple[Overview, ...]:
        """Return every initiative; of two states the one of the later commit."""
        nothing: list[bytes] = []
        fields = await self._read(lambda: _all(self._redis.hvals(self._key(INITIATIVES))), nothing)
        found = {place.name: (self.fold.commits[place.shard], overview(place)) for place in self.fold.places()}
        for field in fields:
            commit, data = _parted(field)
            if commit > found.get(data["initiative"], (-1, None))[0]:
                found[data["initiative"]] = (commit, overview_of(data))
        return tuple(found[name][1] for name in sorted(found))

    async def situation(self, initiative: str) -> Situation | None:
        """Return everything kept of an initiative: ours from memory, unless somebody else has gone on."""
        name = digest(initiative)
        place = self.fold.place(name)
        field = await self._read(lambda: _one(self._redis.hget(self._key(INITIATIVES), name)), None)
        if field is None or (place is not None and _parted(field)[0] <= self.fold.commits[place.shard]):
            return None if place is None else situation(place)
        shelves = (self._key(hours_of(initiative)), self._key(incidents_of(initiative)))
        read = await self._read(lambda: asyncio.gather(*(_one(self._redis.hgetall(shelf)) for shelf in shelves)), None)
        if read is None:
            return None if place is None else situation(place)
        rows = {int(end): _parted(cells)[1] for end, cells in read[0].items()}
        hours = tuple(HourRow(end, {tuple(cell[:4]): cell[4] for cell in rows[end]}) for end in sorted(rows))
        stories = (_parted(one)[1] for one in read[1].values())
        found = by_urgency(Story(story["now"], tuple(story["steps"])) for story in stories)
        return Situation(overview_of(_parted(field)[1]), hours, found)

    async def answer(self, request_id: str) -> Published | None:
        """Return the answer to a request."""
        own = self.fold.answer(request_id)
        if own is not None:
            return own
        field = await self._read(lambda: _one(self._redis.hget(self._key(report_of(request_id)), ANSWER)), None)
        return None if field is None else cast(Published, _parted(field)[1])

    def changes(self) -> AsyncGenerator[frozenset[str]]:
        """Yield what changes here and elsewhere."""
        return self._listeners.changes()

    async def _read(self, ask: Callable[[], Awaitable[Found]], otherwise: Found) -> Found:
        """Ask Redis; give `otherwise` where it does not answer, at once while it is known not to."""
        if time.monotonic() < self._silent_until:
            return otherwise
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await ask()
        except UNREACHABLE as error:
            self._answered(False, type(error).__name__)
            return otherwise
        self._answered(True, "")
        return found

    def _key(self, shelf: str) -> str:
        return f"pmon:{self._name}:{shelf}"


def _end_if_cancelled() -> None:
    """Raise a cancellation that met redis-py in an exchange: it comes back as an error of the connection, or not at all (measured)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _parted(field: bytes) -> tuple[int, Any]:
    return int(field[:DIGITS]), orjson.loads(field[DIGITS:])


async def _one(asked: Any) -> Any:
    return await asked


async def _all(asked: Any) -> list[bytes]:
    found: list[bytes] = await asked
    return found
