"""The monitor: one worker over Kafka or in memory, with everything it does, from when it is ready until it is at the end of its inputs.

    python -m benchmarks.contestant.worker EVENTS CONFIG [load SPAN_MS | wait]

Settings come from the environment, as those of `pmon run`. With `load` a bus in memory is filled first; with `wait` a line says that it is
ready, and what is measured begins with the first event.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.contestant.told import Watch
from benchmarks.traffic import fill
from governance.config import load_config
from streams.app import work
from streams.cli.policy_files import policies_of
from streams.cli.replay import subject_key
from streams.collector import collect_rarely
from streams.pulse import Pulse
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.topics import INTAKE, MONITOR, changelog, on_bus
from streams.transport.bus import Bus
from streams.transport.opening import bus_of

POLL_S, QUIET_S = 0.1, 2.5


async def at_rest(bus: Bus, own: Settings) -> tuple[float, float]:
    """Wait until no changelog grows any more; return the wall and the process time at which the last one grew."""
    logs = [(changelog(own, stage), number) for stage in (INTAKE, MONITOR) for number in range(own.partitions)]
    last: dict[tuple[str, int], int] = {}
    wall_s, cpu_s = time.monotonic(), time.process_time()
    while time.monotonic() - wall_s < QUIET_S or not any(last.values()):
        ends = await bus.ends(logs)
        if ends != last:
            last, wall_s, cpu_s = ends, time.monotonic(), time.process_time()
        await asyncio.sleep(POLL_S)
    return wall_s, cpu_s


async def arrived(bus: Bus, own: Settings) -> None:
    """Wait for the first event."""
    print("ready", flush=True)
    places = [(on_bus(own, "engagement-events"), number) for number in range(own.partitions)]
    while not any((await bus.ends(places)).values()):
        await asyncio.sleep(POLL_S)


async def run(events: int, config: str, span_ms: int | None, *, wait: bool) -> None:
    """Work once through what is there."""
    own, judged = read_settings(), load_config(Path(config).read_text(), config)
    outside = bus_of(own)
    await outside.open()
    if span_ms is not None:
        await fill(outside, own, judged, events, span_ms)
    ready, stop = asyncio.Event(), asyncio.Event()
    ground = Ground(own, judged, bus_of(own), subject_key(own), Pulse(None), policies_of(judged, config))
    worker = asyncio.create_task(work(ground, ready, stop))
    begun = time.monotonic()
    await asyncio.wait([worker, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    if worker.done():
        worker.result()
    ready_s = time.monotonic() - begun
    if wait:
        await arrived(outside, own)
    watch = Watch()
    wall_s, cpu_s = await at_rest(outside, own)
    watch.tell(events, until=(wall_s, cpu_s), ready_s=ready_s)


def main(arguments: Iterable[str]) -> None:
    """Read the arguments; the process is set up as `pmon` sets up its own."""
    collect_rarely()
    events, config, *how = arguments
    asyncio.run(run(int(events), config, int(how[1]) if how[:1] == ["load"] else None, wait=how == ["wait"]))


if __name__ == "__main__":
    main(sys.argv[1:])
