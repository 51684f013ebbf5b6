"""A worker in this process on the bus in memory: live equals replay, stopped and started again or not."""

import asyncio
from itertools import count
from pathlib import Path

import pytest

from governance.config import load_config
from streams.app import work
from streams.event_file import read_events
from streams.producing import Producing
from streams.pulse import Pulse
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.topics import prepare
from streams.transport.bus import Bus
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.integration.history import write
from tests.integration.outcome import difference, published, replayed

KEY = b"a key of the tests"
PARTITIONS = 2
GROUPS = count()


def settings(folder: Path | None = None) -> Settings:
    """Return the settings of a worker nobody else shares a bus with."""
    return read_settings(clock="log", partitions=PARTITIONS, group=f"worker-{next(GROUPS)}", state_dir=folder)


async def caught_up(bus: Bus, own: Settings) -> None:
    """Wait until every monitor has closed the drain's last tick: the changelogs stand still at the end of the signals."""
    logs = [(f"{own.group}-{stage}-changelog", number) for stage in ("intake", "monitor") for number in range(PARTITIONS)]
    last: dict[tuple[str, int], int] = {}
    while (ends := await bus.ends(logs)) != last or not all(ends.values()):
        last = ends
        await asyncio.sleep(1.5)


async def run_worker(own: Settings, config: Path, bus: Bus, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Run a worker until it is told to stop."""
    await work(Ground(own, load_config(config.read_text(), "config"), bus, KEY, Pulse(None)), ready, stop)


@pytest.mark.parametrize("stops", [0, 3])
def test_live_is_equal_to_replay_even_when_stopped_and_started(tmp_path: Path, stops: int) -> None:
    """Every window, incident, finding and escalation, by id and content."""
    history, path = write(tmp_path)
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
