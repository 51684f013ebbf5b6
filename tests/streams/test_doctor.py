"""What `pmon doctor` says of a deployment in memory: each fault by its own line, with what to do."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path

import pytest

from governance.config import Config, load_config
from streams.app import work
from streams.cli import main
from streams.config_event import now_ms
from streams.doctor import Check, examined, key_file, redis
from streams.pulse import Pulse
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.topics import prepare
from streams.transport.bus import Message
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.brokers.process import free_port

GROUPS = count()
QUICK = load_config("version: 1\ntiming: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s, stalled_after: 5s}\n")


def settings() -> Settings:
    return read_settings(partitions=2, group=f"doctor-{next(GROUPS)}", web_port=0)


def on_a_bus(own: Settings, config: Config, use: Callable[[MemoryBus], Coroutine[None, None, None]] | None = None) -> dict[str, Check]:
    """Return the checks of a bus with its topics, after `use`."""

    async def go() -> dict[str, Check]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        await prepare(bus, own, config)
        if use is not None:
            await use(bus)
        found = {check.name: check async for check in examined(bus, own, config, 0.5)}
        await bus.close()
        return found

    return asyncio.run(go())


def test_a_worker_that_works_is_fine() -> None:
    """Topics, clock and lag are looked at, and a command goes the whole way and comes back."""
    own = settings()

    async def go() -> dict[str, Check]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        ready, stop = asyncio.Event(), asyncio.Event()
        worker = asyncio.create_task(work(Ground(own, QUICK, MemoryBus(bus.url), b"k" * 16, Pulse(None)), ready, stop))
        await ready.wait()
        while not (await bus.ends([("monitor-signals", 0)]))["monitor-signals", 0]:
            await asyncio.sleep(0.2)
        found = {check.name: check async for check in examined(bus, own, QUICK)}
        stop.set()
        await worker
        await bus.close()
        return found

    found = asyncio.run(go())
    assert {name: check.outcome for name, check in found.items()} == dict.fromkeys(("broker", "topics", "clock", "lag", "answer"), "ok")
    assert "0 records unread" in found["lag"].seen or "1 records unread" in found["lag"].seen


def test_topics_of_another_number_of_partitions_fail_and_nothing_else_is_tried() -> None:
    own = settings()
    found = on_a_bus(own.model_copy(update={"partitions": 2}), QUICK)
    assert found["topics"].outcome == "ok"

    async def go() -> list[Check]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        await prepare(bus, own, QUICK)
        checks = [check async for check in examined(bus, own.model_copy(update={"partitions": 4}), QUICK)]
        await bus.close()
        return checks

    broker, topics = asyncio.run(go())
    assert (broker.outcome, topics.outcome, "PMON_PARTITIONS says 4" in topics.seen) == ("ok", "fail", True)


def test_nobody_ticks_and_nobody_answers() -> None:
    """Without a worker the clock stands, what was sent is unread, and a command is not answered."""

    async def send(bus: MemoryBus) -> None:
        for _ in range(11):
            await bus.append("engagement-events", 0, [Message(b"u", b"{}", now_ms())] * 1_000)

    found = on_a_bus(settings(), QUICK, send)
    assert {name: check.outcome for name, check in found.items()} == {
        "broker": "ok",
        "topics": "ok",
        "clock": "fail",
        "lag": "warn",
        "answer": "fail",
    }
    assert "11,000 records unread, most of them on engagement-events 0" in found["lag"].seen
    assert "pmon run" in found["clock"].hint


def test_a_key_file_is_long_and_not_open_to_all(tmp_path: Path) -> None:
    path = tmp_path / "key"
    own = settings().model_copy(update={"subject_key_file": path})
    assert key_file(own).outcome == "fail"
    path.write_bytes(b"short")
    path.chmod(0o600)
    assert (key_file(own).outcome, "5 bytes" in key_file(own).seen) == ("warn", True)
    path.write_bytes(b"k" * 32)
    assert key_file(own).outcome == "ok"
    path.chmod(0o644)
    assert "everybody" in key_file(own).seen


def test_a_redis_that_does_not_answer_is_not_reachable_and_its_password_is_not_told() -> None:
    address = f"redis://:secret-word@127.0.0.1:{free_port()}/0"
    found = asyncio.run(redis(read_settings(redis=address)))
    assert (found.outcome, "secret-word" in repr(found)) == ("unreachable", False)


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Not reachable is 3, and a line says so."""
    monkeypatch.setenv("PMON_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["doctor"]) == 3
    out = capfd.readouterr().out.splitlines()
    assert [line.split()[:2] for line in out] == [["ok", "key"], ["ok", "redis"], ["warn", "alerts"], ["unreachable", "broker"]]
