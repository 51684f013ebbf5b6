"""Those who wait for changes: each hears every change once, and those that came while it was busy together."""

import asyncio
from collections.abc import AsyncGenerator, Iterable


class Listeners:
    """A set of waiting readers; what waits for one is a set of digests, never a queue."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, set[str]] = {}

    def tell(self, digests: Iterable[str]) -> None:
        """Tell everybody."""
        new = set(digests)
        if new:
            for event, heard in self._waiting.items():
                heard |= new
                event.set()

    async def changes(self) -> AsyncGenerator[frozenset[str]]:
        """Yield what is told from now on."""
        event = asyncio.Event()
        heard = self._waiting[event] = set()
        try:
            while True:
                await event.wait()
                event.clear()
                told = frozenset(heard)
                heard.clear()
                yield told
        finally:
            del self._waiting[event]
