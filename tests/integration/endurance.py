"""Whether a worker with its bus in memory stays as large as it is: `python -m tests.integration.endurance [MINUTES] [RATE]`.

Events of a fixed population come at a steady rate (a second) through POST /events; everything that is kept by time is kept for a minute or
two, but rows are swept by the hour and the windows of three hours are kept: shorter runs than that grow. Prints the resident size every
30 s; exit code 1 where the last third of the run is more than a tenth above the third before.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import orjson

from streams.config_event import now_ms
from streams.event_file import partition_of
from streams.transport.bus import Message
from streams.transport.http_bus import HttpBus
from tests.integration.memory_worker import MemoryWorker

CONFIG = """
version: 1
privacy: {default_jurisdiction: US}
timing: {window: 5s, tick: 1s, allowed_lateness: 1s, settle: 5s, correction_horizon: 1m, dedup_horizon: 1m, stalled_after: 1m}
initiatives:
  home:
    owners: {testing_lead: {person: ana, substitutes: []}}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.05, window: 15s, group_by: [channel], min_denominator: 20, reason: "too dear"}
"""
SUBJECTS = 5_000
SAMPLE_S = 5.0
SHOWN_S = 30.0
ALLOWED = 1.1


def size_mib(pid: int) -> float:
    """Return the resident size of a process."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def batch(number: int, chance: Random) -> dict[int, list[Message]]:
    """Return events of now by partition."""
    found: dict[int, list[Message]] = {0: [], 1: []}
    for _ in range(number):
        subject = f"u-{chance.randrange(SUBJECTS)}"
        value = {
            "event_id": f"e-{chance.getrandbits(60):x}",
            "occurred_at": now_ms(),
            "type": "click" if chance.random() < 0.1 else "exposure",
            "initiative": "home",
            "subject_id": subject,
            "channel": chance.choice(["web", "app", "email"]),
        }
        found[partition_of(subject.encode(), 2)].append(Message(subject.encode(), orjson.dumps(value), 0))
    return found


async def sizes(worker: MemoryWorker, minutes: float, rate: int) -> list[float]:
    """Return the worker's size, sampled while it is fed."""
    bus, chance, began, shown = HttpBus(worker.url), Random(1), time.monotonic(), 0.0
    await bus.open()
    found: list[float] = []
    sent = 0
    while (now := time.monotonic()) < began + minutes * 60:
        for partition, messages in batch(rate // 2, chance).items():
            if messages:
                await bus.append("engagement-events", partition, messages)
        sent += rate // 2
        if now - began >= len(found) * SAMPLE_S:
            found.append(size_mib(worker.pid))
        if now - began >= shown:
            shown += SHOWN_S
            print(f"{now - began:6.0f} s {sent:>10,} events {found[-1]:8.1f} MiB", flush=True)
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - now)))
    await bus.close()
    return found


def main() -> int:
    """Run as long as asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.endurance", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=720)
    parser.add_argument("rate", type=int, nargs="?", default=1_000)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="pmon-endurance-"))
    config = home / "config.yaml"
    config.write_text(CONFIG)
    worker = MemoryWorker(home, config, clock="wall")
    worker.start()
    try:
        found = asyncio.run(sizes(worker, asked.minutes, asked.rate))
    finally:
        worker.end()
        shutil.rmtree(home, ignore_errors=True)
    third = len(found) // 3
    before, last = statistics.median(found[third : 2 * third]), statistics.median(found[-third:])
    print(f"middle third {before:.1f} MiB, last third {last:.1f} MiB")
    return int(last > ALLOWED * before)


if __name__ == "__main__":
    sys.exit(main())
