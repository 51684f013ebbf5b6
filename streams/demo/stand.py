"""The demo's page: a web server in a thread of its own, fed by what the run publishes."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import orjson

from governance.message.instant import parse_instant
from streams.event_line import Line
from streams.kernel.record import Outgoing, Record
from streams.read_model.memory import MemoryModel
from streams.web.server import serving
from streams.web.site import Site

START_S = 30.0  # a busy machine; nothing is waited for but a socket
CHANGES = 100


Make = Callable[[MemoryModel, Callable[[], int]], Site]  # from the model and the clock of the run


class Stand:
    """A page that is live: `url` once it is served; `now` is event time, ms, as far as the run is."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.url = ""
        self._commits = 0
        self._changes: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self.asked = SimpleQueue[Line]()
        self.newest: dict[str, int] = {}
        self._served: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    def take(self, outbox: Sequence[Outgoing], now: int) -> None:
        """Hand over what was published up to `now`; returns at once."""
        self.now = now
        self._commits += 1
        self._loop.call_soon_threadsafe(self._model.take, 0, self._commits, outbox)

    def read(self, record: Record) -> None:
        """Take note of one record as it is fed."""
        self.newest[record.topic] = max(self.newest.get(record.topic, 0), record.timestamp)
        if record.topic == "rule-changes" and record.value is not None:
            self._changes.append(orjson.loads(record.value))

    def changes(self, initiative: str) -> list[dict[str, Any]]:
        """Return the rule changes of an initiative up to now."""
        return [one for one in list(self._changes) if one["initiative"] == initiative and parse_instant(one["occurred_at"]) <= self.now]

    async def ask(self, line: Line) -> None:
        """Take a command from the page, for whoever plays."""
        self.asked.put(line)

    @contextmanager
    def served(self, make: Make, host: str, ports: Sequence[int]) -> Iterator[None]:
        """Serve the page on the first port that can be had (0: any) while the block runs; raises OSError where none can."""
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(make, host, ports)), name="page", daemon=True)
        thread.start()
        self._loop, stop, port = self._served.result(START_S)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(stop.set)
            thread.join(START_S)

    async def _serve(self, make: Make, host: str, ports: Sequence[int]) -> None:
        stop = asyncio.Event()
        self._model = MemoryModel()
        for port in ports:
            try:
                async with serving(make(self._model, lambda: self.now), host, port) as found:
                    self._served.set_result((asyncio.get_running_loop(), stop, found))
                    await stop.wait()
                return
            except OSError as error:
                if port == ports[-1]:
                    self._served.set_exception(error)
