"""How long shards stand still when workers come and go: `python -m tests.integration.handover [ROUNDS]`.

Two workers on the wall clock under a steady load, on a Kafka of their own. Each round a third joins, one is ended by SIGTERM, one by
SIGKILL; the figure is the seconds until every shard of both stages has committed again, less than a tick of which is the tick itself.
At the end a backlog is sent while nobody works: the seconds two workers take to come to its end. Prints a line an event, then medians.
"""

import argparse
import asyncio
import logging
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

import orjson

from governance.config import load_config
from streams.config_event import now_ms
from streams.event_file import partition_of
from streams.kernel.record import Record
from streams.producing import Producing
from streams.topics import INTAKE, MONITOR, changelog
from streams.transport.bus import Place
from streams.transport.kafka_bus import KafkaBus
from tests.brokers.kafka import Kafka
from tests.integration.fleet import Deployment, Worker, behind

TICK_S = 1
CONFIG = f"version: 1\ntiming: {{window: 10s, tick: {TICK_S}s, allowed_lateness: 2s, settle: 10s, stalled_after: 1m}}\n"
RATE = 500  # events a second while workers come and go
BACKLOG = 100_000
LONGEST_S = 120.0
SETTLED_S = 8.0
PARTITIONS = 4


def events(number: int, chance: Random) -> list[Record]:
    """Return exposures of now."""
    found = []
    for index in range(number):
        subject, at = f"u-{chance.randrange(20_000)}", now_ms()
        value = {"event_id": f"e-{at}-{index}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": subject}
        key = subject.encode()
        found.append(Record("engagement-events", partition_of(key, PARTITIONS), 0, at, key, orjson.dumps(value)))
    return found


class Stand:
    """Workers under load, and what is measured of them."""

    def __init__(self, deployment: Deployment, bus: KafkaBus) -> None:
        self.deployment, self.bus = deployment, bus
        self.workers = [Worker(deployment, number) for number in range(3)]
        self.found: dict[str, list[float]] = defaultdict(list)
        self._logs: list[Place] = [(changelog(deployment.settings, stage), n) for stage in (INTAKE, MONITOR) for n in range(PARTITIONS)]

    async def load(self) -> None:
        """Send events at a steady rate, for ever."""
        chance, config = Random(1), load_config(CONFIG, "config")
        while True:
            began = time.monotonic()
            await Producing(self.bus, self.deployment.settings, config).run(events(RATE // 2, chance), drain=False)
            await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - began)))

    async def commits(self) -> float:
        """Return the seconds until every shard has committed again, twice: the first may have been on its way."""
        began = time.monotonic()
        for _ in range(2):
            before = await self.bus.ends(self._logs)
            while any(end <= before[place] for place, end in (await self.bus.ends(self._logs)).items()):
                if time.monotonic() - began > LONGEST_S:
                    raise SystemExit(f"no commit of every shard within {LONGEST_S} s")
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def measure(self, name: str, happen: Callable[[], object]) -> None:
        """Let something happen, and note how long it takes until all shards have committed since."""
        await asyncio.sleep(SETTLED_S)
        happen()
        seconds = await self.commits()
        self.found[name].append(seconds)
        print(f"{name:<10} {seconds:5.1f} s", flush=True)


async def rounds(stand: Stand, number: int) -> None:
    """Let workers come and go."""
    first, second, third = stand.workers
    load = asyncio.create_task(stand.load())
    for worker in (first, second):
        worker.start()
    while not all(worker.says("ready") for worker in (first, second)):
        await asyncio.sleep(0.1)
    await stand.commits()
    for _ in range(number):
        await stand.measure("undisturbed", lambda: None)
        await stand.measure("join", third.start)
        await stand.measure("SIGTERM", lambda: third.send(signal.SIGTERM))
        await stand.measure("SIGKILL", lambda: second.send(signal.SIGKILL))
        await stand.measure("back", second.start)
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)


async def backlog(stand: Stand) -> None:
    """Send events while nobody works; note how long two workers take to come to their end."""
    for worker in stand.workers[:2]:
        worker.end()
    config = load_config(CONFIG, "config")
    await Producing(stand.bus, stand.deployment.settings, config).run(events(BACKLOG, Random(2)), drain=False)
    began = time.monotonic()
    for worker in stand.workers[:2]:
        worker.start()
    own, key = stand.deployment.settings, stand.deployment.key.read_bytes()
    while any(not late.startswith(("signals", f"{own.topic_prefix}ticks")) for late in await behind(stand.bus, own, key)):
        await asyncio.sleep(0.2)
    seconds = time.monotonic() - began
    print(f"catch-up   {seconds:5.1f} s for {BACKLOG:,} events, the start of two workers included", flush=True)


async def measured(kafka: Kafka, folder: Path, number: int) -> dict[str, list[float]]:
    """Return the seconds by what happened."""
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    deployment = Deployment(kafka, folder, f"handover-{int(time.time())}", config, PARTITIONS, clock="wall")
    assert deployment.pmon("topics", "create").returncode == 0
    bus = KafkaBus(deployment.settings.broker)
    await bus.open()
    stand = Stand(deployment, bus)
    try:
        await rounds(stand, number)
        await backlog(stand)
    finally:
        for worker in stand.workers:
            worker.discard()
        await bus.close()
    return stand.found


def main() -> int:
    """Measure as often as asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.handover", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    home = Path(tempfile.mkdtemp(prefix="pmon-handover-"))
    kafka = Kafka(home)
    kafka.start()
    try:
        found = asyncio.run(measured(kafka, home, asked.rounds))
    finally:
        kafka.kill()
        shutil.rmtree(home, ignore_errors=True)
    for name, seconds in found.items():
        print(f"{name:<12} median {statistics.median(seconds):5.1f} s, worst {max(seconds):5.1f} s of {len(seconds)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
