"""How far one deployment goes, one command each:

    python -m benchmarks.scale ceiling [CELLS …]      cells x windows a second of one initiative, which is on one monitor shard
    python -m benchmarks.scale subjects [COUNT]       memory, changelog and load of one partition with so many subjects; start to ready
    python -m benchmarks.scale workers [EVENTS]       two workers against one on Apache Kafka
    python -m benchmarks.scale latency [INITIATIVES]  from an event to its incident, in ticks, on the wall clock; start to ready, empty

`ceiling` is process time of the kernel alone; `workers` is wall time, so it wants a machine with two cores to itself.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from gc import collect
from pathlib import Path
from statistics import median, quantiles

import orjson

from benchmarks import live, traffic
from benchmarks.kernel import CONFIG
from benchmarks.shard import START, Station, peak_bytes, record_of, resident_bytes, rows_bytes
from detectors.window import HOUR, MINUTE
from governance.config import load_config
from governance.message.instant import parse_instant
from streams import clockwork
from streams.app import work
from streams.config_event import now_ms
from streams.event_file import partition_of
from streams.kernel import intake
from streams.kernel.changelog import Place, encode
from streams.kernel.record import Record, Shard
from streams.kernel.rows import Rows
from streams.pulse import Pulse
from streams.seat import read_changelog
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.topics import INTAKE, changelog, on_bus, prepare
from streams.transport.bus import Bus, Message
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import bus_of, memory_url

KEY = b"a key of the benchmarks"
BATCH = 1_000


def ceiling(cells: int, windows: int = 5) -> str:
    """Let one initiative have an exposure in each of `cells` cells in each of some minutes; return what a closed cell costs the monitor."""
    station = Station(load_config(CONFIG))
    station.spent_ns.clear()
    station.feed(spread(cells, windows), 10_000)
    station.tick(START + (windows + 2) * MINUTE)
    closed, spent_s = station.sent["kpi-windows"], station.spent_ns["monitor"] / 1e9
    return f"{cells:>9,}{closed:>14,}{spent_s / closed * 1e6:>13.1f}{closed / spent_s:>20,.0f}"


def spread(cells: int, windows: int) -> Iterator[Record]:
    """Yield one exposure a cell and minute, of a hundred people."""
    for number in range(cells * windows):
        window, cell = divmod(number, cells)
        at = START + window * MINUTE + cell * MINUTE // cells
        dimensions = {"profile": f"p-{cell % 100}", "channel": f"c-{cell // 100 % 10}", "variant": f"v-{cell // 1_000}"}
        event = {"type": "exposure", "initiative": "home", "subject_id": f"u-{cell % 100}", "occurred_at": at, **dimensions}
        yield record_of(number, at, event)


def exposed(count: int) -> Iterator[Record]:
    """Yield the consent and one exposure of each subject, within an hour."""
    for number in range(count):
        at, subject = START + number * HOUR // count, f"u-{number}"
        said = {"event_id": f"c-{number}", "occurred_at": at, "subject_id": subject, "state": "given"}
        said |= {"purposes": ["personalised_content"]}
        yield Record("consent-events", 0, number, at, subject.encode(), orjson.dumps(said))
        shown = {"event_id": f"e-{number}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": subject}
        shown |= {"channel": f"channel-{number % 10}", "experiment_id": "exp-7", "variant": f"variant-{number % 2}"}
        yield Record("engagement-events", 0, number, at, subject.encode(), orjson.dumps(shown))


async def written(bus: Bus, own: Settings, count: int) -> None:
    """Fold one partition's subjects and keep every commit in its changelog, as a worker does."""
    log, shard, rows, place = changelog(own, INTAKE), Shard(0, 1, KEY), Rows(), Place()
    config = load_config(traffic.CONFIG)
    value = orjson.dumps({"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []})
    batches = [[Record("monitor-config", 0, 0, 0, b"", value)]]
    ends: dict[str, int] = {}
    stretch: dict[str, list[Record]] = {}
    for number, record in enumerate(exposed(count)):
        stretch.setdefault(record.topic, []).append(record)
        ends[record.topic] = record.offset + 1
        if number % (20 * BATCH) == 20 * BATCH - 1 or number == 2 * count - 1:
            tick = clockwork.tick_record(0, number, record.timestamp, ends, drain=False)
            batches += [*stretch.values(), [tick]]
            stretch = {}
            for batch in batches:
                while batch:
                    commit = intake.step(rows, shard, batch)
                    made = encode(commit, place, rows)
                    await bus.append(log, 0, [Message(key, value) for key, value in made.records])
                    place = made.then
                    rows.apply(commit)
                    position = intake.position(rows, batch[0].topic)
                    batch = [one for one in batch if one.offset >= position]
            batches = []


async def loaded(own: Settings) -> dict[str, float]:
    """Load the partition's changelog; return what it holds and what that took."""
    bus = bus_of(own)
    await bus.open()
    collect()
    before, begun, cpu_s = resident_bytes(), time.monotonic(), time.process_time()
    found = await read_changelog(bus, changelog(own, INTAKE), 0)
    load_s, load_cpu_s = time.monotonic() - begun, time.process_time() - cpu_s
    intake.step(found.rows, Shard(0, 1, KEY), [Record("consent-events", 0, 0, 0, b"", b"")])  # builds what is asked of every commit
    collect()
    rows, size, _ = rows_bytes(found.rows)
    await bus.close()
    kept, peak = resident_bytes() - before, peak_bytes() - before
    return {"rows": rows, "bytes": size, "kept": kept, "peak": peak, "load_s": load_s, "load_cpu_s": load_cpu_s}


def subjects(count: int) -> None:
    """Print what so many subjects of one partition come to."""
    with tempfile.TemporaryDirectory() as name, live.broker(folder := Path(name)) as kafka:
        (folder / "subject.key").write_bytes(KEY)
        (folder / "config.yaml").write_text(traffic.CONFIG)
        own = read_settings(broker=kafka.url, clock="log", partitions=1, group="scale", subject_key_file=folder / "subject.key")

        async def fill() -> None:
            bus = bus_of(own)
            await bus.open()
            await prepare(bus, own, load_config(traffic.CONFIG))
            await written(bus, own, count)
            await bus.close()

        asyncio.run(fill())
        log = sum(file.stat().st_size for file in (folder / "data").glob(f"{changelog(own, INTAKE)}-0/*.log"))
        alone = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale", "load", kafka.url, str(folder / "subject.key")], capture_output=True, check=True
        )
        found = orjson.loads(alone.stdout)
        ready = live.worker(own, folder, 1)["ready_s"]
    print(f"{count:,} subjects, each with a consent record and an exposure in an experiment, on one partition")
    print(f"rows {found['rows']:,}, {found['bytes'] / count:,.0f} bytes a subject; changelog {log / 1e6:,.0f} MB before compaction")
    print(f"memory {found['kept'] / 1e6:,.0f} MB kept, {found['kept'] / count:,.0f} bytes a subject, {found['peak'] / 1e6:,.0f} MB at most")
    print(f"load {found['load_s']:.1f} s ({found['load_cpu_s']:.1f} s of cpu); start to ready {ready:.1f} s")


async def poured(own: Settings, records: list[Record], span_ms: int) -> None:
    """Put prepared records on the broker as fast as it takes them, then the ticks."""
    bus, config = bus_of(own), load_config(traffic.CONFIG)
    await bus.open()
    by_place: dict[tuple[str, int], list[Message]] = {}
    for one in records:
        by_place.setdefault((on_bus(own, one.topic), one.partition), []).append(Message(one.key, one.value, one.timestamp))

    async def pour(place: tuple[str, int], messages: list[Message]) -> None:
        for at in range(0, len(messages), BATCH):
            await bus.append(*place, messages[at : at + BATCH])

    await asyncio.gather(*(pour(place, messages) for place, messages in by_place.items()))
    await traffic.tick_on(bus, own, config, START, START + span_ms)
    await bus.close()


def workers(events: int) -> None:
    """Print what one and two workers do a second."""
    span_ms = 1_000 * events // live.EVENTS_A_SECOND
    rates = []
    with tempfile.TemporaryDirectory() as name, live.broker(folder := Path(name)) as kafka:
        (folder / "subject.key").write_bytes(KEY)
        (folder / "config.yaml").write_text(traffic.CONFIG)
        records = list(traffic.traffic(events, span_ms, live.PARTITIONS))
        for number in (1, 2):
            own = read_settings(
                broker=kafka.url,
                clock="log",
                partitions=live.PARTITIONS,
                group=f"fleet-{number}",
                topic_prefix=f"fleet-{number}.",
                subject_key_file=folder / "subject.key",
            )
            started = [live.start_worker(own, folder, events) for _ in range(number)]
            for one in started:
                assert one.stdout is not None
                one.stdout.readline()  # says that it is ready
            asyncio.run(poured(own, records, span_ms))
            told = [orjson.loads(one.communicate()[0].splitlines()[-1]) for one in started]
            wall_s = max(one["wall_s"] for one in told)
            cpu = "+".join(f"{one['cpu_s']:.1f}" for one in told)
            rates.append(events / wall_s)
            print(f"{number} worker(s): {events / wall_s:,.0f} events/s, {cpu} s of cpu", flush=True)
    print(f"two against one: {rates[1] / rates[0]:.2f} on {os.cpu_count()} cores, broker and neighbours included")


LATENCY = """
version: 1
timing: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s}
privacy: {default_jurisdiction: US}
initiatives:
"""
RULE = '{id: low-ctr, kpi: ctr, op: "<", value: 0.5, window: 1s, min_denominator: 1, reason: "measured"}'


async def opened(count: int) -> tuple[float, list[float]]:
    """Let initiatives breach in two windows at random phases; return start to ready, s, and ticks from the last event to its incident."""
    names = [f"i-{number}" for number in range(count)]
    config = load_config(LATENCY + "".join(f"  {name}: {{detectors: {{}}, thresholds: [{RULE}]}}\n" for name in names))
    own = read_settings(partitions=2, web_port=0, group="latency", redis="off")
    bus = MemoryBus(memory_url(own))
    await bus.open()
    ready, stop = asyncio.Event(), asyncio.Event()
    begun = time.monotonic()
    worker = asyncio.create_task(work(Ground(own, config, MemoryBus(bus.url), KEY, Pulse(None)), ready, stop))
    await ready.wait()
    ready_s = time.monotonic() - begun
    last: dict[str, int] = {}
    found: dict[str, float] = {}

    async def breach(name: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for number in range(2):
            at = now_ms()
            event = {"event_id": f"{name}-{number}", "occurred_at": at, "type": "exposure", "initiative": name, "subject_id": f"u-{name}"}
            key = f"u-{name}".encode()
            last[name] = at
            await bus.append("engagement-events", partition_of(key, own.partitions), [Message(key, orjson.dumps(event), at)])
            if number == 0:
                await asyncio.sleep(1.0)

    async def listen() -> None:
        async for batch in bus.follow({("incidents", number): 0 for number in range(own.partitions)}, 0.02):
            for record in batch:
                data = orjson.loads(record.value or b"{}")["data"]
                if data["step"] == "opened" and data["initiative"] in last:
                    assert parse_instant(data["opened_at"])
                    found.setdefault(data["initiative"], now_ms() - last[data["initiative"]])
            if len(found) == count:
                return

    listening = asyncio.create_task(listen())
    await asyncio.gather(*(breach(name, 0.05 + number * 0.137) for number, name in enumerate(names)))
    await asyncio.wait_for(listening, 60)
    stop.set()
    await worker
    return ready_s, [one / config.timing.tick for one in found.values()]


def main(what: str, *more: str) -> None:
    """Run one of them."""
    if what == "ceiling":
        print(f"{'cells':>9}{'cell windows':>14}{'µs a window':>13}{'windows a second':>20}")
        for cells in more or ("100", "1000", "10000"):
            print(ceiling(int(cells)), flush=True)
    elif what == "subjects":
        subjects(int(more[0]) if more else 1_000_000)
    elif what == "load":
        own = read_settings(broker=more[0], clock="log", partitions=1, group="scale", subject_key_file=more[1])
        print(orjson.dumps(asyncio.run(loaded(own))).decode())
    elif what == "workers":
        workers(int(more[0]) if more else 60_000)
    elif what == "latency":
        ready_s, ticks = asyncio.run(opened(int(more[0]) if more else 40))
        fifty, ninety_five = median(ticks), quantiles(ticks, n=20)[-1]
        print(f"start to ready, empty, in memory: {ready_s:.1f} s")
        print(f"event to incident: {fifty:.1f} ticks p50, {ninety_five:.1f} p95, of {len(ticks)} (a window and a tick of 1 s, no lateness)")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
