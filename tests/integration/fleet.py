"""Workers as processes of their own, and the moment at which all they were given is done."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import orjson

from governance.config import Config
from streams.kernel import monitor
from streams.kernel.changelog import last_stamp
from streams.kernel.record import Shard
from streams.kernel.stamp import IntakeStamp, MonitorStamp
from streams.seat import entry_of, read_changelog
from streams.settings import Settings, read_settings
from streams.topics import INTAKE, MONITOR, changelog, inputs
from streams.transport.bus import Bus
from tests.brokers.kafka import Kafka

ROOT = Path(__file__).parents[2]


class NeverDoneError(Exception):
    """The workers did not come to an end in time; the message says who is behind where."""


class Deployment:
    """A group of workers with topics of its own on a broker, on the log's clock unless told otherwise."""

    def __init__(
        self, kafka: Kafka, folder: Path, name: str, config: Path, partitions: int = 4, *, redis: str = "off", clock: str = "log"
    ) -> None:
        self.folder, self.config = folder, config
        self.key = folder / "subject.key"
        self.key.write_bytes(b"a key of the tests")
        self.settings: Settings = read_settings(
            broker=kafka.url,
            redis=redis,
            clock=clock,
            partitions=partitions,
            group=name,
            topic_prefix=f"{name}.",
            subject_key_file=self.key,
        )
        self.environment: Mapping[str, str] = {
            **os.environ,
            "PMON_BROKER": kafka.url,
            "PMON_CLOCK": clock,
            "PMON_PARTITIONS": str(partitions),
            "PMON_GROUP": name,
            "PMON_TOPIC_PREFIX": f"{name}.",
            "PMON_SUBJECT_KEY_FILE": str(self.key),
            "PMON_REDIS": redis,
            "PMON_WEB_PORT": "0",
            "PMON_TRACEBACK": "1",
        }

    def pmon(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a verb to its end."""
        command = [sys.executable, "-m", "streams.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=dict(self.environment), capture_output=True, timeout=120, check=False)

    async def done(self, bus: Bus, within_s: float) -> None:
        """Wait until every input is folded, every signal heard and nothing due is left; raises NeverDoneError.

        What was committed last may still be on its way: a worker that is ended has sent it.
        """
        await done(bus, self.settings, self.key.read_bytes(), within_s)


async def done(bus: Bus, settings: Settings, key: bytes, within_s: float) -> None:
    """Wait until every input is folded, every signal heard and nothing due is left; raises NeverDoneError."""
    until = time.monotonic() + within_s
    while late := await behind(bus, settings, key):
        if time.monotonic() > until:
            raise NeverDoneError("; ".join(late))
        await asyncio.sleep(1)


async def behind(bus: Bus, own: Settings, key: bytes) -> list[str]:
    """Return what is not done yet, of the intakes first: a monitor that has heard all so far may hear more from one that is behind."""
    found: list[str] = []
    sent: dict[int, dict[str, int]] = {}
    names = inputs(own, read_config())
    for number in range(own.partitions):
        ends = await bus.ends([(name, number) for name in names])
        last = IntakeStamp.read(await stamp(bus, changelog(own, INTAKE), number))
        found += [f"{name} {number}" for name, plain in names.items() if last.offsets.get(plain, 0) < ends[name, number]]
        sent[number] = last.numbers
    if found:
        return found
    for number in range(own.partitions):
        heard = MonitorStamp.read(await stamp(bus, changelog(own, MONITOR), number)).numbers
        if any(heard.get(str(source), 0) < numbers.get(str(number), 0) for source, numbers in sent.items()):
            found.append(f"signals {number}")
            continue
        rows = (await read_changelog(bus, changelog(own, MONITOR), number)).rows
        if monitor.pending(rows, Shard(number, own.partitions, key)):
            found.append(f"what is due {number}")
    return found


async def stamp(bus: Bus, log: str, number: int) -> bytes | None:
    """Return the stamp of a shard's last commit, from the end of its changelog: the rows need not be read."""
    end = (await bus.ends([(log, number)]))[log, number]
    for back in (1_000, 50_000, end):
        entries = [entry_of(record) async for batch in bus.read(log, number, max(0, end - back), end) for record in batch]
        found = last_stamp(entries)
        if found is not None:
            return found
    return None


def read_config() -> Config:
    """Return a config without foreign topics."""
    return Config(version=1)


class Worker:
    """One `pmon run`."""

    def __init__(self, deployment: Deployment, number: int) -> None:
        self.log = deployment.folder / f"worker-{number}.log"
        self._deployment = deployment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "streams.cli", "run", "--config", str(self._deployment.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=dict(self._deployment.environment), stderr=log, stdout=log)

    def send(self, what: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, what)

    def ended(self) -> int | None:
        """Return its exit code, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def end(self, what: signal.Signals = signal.SIGTERM, within_s: float = 40.0) -> int:
        """End it and return its exit code."""
        assert self._process is not None
        self.send(signal.SIGCONT)
        self.send(what)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def runs(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def discard(self) -> None:
        """End it at once, if it was started."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def owns(self) -> set[str]:
        """Return the partitions whose intake it owned last."""
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines() if b'"shards_owned"' in line]
        return set([line["partitions"] for line in lines if line["stage"] == "intake"][-1].split(","))

    def says(self, event: str) -> int:
        """Return how often its log has an event."""
        return self.log.read_bytes().count(f'"event":"{event}"'.encode()) if self.log.exists() else 0
