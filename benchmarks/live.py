"""The whole work over Kafka and in memory, beside the least anybody can do, idiomatic Faust and Quix Streams, in one run: rates and ratios.

    python -m benchmarks.live [--events 60000] [--compared 20000] [--quix] [--only NAME …]

All read the same events from the same Apache Kafka (as tests/brokers starts it), one after the other, each in a process of its own; what is
measured begins when the first event is there. `cpu` is process time, so that neighbours on the machine do not show: read the ratios of it.
The monitor does all it does (consent, experiments, windows, detectors, durable commits), the others count by cell and minute.
With --quix a virtual environment of its own is made in ~/.cache/pmon-benchmarks, once.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks import traffic
from governance.config import load_config
from streams.settings import Settings, read_settings
from streams.transport.opening import bus_of
from tests.brokers import kafka as kafka_server
from tests.brokers.kafka import Kafka

PARTITIONS = 4
EVENTS_A_SECOND = 500  # of event time: a tick of 10 s brings a partition 1,250 events
TOPIC = "engagement-events"
QUIX = "quixstreams==3.28.1"
VENV = Path.home() / ".cache" / "pmon-benchmarks" / "quix-3.28.1"
CONTESTANTS = Path(__file__).with_name("contestant")
WITHIN_S = 1_800.0
NAMES = ("floor", "monitor over Kafka", "monitor over mem://", "idiomatic Faust", "Quix Streams", "Quix Streams, group_by")

Found = dict[str, float]


def ran(command: list[str], environment: Mapping[str, str] = os.environ) -> Found:
    """Run a contestant; return what it told."""
    done = subprocess.run(command, env=dict(environment), capture_output=True, timeout=WITHIN_S, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {done.returncode}:\n" + done.stderr.decode(errors="replace")[-2_000:])
    found: Found = orjson.loads(lines[-1])
    return found


@contextmanager
def broker(folder: Path) -> Iterator[Kafka]:
    """Run an Apache Kafka of our own."""
    kafka = Kafka(folder)
    kafka.start()
    try:
        yield kafka
    finally:
        kafka.kill()


def quix() -> str:
    """Return the interpreter of Quix Streams' own virtual environment."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", QUIX], check=True)
    return str(python)


def environment(own: Settings, folder: Path) -> dict[str, str]:
    """Return the environment of a worker with these settings."""
    return {
        **os.environ,
        "PMON_BROKER": own.broker,
        "PMON_CLOCK": "log",
        "PMON_REDIS": "off",
        "PMON_WEB_PORT": "0",
        "PMON_PARTITIONS": str(own.partitions),
        "PMON_GROUP": own.group,
        "PMON_TOPIC_PREFIX": own.topic_prefix,
        "PMON_SUBJECT_KEY_FILE": str(folder / "subject.key"),
    }


def worker(own: Settings, folder: Path, events: int, *load: str) -> Found:
    """Run the monitor once through what is there."""
    command = [sys.executable, "-m", "benchmarks.contestant.worker", str(events), str(folder / "config.yaml"), *load]
    return ran(command, environment(own, folder))


def start_worker(own: Settings, folder: Path, events: int) -> "subprocess.Popen[bytes]":
    """Start the monitor; it says when it is ready, then waits for the first event."""
    command = [sys.executable, "-m", "benchmarks.contestant.worker", str(events), str(folder / "config.yaml"), "wait"]
    return subprocess.Popen(command, env=environment(own, folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


async def produced(own: Settings, events: int, span_ms: int) -> None:
    """Put the traffic on the broker."""
    bus = bus_of(own)
    await bus.open()
    try:
        await traffic.fill(bus, own, load_config(traffic.CONFIG), events, span_ms)
    finally:
        await bus.close()


def measure(name: str, own: Settings, folder: Path, events: int, compared: int) -> Found:
    """Run one contestant."""
    host, module = own.broker.removeprefix("kafka://"), f"benchmarks.contestant.{name.split()[-1].lower()}"
    span_ms = 1_000 * events // EVENTS_A_SECOND
    if name == "floor":
        return ran([sys.executable, "-m", "benchmarks.contestant.floor", host, TOPIC, str(events)])
    if name == "idiomatic Faust":
        module = "benchmarks.contestant.idiomatic"
        return ran([sys.executable, "-m", module, host, TOPIC, str(compared), str(PARTITIONS)])
    if name.startswith("Quix"):
        kept = tempfile.mkdtemp(dir=folder)
        group = ["group"] if name.endswith("group_by") else []
        return ran([quix(), str(CONTESTANTS / "quix.py"), host, TOPIC, str(compared), kept, *group])
    if name.endswith("Kafka"):
        return worker(own, folder, events)
    return worker(own.model_copy(update={"broker": "mem://"}), folder, events, "load", str(span_ms))


def told(found: Mapping[str, Found]) -> str:
    """Return the table of what was measured."""
    each = {name: one["cpu_s"] / one["events"] * 1e6 for name, one in found.items()}
    lines = [f"{'':<26}{'events':>9}{'events/s':>11}{'cpu µs each':>13}{'of the floor':>14}{'x Faust':>9}{'x Quix':>8}{'x grouped':>11}"]
    for name, one in found.items():
        ratios = [f"{each['floor'] / each[name]:.1%}" if "floor" in each else "-"]
        for other in ("idiomatic Faust", "Quix Streams", "Quix Streams, group_by"):
            ratios.append(f"{each[other] / each[name]:.1f}" if other in each else "-")
        rate = one["events"] / one["wall_s"]
        lines.append(
            f"{name:<26}{int(one['events']):>9,}{rate:>11,.0f}{each[name]:>13.1f}"
            f"{ratios[0]:>14}{ratios[1]:>9}{ratios[2]:>8}{ratios[3]:>11}"
        )
    return "\n".join(lines)


def main(arguments: Any = None) -> None:
    """Run the contestants one after the other and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live")
    parser.add_argument("--events", type=int, default=60_000, help="that the floor and the monitor read")
    parser.add_argument("--compared", type=int, default=20_000, help="that the slower ones read")
    parser.add_argument("--quix", action="store_true", help="with Quix Streams, in a virtual environment made for it")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    asked = parser.parse_args(arguments)
    if reason := kafka_server.missing():
        print(f"skipped: {reason}")
        return
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as name, broker(folder := Path(name)) as kafka:
        (folder / "subject.key").write_bytes(b"a key of the benchmarks")
        (folder / "config.yaml").write_text(traffic.CONFIG)
        own = read_settings(
            broker=kafka.url, clock="log", partitions=PARTITIONS, group="benchmark", subject_key_file=folder / "subject.key", redis="off"
        )
        asyncio.run(produced(own, asked.events, 1_000 * asked.events // EVENTS_A_SECOND))
        for contestant in asked.only:
            if contestant.startswith("Quix") and not asked.quix:
                print(f"{contestant}: skipped, asked for with --quix", flush=True)
                continue
            try:
                found[contestant] = measure(contestant, own, folder, asked.events, min(asked.compared, asked.events))
            except (RuntimeError, subprocess.SubprocessError) as error:
                print(f"{contestant}: skipped, {error}", flush=True)
                continue
            one = found[contestant]
            print(f"{contestant}: {one['cpu_s'] / one['events'] * 1e6:.1f} µs of cpu an event", flush=True)
    print(told(found))


if __name__ == "__main__":
    main()
