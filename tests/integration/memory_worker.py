"""A `pmon run` with its bus in memory as a process of its own, and the verbs of other processes that reach it by PMON_URL."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson

from streams.replay import FILE_KEY
from streams.settings import read_settings
from streams.transport.http_bus import HttpBus
from tests.integration.fleet import ROOT, done

START_S = 60.0


class MemoryWorker:
    """One worker on mem://; `state` is where it keeps its logs, nowhere by default."""

    def __init__(self, folder: Path, config: Path | None = None, *, clock: str = "log", state: Path | None = None, **more: str) -> None:
        self.log = folder / "worker.log"
        self._config = config
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PMON_")}
        self.environment |= {"PMON_CLOCK": clock, "PMON_PARTITIONS": "2", "PMON_WEB_PORT": "0", "PMON_TRACEBACK": "1", **more}
        self.environment |= {} if state is None else {"PMON_STATE_DIR": str(state)}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "streams.cli", "run"]
        command += [] if self._config is None else ["--config", str(self._config)]
        before = len(self.said())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=log, stdout=log)
        until = time.monotonic() + START_S
        while not any(line["event"] == "ready" for line in self.said()[before:]):
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(self.log.read_text())
            time.sleep(0.05)  # the worker says it in its log: that is read again
        self.url = next(str(line["url"]) for line in self.said()[before:] if line["event"] == "page").rstrip("/")

    def said(self) -> list[dict[str, object]]:
        """Return the lines of its log."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def pmon(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        """Run a verb to its end; it knows the worker by its address only."""
        environment = {**self.environment, "PMON_URL": self.url, **more}
        environment.pop("PMON_STATE_DIR", None)
        command = [sys.executable, "-m", "streams.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)

    async def done(self, within_s: float = 90.0) -> None:
        """Wait until all it was given is done."""
        bus = HttpBus(self.url)
        await bus.open()
        try:
            await done(bus, read_settings(clock=self.environment["PMON_CLOCK"], partitions=2), FILE_KEY, within_s)
        finally:
            await bus.close()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
