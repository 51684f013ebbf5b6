"""The read model in Redis: shared by workers, and never in the way of one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis as Client

from detectors.window import HOUR
from streams.read_model.redis import RedisModel
from tests.brokers.process import free_port
from tests.brokers.redis import Redis
from tests.streams.read_model.outputs import HOME, START, answer, incident_step, window

END = START + HOUR

pytestmark = pytest.mark.integration


@asynccontextmanager
async def working(*models: RedisModel) -> AsyncIterator[None]:
    """Let models do their background work."""
    tasks = [asyncio.create_task(model.run()) for model in models]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 15.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


async def exposures(model: RedisModel) -> int | None:
    found = await model.situation(HOME)
    return None if found is None else found.hours[0].total()["exposures"]


def test_one_worker_reads_what_another_owns_and_hears_of_it(redis: Redis) -> None:
    async def script() -> None:
        name = uuid4().hex
        owner, reader = RedisModel(redis.url, name), RedisModel(redis.url, name)
        async with working(owner, reader):
            changes = reader.changes()
            heard = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0.2)
            owner.take(0, 1, [window(END, 100), incident_step("opened", 1, END), answer()])
            await asyncio.wait_for(heard, 10)
            await changes.aclose()
            found = await reader.situation(HOME)
            assert found is not None
            assert found.hours[0].cells == {("p1", "web", "-", "a"): {"exposures": 100}}
            assert [story.now["step"] for story in found.incidents] == ["opened"]
            assert [one.active for one in await reader.overviews()] == [1]
            assert (await reader.answer("q-1") or {})["ok"] is False

    asyncio.run(script())


def test_a_worker_that_lost_its_shard_cannot_put_the_past_back(redis: Redis) -> None:
    """The stale owner has a lower commit number: whatever it still writes loses, in whichever order it arrives."""

    async def script() -> None:
        name = uuid4().hex
        stale, owner, reader = (RedisModel(redis.url, name) for _ in range(3))
        async with working(stale, owner, reader):
            owner.take(0, 9, [window(END, 100)])
            await until(lambda: _is(reader, 100))
            before = stale.writes
            stale.take(0, 8, [window(END, 7)])
            await asyncio.sleep(1.0)
            assert stale.writes == before
            assert await exposures(reader) == 100
            assert await exposures(stale) == 100  # it reads what the owner wrote

    asyncio.run(script())


async def _is(model: RedisModel, number: int) -> bool:
    return await exposures(model) == number


def test_flushed_it_is_written_again(redis: Redis) -> None:
    async def script() -> None:
        name = uuid4().hex
        owner, reader = RedisModel(redis.url, name), RedisModel(redis.url, name)
        client = Client.from_url(redis.url)
        async with working(owner, reader):
            owner.take(0, 1, [window(END, 100), incident_step("opened", 1, END)])
            await until(lambda: _is(reader, 100))
            await client.flushall()
            await until(lambda: _is(reader, 100))
        await client.aclose()

    asyncio.run(script())


def test_down_the_worker_goes_on_and_catches_up(tmp_path: Path) -> None:
    """Taking never waits; the worker's own shards stay readable; once Redis is back it has what came meanwhile."""
    server = Redis(tmp_path)

    async def script() -> None:
        name = uuid4().hex
        owner, reader = RedisModel(server.url, name, timeout_s=0.3), RedisModel(server.url, name, timeout_s=0.3)
        async with working(owner, reader):
            begun = time.monotonic()
            for commit in range(1, 200):
                owner.take(0, commit, [window(END, commit)])
            assert time.monotonic() - begun < 1.0
            assert await exposures(owner) == 199
            await until(lambda: _false(owner))
            assert len(owner.fold.changed) < 10
            server.start()
            await until(lambda: _is(reader, 199))
            assert owner.reaches()

    try:
        asyncio.run(script())
    finally:
        server.kill()


async def _false(model: RedisModel) -> bool:
    return not model.reaches()


def test_a_server_that_accepts_and_says_nothing_is_given_up_on() -> None:
    """Slow is like down: reading takes the time limit once, then nothing while it is known not to answer."""

    async def script() -> None:
        async with AsyncExitStack() as stack:
            port = free_port()
            silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(30), "127.0.0.1", port)
            stack.callback(silent.close)
            model = RedisModel(f"redis://127.0.0.1:{port}", "x", timeout_s=0.3)
            async with working(model):
                model.take(0, 1, [window(END, 3)])
                begun = time.monotonic()
                for _ in range(20):
                    assert await exposures(model) == 3
                assert time.monotonic() - begun < 3.0
                assert not model.reaches()

    asyncio.run(script())


def test_no_key_names_anybody(redis: Redis) -> None:
    """Initiatives and request ids are written by people; keys hold digests of them, numbers and our own words."""

    async def script() -> None:
        name = uuid4().hex
        owner, reader = RedisModel(redis.url, name), RedisModel(redis.url, name)
        client = Client.from_url(redis.url)
        async with working(owner):
            owner.take(0, 1, [window(END, 1), incident_step("opened", 1, END, name="6c396a58"), answer("for-ana.k")])
            await until(lambda: _answered(reader))
            text = b" ".join([key async for key in client.scan_iter(f"pmon:{name}:*")])
            for key in text.split():
                if await client.type(key) == b"hash":
                    text += b" ".join(name for name in await client.hkeys(key) if isinstance(name, bytes))
            assert len(text) > 200
            for part in (b"home", b"page", b"ana", b"web", b"p1"):
                assert part not in text
        await client.aclose()

    asyncio.run(script())


async def _answered(model: RedisModel) -> bool:
    return await model.answer("for-ana.k") is not None
