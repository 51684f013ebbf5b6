"""The long proof: `python -m tests.integration.crash RUNS [SEED] [--events N]`.

Two workers under load; SIGKILL, SIGTERM, SIGSTOP past the session, the broker killed or stopped and started again, Redis flushed or stopped
and started again, at random moments of a seeded sequence. Each run must come to what a replay of its history comes to: every window,
incident, finding and escalation. Prints a line a run; exit code 1 where a run differs, its folder is kept then.
"""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random

import redis as redis_client

from governance.config import load_config
from streams.event_file import read_events
from streams.producing import Producing
from streams.transport.bus import AppendError, BusError, BusUnreachableError, Message, Place
from streams.transport.kafka_bus import KafkaBus
from tests.brokers.kafka import Kafka
from tests.brokers.redis import Redis
from tests.integration.fleet import Deployment, NeverDoneError, Worker
from tests.integration.history import write
from tests.integration.outcome import difference, published, replayed

LOAD_S = 45.0
MINUTES = 240
FROZEN_S = 14.0  # past the session of 10 s
FAULTS = ("kill", "kill", "term", "stop", "broker kill", "broker stop", "redis flush", "redis stop")
WITHIN_S = 240.0
SAID = ("hole", "nudge", "seat_lost", "landed_elsewhere", "frozen")


class Stubborn(KafkaBus):
    """A producer that does not give up. What it sends twice the monitor drops, by event id."""

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append until it has worked."""
        while True:
            try:
                return await super().append(topic, partition, messages)
            except AppendError:
                await asyncio.sleep(0.5)

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Ask until there is an answer."""
        while True:
            try:
                return await super().ends(places)
            except BusUnreachableError:
                await asyncio.sleep(0.5)


class Run:
    """One seeded run on a broker and a Redis."""

    def __init__(self, kafka: Kafka, redis: Redis, folder: Path, seed: int, events: int) -> None:
        self.kafka, self.redis, self.seed = kafka, redis, seed
        self.chance = Random(seed)
        self.history, self.config = write(folder, seed=seed, events=events, minutes=MINUTES)
        self.deployment = Deployment(kafka, folder, f"crash-{seed}-{int(time.time())}", self.config, redis=redis.url)
        self.fleet = [Worker(self.deployment, number) for number in range(2)]
        self.faults: Counter[str] = Counter()
        self.exits: Counter[int] = Counter()

    async def go(self) -> list[str]:
        """Run it; return what differs."""
        if self.deployment.pmon("topics", "create").returncode != 0:
            return ["the topics could not be created"]
        for worker in self.fleet:
            worker.start()
        load = asyncio.create_task(self._load())
        watch = asyncio.create_task(self._supervise())
        try:
            while not load.done():
                await asyncio.sleep(self.chance.uniform(2, 9))
                await self._fault(self.chance.choice(FAULTS))
            await load
            await self._done()
        except NeverDoneError as error:
            return [f"not done: {error}"]
        except BusError as error:
            return [f"the broker: {error}"]
        finally:
            watch.cancel()
            for worker in self.fleet:
                worker.end()  # what it committed last has arrived then
        return await self._compare()

    async def _load(self) -> None:
        bus = Stubborn(self.deployment.settings.broker)
        await bus.open()
        config = load_config(self.config.read_text(), "config")
        producing = Producing(bus, self.deployment.settings, config, speed=MINUTES * 60 / LOAD_S)
        await producing.run(read_events([self.history], self.deployment.settings.partitions), drain=True)
        await bus.close()

    async def _supervise(self) -> None:
        """Start again whatever ended, as a supervisor would."""
        while True:
            for worker in self.fleet:
                code = worker.ended()
                if code is not None:
                    self.exits[code] += 1
                    await asyncio.sleep(0.5)
                    worker.start()
            await asyncio.sleep(0.2)

    async def _fault(self, name: str) -> None:
        self.faults[name] += 1
        worker = self.chance.choice(self.fleet)
        if name == "kill":
            worker.send(signal.SIGKILL)
        elif name == "term":
            worker.send(signal.SIGTERM)
        elif name == "stop":
            worker.send(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)
            worker.send(signal.SIGCONT)
        elif name == "redis flush":
            await asyncio.to_thread(flush, self.redis.url)
        elif name == "redis stop":
            await asyncio.to_thread(self.redis.kill)
            await asyncio.sleep(self.chance.uniform(0, 3))
            await asyncio.to_thread(self.redis.start)
        else:
            await asyncio.to_thread(self.kafka.kill if name == "broker kill" else self.kafka.stop)
            await asyncio.sleep(self.chance.uniform(0, 3))
            await asyncio.to_thread(self.kafka.start)

    def told(self) -> str:
        """Return what happened on the way."""
        said = {event: sum(worker.says(event) for worker in self.fleet) for event in SAID}
        return f"faults {dict(self.faults)}, exits {dict(self.exits)}, {said}"

    async def _done(self) -> None:
        bus = Stubborn(self.deployment.settings.broker)
        await bus.open()
        try:
            await self.deployment.done(bus, WITHIN_S)
        finally:
            await bus.close()

    async def _compare(self) -> list[str]:
        bus = Stubborn(self.deployment.settings.broker)
        await bus.open()
        own = self.deployment.settings
        try:
            found = await published(bus, own.topic_prefix, own.partitions)
        except BusError as error:
            return [f"the broker: {error}"]
        finally:
            await bus.close()
        expected = replayed(self.history, self.config, own.partitions, self.deployment.key.read_bytes())
        assert expected["incidents"], "a history without incidents shows nothing"
        return difference(expected, found)


def flush(url: str) -> None:
    """Let a Redis forget everything."""
    with redis_client.Redis.from_url(url) as client:
        client.flushall()


def main() -> int:
    """Run as many as asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.crash", description=__doc__)
    parser.add_argument("runs", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--events", type=int, default=300_000)
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is away is what this is about
    home = Path(tempfile.mkdtemp(prefix="pmon-crash-"))
    kafka, redis = Kafka(home), Redis(home)
    kafka.start()
    redis.start()
    wrong = 0
    try:
        for seed in range(asked.seed, asked.seed + asked.runs):
            folder = home / f"run-{seed}"
            folder.mkdir()
            run, began = Run(kafka, redis, folder, seed, asked.events), time.monotonic()
            differs = asyncio.run(run.go())
            print(f"seed {seed}: {'; '.join(differs) or 'exact'} ({time.monotonic() - began:.0f} s; {run.told()})", flush=True)
            wrong += bool(differs)
            if not differs:
                shutil.rmtree(folder)
    finally:
        kafka.kill()
        redis.kill()
    if wrong:
        print(f"{wrong} of {asked.runs} runs differ, see {home}", flush=True)
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
