"""A server as a child process: it is there once its port answers, and gone by its own pid."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class ServerError(Exception):
    """A server did not come up; the message has the end of its log."""


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """One server process; `log` is where it writes."""

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.command, self.port, self.log = list(command), port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, within_s: float = 60.0) -> None:
        """Start it and wait until its port answers; raises ServerError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + within_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise ServerError(f"{self.command[0]} did not come up:\n" + self.log.read_text(errors="replace")[-2_000:])
            time.sleep(0.05)  # nothing tells when a port begins to answer: it is asked again

    def stop(self, within_s: float = 30.0) -> None:
        """Ask it to end, then make it."""
        self._end(signal.SIGTERM, within_s)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def _end(self, how: signal.Signals, within_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10.0)

    def _answers(self) -> bool:
        with socket.socket() as one:
            one.settimeout(0.5)
            return one.connect_ex(("127.0.0.1", self.port)) == 0
