"""The buses under test, by one fixture."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from governance.config import Config
from streams.display import append
from streams.read_model.memory import MemoryModel
from streams.transport.bus import Bus, Topic
from streams.transport.http_bus import HttpBus
from streams.transport.kafka_bus import KafkaBus
from streams.transport.memory_bus import MemoryBus
from streams.web.server import serving
from streams.web.site import Door, Site

Make = Callable[[], Bus]
NAMES = count()


class AllTopics(frozenset[str]):
    """Every name there is."""

    def __contains__(self, _: object) -> bool:
        return True


class Served(HttpBus):
    """A bus in memory behind a web server, as a verb reaches it; topics are made where the worker is."""

    def __init__(self, address: str) -> None:
        super().__init__("")
        self._behind = MemoryBus(address)
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Serve it and connect."""
        await self._behind.open()
        door = Door(partial(append, self._behind, {}, 10_000), self._behind, AllTopics(), 10_000)
        port = await self._stack.enter_async_context(serving(Site(MemoryModel(), Config(version=1), lambda: 0, door=door), "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{port}"
        await super().open()

    async def close(self) -> None:
        """Let go of both."""
        await super().close()
        await self._stack.aclose()
        await self._behind.close()

    async def create(self, topics: Sequence[Topic]) -> None:
        """Create them as the worker would."""
        await self._behind.create(topics)


@pytest.fixture(params=["memory", "file", "http", pytest.param("kafka", marks=pytest.mark.integration)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """How to come to the bus under test; every call opens the same one."""
    if request.param == "kafka":
        url = request.getfixturevalue("kafka").url
        return lambda: KafkaBus(url)
    address = f"mem://contract-{next(NAMES)}" + (f"?dir={tmp_path}" if request.param == "file" else "")
    return lambda: Served(address) if request.param == "http" else MemoryBus(address)
