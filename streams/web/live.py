"""`/live`: server-sent events that say when the page should be read again. They carry no content, so there is one way to draw a page."""

import asyncio
from contextlib import aclosing, suppress

from aiohttp import web

from streams.read_model.model import ReadModel
from streams.web.guard import refused

MOST = 200  # pages that listen to one worker; the others are read again by hand
BETWEEN_S = 1.0  # a page is not drawn more often
ALIVE_S = 15.0  # proxies close what is silent for long


class Live:
    """The pages that listen."""

    def __init__(self, model: ReadModel) -> None:
        self.pages = 0
        self._model = model

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send an event each time something has changed, until the page goes."""
        if self.pages >= MOST:
            return refused(503, f"{MOST} pages listen already; this one is as it was when it was read")
        self.pages += 1
        try:
            return await self._answer(request)
        finally:
            self.pages -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        with suppress(ConnectionResetError):
            await response.write(b"retry: 2000\nevent: changed\ndata: now\n\n")  # what changed while the page was on its way
            async with aclosing(self._model.changes()) as changes:
                waiting = asyncio.ensure_future(anext(changes))
                try:
                    while True:
                        done, _ = await asyncio.wait([waiting], timeout=ALIVE_S)
                        if done:
                            waiting = asyncio.ensure_future(anext(changes))
                        await response.write(b"event: changed\ndata: now\n\n" if done else b": alive\n\n")
                        await asyncio.sleep(BETWEEN_S if done else 0)
                finally:
                    waiting.cancel()
                    with suppress(asyncio.CancelledError):
                        await waiting
        return response
