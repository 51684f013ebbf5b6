"""Whether a worker with its bus in memory stays as large as it is, over days: `python -m tests.integration.days [DAYS] [EVENTS_AN_HOUR]`.

The worker and a fixed population of people who say yes or no, are shown something, click, and are in an experiment, run in this process
on the log's clock, as fast as it goes; topics keep what they keep on the wall clock. What is kept by time is kept for two
days at most, except what is kept with the days themselves (400). Prints the resident size, and what the logs hold of it, every six hours
of event time; exit code 1 where the last third of the run is more than a tenth above the third before.
"""

import argparse
import asyncio
import gc
import logging
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import orjson

from detectors.window import DAY, HOUR, MINUTE
from governance.config import load_config
from streams import clockwork
from streams.app import work
from streams.event_file import partition_of
from streams.kernel.pending import TICKS
from streams.pulse import Pulse
from streams.settings import read_settings
from streams.shards import Ground
from streams.topics import KEPT_DAYS, inputs, wanted
from streams.transport.bus import Message, Place
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.integration.endurance import ALLOWED, size_mib

CONFIG = """
version: 1
timing: {window: 5m, tick: 5m, allowed_lateness: 30s, settle: 10m, stalled_after: 1h}
initiatives:
  home:
    owners: {testing_lead: {person: ana, substitutes: []}}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.05, window: 1h, group_by: [channel], min_denominator: 20, reason: "too dear"}
    experiments:
      exp-7: {control: a, allocation: {a: 0.5, b: 0.5}, goals: [clicked_subjects], attribution: 24h}
"""
BEGIN = 1_795_305_600_000
PARTITIONS = 2
SUBJECTS = 20_000
TICK = 5 * MINUTE
SHOWN = 6  # hours of event time


def between_ticks(at: int, number: int, chance: Random) -> Mapping[Place, list[Message]]:
    """Return what comes in the time of a tick from `at` on, by partition."""
    found: dict[Place, list[Message]] = defaultdict(list)
    for index in range(number):
        stamp, person = at + index * TICK // number, chance.randrange(SUBJECTS)
        subject = f"u-{person}"
        key = subject.encode()
        partition = partition_of(key, PARTITIONS)
        event = {"event_id": f"e-{chance.getrandbits(60):x}", "occurred_at": stamp, "initiative": "home", "subject_id": subject}
        shown = {"type": "click" if chance.random() < 0.1 else "exposure", "channel": chance.choice(["web", "app", "email"])}
        arm = {"experiment_id": "exp-7", "variant": "ab"[person % 2]}
        if chance.random() < 0.05:
            state = "withdrawn" if chance.random() < 0.001 else "given"
            said = {"event_id": f"c-{chance.getrandbits(60):x}", "occurred_at": stamp, "subject_id": subject, "state": state}
            said |= {"purposes": ["personalised_content"]}
            found["consent-events", partition].append(Message(key, orjson.dumps(said), stamp))
        found["engagement-events", partition].append(Message(key, orjson.dumps(event | shown | arm), stamp))
    return found


class Days:
    """A worker in this process and what it is given."""

    def __init__(self, rate: int) -> None:
        self.own = read_settings(clock="log", partitions=PARTITIONS, group="days", redis="off", web_port=0)
        self.config = load_config(CONFIG)
        self.bus = MemoryBus(memory_url(self.own))
        self._rate, self._chance = rate, Random(1)
        self._read = [topic.name for topic in wanted(self.own) if topic.consumed]
        self._names = {plain: name for name, plain in inputs(self.own, self.config).items() if plain != TICKS}

    async def run(self, hours: int) -> list[float]:
        """Let hours pass; return the size after each."""
        await self.bus.open()
        kept = {name: days for name, days in KEPT_DAYS.items() if days is not None}
        await self.bus.create([replace(topic, retention_ms=kept[topic.name] * DAY) for topic in wanted(self.own) if topic.name in kept])
        ready, stop, sizes = asyncio.Event(), asyncio.Event(), []
        ground = Ground(self.own, self.config, MemoryBus(self.bus.url), b"a key of the tests", Pulse(None))
        worker = asyncio.create_task(work(ground, ready, stop))
        await ready.wait()
        for hour in range(hours):
            for at in range(BEGIN + hour * HOUR, BEGIN + (hour + 1) * HOUR, TICK):
                await self._pass(at)
            while self._unread():
                if worker.done():
                    worker.result()
                await asyncio.sleep(0.02)
            gc.collect()
            sizes.append(size_mib(os.getpid()))
            if (hour + 1) % SHOWN == 0:
                logs = self._logs()
                told = ", ".join(f"{name} {size:.0f}" for name, size in sorted(logs.items(), key=lambda item: -item[1])[:4])
                print(
                    f"{(hour + 1) / 24:5.2f} days {sizes[-1]:8.1f} MiB, logs {sum(logs.values()):6.1f} ({told}); "
                    f"{time.process_time():6.0f} s of cpu",
                    flush=True,
                )
        stop.set()
        await worker
        await self.bus.close()
        return sizes

    async def _pass(self, at: int) -> None:
        for place, messages in between_ticks(at, self._rate * TICK // HOUR, self._chance).items():
            await self.bus.append(*place, messages)
        for number in range(PARTITIONS):
            ends = {plain: self.bus.broker.log((name, number)).end for plain, name in self._names.items()}
            tick = clockwork.tick_record(number, 0, at + TICK, ends, drain=False)
            await self.bus.append(TICKS, number, [Message(tick.key, tick.value, tick.timestamp)])

    def _unread(self) -> bool:
        return any(self.bus.broker.log((name, number)).unread for name in self._read for number in range(PARTITIONS))

    def _logs(self) -> dict[str, float]:
        topics = {name: range(topic.partitions) for name, topic in self.bus.broker.topics.items()}
        return {name: sum(self.bus.broker.log((name, one)).size for one in numbers) / 2**20 for name, numbers in topics.items()}


def main() -> int:
    """Run as long as asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.days", description=__doc__)
    parser.add_argument("days", type=int, nargs="?", default=8)
    parser.add_argument("rate", type=int, nargs="?", default=2_000)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    sizes = asyncio.run(Days(asked.rate).run(24 * asked.days))
    third = len(sizes) // 3
    before, last = statistics.median(sizes[third : 2 * third]), statistics.median(sizes[-third:])
    print(f"middle third {before:.1f} MiB, last third {last:.1f} MiB; load average {os.getloadavg()[0]:.1f}")
    return int(last > ALLOWED * before)


if __name__ == "__main__":
    sys.exit(main())
