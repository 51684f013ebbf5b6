"""The bus in the memory of another process on this machine, through its worker's web server: what live verbs need of `mem://`.

    append ─► POST /events        describe, ends ─► GET /topics        follow, read ─► GET /records, again and again

Topics are made by the worker; a verb finds them as they are.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import orjson

from streams.event_line import BrokenLineError, read_line, write_line
from streams.kernel.record import Record
from streams.transport.bus import AppendError, BusError, BusUnreachableError, Message, Place, TooLargeError, Topic

TIMEOUT_S = 60.0
ENDS_AT_ONCE = 100  # topics of one question


class HttpBus:
    """A worker's bus at its address; see `Bus`. `prefix` is what our topics begin with there."""

    def __init__(self, url: str, prefix: str = "") -> None:
        self.url = url.rstrip("/")
        self._prefix = prefix
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Connect; raises BusUnreachableError where nobody answers, BusError where it is no worker with a bus in memory."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            await self._ask("GET", "/topics")
        except BusError:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, method: str, path: str, params: Sequence[tuple[str, str]] = (), body: bytes | None = None) -> bytes:
        assert self._session is not None, "a bus is opened before it is used"
        try:
            async with self._session.request(method, self.url + path, params=list(params), data=body) as answer:
                found = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise BusUnreachableError(
                f"{self.url}: no worker answers there; `pmon run` starts one, PMON_URL names another address, "
                "PMON_BROKER=kafka://host:port a broker"
            ) from None
        if answer.status == 413:
            raise TooLargeError(f"{self.url}: {_why(found)}")
        if answer.status == 503 and method == "POST":
            raise AppendError(f"{self.url}: {_why(found)}")
        if answer.status >= 300 and not (method == "POST" and answer.status in (207, 400)):
            raise BusError(f"{self.url}: {_why(found)}")
        return found

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append a batch; the worker appends the lines of one partition that come together as one batch."""
        plain = topic.removeprefix(self._prefix)
        lines = (write_line(Record(plain, partition, 0, one.timestamp, one.key, one.value)) for one in messages)
        try:
            answers = [orjson.loads(line) for line in (await self._ask("POST", "/events", body=b"".join(lines))).splitlines()]
        except BusUnreachableError as error:
            raise AppendError(str(error)) from None
        wrong = [answer["error"]["message"] for answer in answers if not answer.get("ok")]
        if wrong:
            raise BusError(f"{topic}: {wrong[0]}")
        return int(answers[0]["offset"])

    async def _topics(self, names: Collection[str]) -> list[dict[str, Any]]:
        wanted, found = sorted(names), []
        for start in range(0, len(wanted), ENDS_AT_ONCE):
            asked = [("topic", name) for name in wanted[start : start + ENDS_AT_ONCE]]
            found += orjson.loads(await self._ask("GET", "/topics", asked))["topics"]
        return found

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Return where logs end."""
        ends = {one["name"]: one["ends"] for one in await self._topics({topic for topic, _ in places})}
        for topic, partition in places:
            if partition >= len(ends.get(topic, ())):
                raise BusError(f"{topic}: no such topic, or no partition {partition}")
        return {(topic, partition): ends[topic][partition] for topic, partition in places}

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what stands between two offsets."""
        while start < end:
            found = await self._records({(topic, partition): start}, 0)
            batch = [record for record in found if record.offset < end]
            if not batch:
                return
            yield batch
            start = batch[-1].offset + 1

    async def follow(self, starts: Mapping[Place, int], wait_s: float) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what is there and what comes."""
        after = dict(starts)
        while True:
            batch = await self._records(after, wait_s)
            after |= {(record.topic, record.partition): record.offset + 1 for record in batch}
            yield batch
            await asyncio.sleep(0)

    async def _records(self, after: Mapping[Place, int], wait_s: float) -> list[Record]:
        asked = [("from", f"{topic}:{partition}:{offset}") for (topic, partition), offset in after.items()]
        answer = await self._ask("GET", "/records", [*asked, ("wait", f"{wait_s:g}")])
        try:
            lines = [read_line(line) for line in answer.splitlines()]
        except BrokenLineError:
            raise BusError(f"{self.url}: its answer is not that of a worker") from None
        return [Record(one.topic, one.partition or 0, one.offset or 0, one.timestamp or 0, one.key, one.value) for one in lines]

    async def create(self, topics: Sequence[Topic]) -> None:
        """Create nothing: the worker did when it started."""
        raise BusError(f"{topics[0].name}: is not on the bus of {self.url}; its worker runs with another PMON_TOPIC_PREFIX or PMON_GROUP")

    async def describe(self, names: Collection[str]) -> dict[str, Topic]:
        """Return the topics that are there."""
        plain = [{name: value for name, value in one.items() if name != "ends"} for one in await self._topics(names)]
        return {one["name"]: replace(Topic("", 0), **one) for one in plain}

    def release(self, topic: str, partition: int, before: int) -> None:
        """Nothing: only the worker knows how far it has read."""


def _why(answer: bytes) -> str:
    try:
        return str(orjson.loads(answer)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "its answer is not that of a worker"
