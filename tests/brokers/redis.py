"""A real Redis on loopback, without a file of its own."""

import shutil
from pathlib import Path

from tests.brokers.process import Server, free_port


def missing() -> str | None:
    """Return what this machine lacks to run Redis, None for nothing."""
    return None if shutil.which("redis-server") else "no redis-server (Debian: apt-get install redis-server)"


class Redis(Server):
    """One server that keeps nothing on disk: stopped, it has forgotten everything."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        super().__init__(command, port, folder / "redis.log")

    @property
    def url(self) -> str:
        """The server as PMON_REDIS wants it."""
        return f"redis://127.0.0.1:{self.port}/0"
