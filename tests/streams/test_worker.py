"""A worker in this process on the bus in memory: live equals replay, stopped and started again or not."""

import asyncio
import socket
from itertools import count
from pathlib import Path

import orjson
import pytest

from detectors.window import DAY
from governance.config import load_config
from streams.app import work
from streams.cli.policy_files import policies_of
from streams.config_event import now_ms
from streams.display import AddressError
from streams.event_file import partition_of, read_events
from streams.kernel.record import Record
from streams.producing import Producing, TooOldError
from streams.pulse import Pulse
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.topics import prepare
from streams.transport.bus import Bus, Message
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.integration.history import write
from tests.integration.outcome import Outcome, difference, published, replayed

KEY = b"a key of the tests"
PARTITIONS = 2
GROUPS = count()


def settings(folder: Path | None = None) -> Settings:
    """Return the settings of a worker nobody else shares a bus with."""
    return read_settings(clock="log", partitions=PARTITIONS, web_port=0, group=f"worker-{next(GROUPS)}", state_dir=folder)


async def caught_up(bus: Bus, own: Settings) -> None:
    """Wait until every monitor has closed the drain's last tick: the changelogs stand still at the end of the signals."""
    logs = [(f"{own.group}-{stage}-changelog", number) for stage in ("intake", "monitor") for number in range(PARTITIONS)]
    last: dict[tuple[str, int], int] = {}
    while (ends := await bus.ends(logs)) != last or not all(ends.values()):
        last = ends
        await asyncio.sleep(1.5)


async def run_worker(own: Settings, config: Path, bus: Bus, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Run a worker until it is told to stop."""
    judged = load_config(config.read_text(), "config")
    await work(Ground(own, judged, bus, KEY, Pulse(None), policies_of(judged, str(config))), ready, stop)


@pytest.mark.parametrize("stops", [0, 3])
def test_live_is_equal_to_replay_even_when_stopped_and_started(tmp_path: Path, stops: int) -> None:
    """Every window, incident, finding and escalation, by id and content."""
    history, path = write(tmp_path, events=1_500, minutes=40)
    own, config = settings(), load_config(path.read_text(), "config")

    async def go() -> list[str]:
        bus = MemoryBus(memory_url(own))
        await bus.open()  # keeps the bus while no worker runs
        await prepare(bus, own, config)
        await Producing(bus, own, config).run(read_events([history], PARTITIONS), drain=True)
        for number in range(stops + 1):
            ready, stop = asyncio.Event(), asyncio.Event()
            worker = asyncio.create_task(run_worker(own, path, MemoryBus(bus.url), ready, stop))
            await ready.wait()
            await (asyncio.sleep(0.1 + 0.1 * number) if number < stops else caught_up(bus, own))
            stop.set()
            await worker
        found = await published(bus, "", PARTITIONS)
        await bus.close()
        expected = replayed(history, path, PARTITIONS, KEY)
        assert expected["incidents"]
        return difference(expected, found)

    assert asyncio.run(go()) == []


def exposure(subject: str, at: int) -> Record:
    """Return an exposure of a subject."""
    event = {"event_id": f"e-{subject}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": subject}
    return Record("engagement-events", partition_of(subject.encode(), PARTITIONS), 0, at, subject.encode(), orjson.dumps(event))


def test_on_the_wall_clock_the_ticker_closes_windows(tmp_path: Path) -> None:
    """Nobody but the worker writes ticks; a window closes a few ticks after its end."""
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\ntiming: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s}\n")
    own, config = read_settings(partitions=PARTITIONS, web_port=0, group=f"worker-{next(GROUPS)}"), load_config(path.read_text(), "config")

    async def go() -> dict[str, int]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        ready, stop = asyncio.Event(), asyncio.Event()
        worker = asyncio.create_task(run_worker(own, path, MemoryBus(bus.url), ready, stop))
        await ready.wait()
        now = now_ms()
        await Producing(bus, own, config).run([exposure(f"u-{number}", now) for number in range(20)], drain=True)
        while not (found := (await published(bus, "", PARTITIONS))["windows"]):
            await asyncio.sleep(0.2)
        stop.set()
        await worker
        await bus.close()
        return {data["initiative"]: data["counts"]["exposures"] for data in found.values()}

    assert asyncio.run(go()) == {"home": 20}


MAPPED = """
version: 1
timing: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s}
sources:
  - topic: shop.clicks.v2
    as: engagement-events
    map: {event_id: id, occurred_at: meta.ts, subject_id: user.id, type: {const: click}, initiative: {const: home}}
"""


def test_a_topic_people_already_have_is_read_by_its_own_name(tmp_path: Path) -> None:
    """In memory a worker makes it; its records are mapped and counted, what cannot be mapped is a dead letter."""
    path = tmp_path / "config.yaml"
    path.write_text(MAPPED)
    own = read_settings(partitions=PARTITIONS, web_port=0, group=f"worker-{next(GROUPS)}")

    async def go() -> tuple[int, int]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        ready, stop = asyncio.Event(), asyncio.Event()
        worker = asyncio.create_task(run_worker(own, path, MemoryBus(bus.url), ready, stop))
        await ready.wait()
        for number in range(12):
            value = {"id": f"c-{number}", "meta": {"ts": now_ms()}, "user": {"id": f"u-{number}"}} if number else {"id": "c-0"}
            key = f"u-{number}".encode()
            await bus.append("shop.clicks.v2", partition_of(key, PARTITIONS), [Message(key, orjson.dumps(value))])
        while not (found := await published(bus, "", PARTITIONS))["windows"] or sum(clicks(found)) < 11:
            await asyncio.sleep(0.2)
        stop.set()
        await worker
        await bus.close()
        return sum(clicks(found)), len(found["refused"])

    assert asyncio.run(go()) == (11, 1)


def clicks(found: Outcome) -> list[int]:
    """Return the clicks of every closed window."""
    return [data["counts"]["clicks"] for data in found["windows"].values() if data["revision"] == "counts"]


def test_an_address_that_is_taken_is_told_and_nothing_is_folded() -> None:
    """Two workers on one machine need a port each; which settings to change is said."""
    config = load_config("version: 1", "config")

    async def go() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            own = read_settings(partitions=1, group=f"worker-{next(GROUPS)}", web_port=taken.getsockname()[1])
            with pytest.raises(AddressError, match=r"PMON_WEB_PORT: 127\.0\.0\.1:\d+ cannot be had: .*; port 0 takes any"):
                await work(Ground(own, config, MemoryBus(memory_url(own)), KEY, Pulse(None)), asyncio.Event(), asyncio.Event())

    asyncio.run(go())


def test_a_file_further_back_than_the_wall_clock_takes_is_refused() -> None:
    """Before anything is sent."""
    own = read_settings(partitions=PARTITIONS, web_port=0, group=f"worker-{next(GROUPS)}")
    old = Record("engagement-events", 0, 0, now_ms() - 3 * DAY, b"u", b"{}")

    async def go() -> None:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        config = load_config("version: 1", "config")
        await prepare(bus, own, config)
        with pytest.raises(TooOldError, match="dedup_horizon"):
            await Producing(bus, own, config).run([old], drain=True)
        assert await bus.ends([("engagement-events", 0)]) == {("engagement-events", 0): 0}
        await bus.close()

    asyncio.run(go())
