"""How long shards stand still when workers come and go: `python -m tests.integration.handover [ROUNDS]`.

Two workers on the wall clock under a steady load, on a Kafka of their own. Each round a third joins, one is ended by SIGTERM, one by
SIGKILL; the figure is the longest time any shard of either stage then was without a commit; undisturbed that is about a tick (1 s).
At the end a backlog is sent while nobody works: the seconds two workers take to come to its end. Prints a line an event, then medians.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
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
RATE = 200  # events a second while workers come and go
BACKLOG = 50_000
LONGEST_S = 120.0
SETTLED_S = 3.0
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
        self._all = {str(number) for number in range(PARTITIONS)}
        self._logs: list[Place] = [(changelog(deployment.settings, stage), n) for stage in (INTAKE, MONITOR) for n in range(PARTITIONS)]

    async def load(self) -> None:
        """Send events at a steady rate, for ever."""
        chance, config = Random(1), load_config(CONFIG, "config")
        while True:
            began = time.monotonic()
            await Producing(self.bus, self.deployment.settings, config).run(events(RATE // 2, chance), drain=False)
            await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - began)))

    async def pause(self, over: Callable[[], bool]) -> float:
        """Return the longest time (s) that any shard was without a commit, until it is `over` and all have committed since."""
        ends, last = await self.bus.ends(self._logs), dict.fromkeys(self._logs, time.monotonic())
        began, worst, ended = time.monotonic(), 0.0, None
        while ended is None or min(last.values()) < ended:
            now = time.monotonic()
            if now - began > LONGEST_S:
                raise SystemExit(f"no commit of every shard within {LONGEST_S} s")
            ended = now if ended is None and over() else ended
            found = await self.bus.ends(self._logs)
            for place in self._logs:
                if found[place] > ends[place]:
                    worst, last[place] = max(worst, now - last[place]), now
            ends = found
            await asyncio.sleep(0.05)
        return worst

    async def measure(self, name: str, happen: Callable[[], object], over: Callable[[], bool]) -> None:
        """Let something happen, and note how long some shard then stood still."""
        await asyncio.sleep(SETTLED_S)
        happen()
        seconds = await self.pause(over)
        self.found[name].append(seconds)
        print(f"{name:<12} {seconds:5.1f} s", flush=True)

    async def comes(self, name: str, worker: Worker) -> None:
        """Start a worker; it is over once it is ready."""
        before = worker.says("ready") if worker.log.exists() else 0
        await self.measure(name, worker.start, lambda: worker.says("ready") > before)

    async def goes(self, name: str, worker: Worker, how: signal.Signals) -> None:
        """End a worker; it is over once the others own everything."""
        others = [other for other in self.workers if other is not worker and other.runs()]
        await self.measure(name, lambda: worker.send(how), lambda: {n for other in others for n in other.owns()} == self._all)


async def rounds(stand: Stand, number: int) -> None:
    """Let workers come and go."""
    first, second, third = stand.workers
    load = asyncio.create_task(stand.load())
    for worker in (first, second):
        worker.start()
    while not all(worker.says("ready") for worker in (first, second)):
        await asyncio.sleep(0.1)
    for _ in range(number):
        until = time.monotonic() + SETTLED_S + 10
        await stand.measure("undisturbed", lambda: None, partial(passed, until))
        await stand.comes("join", third)
        await stand.goes("SIGTERM", third, signal.SIGTERM)
        await stand.goes("SIGKILL", second, signal.SIGKILL)
        await stand.comes("back", second)
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)


def passed(until: float) -> bool:
    """Return whether a time of the monotonic clock is past."""
    return time.monotonic() > until


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
        await asyncio.sleep(1)  # whole changelogs are read to find out
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
    except BaseException:
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the workers' logs are in {home}")
        raise
    finally:
        kafka.kill()
    shutil.rmtree(home, ignore_errors=True)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, seconds in found.items():
        print(f"{name:<12} median {statistics.median(seconds):5.1f} s, worst {max(seconds):5.1f} s of {len(seconds)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
