"""Servers of this machine that sinks are told through: a mail server and a web server, each remembering what reached it."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from socket import socket
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller


@dataclass
class Letters:
    """What a mail server took; `refuses` counts down before it takes anything."""

    refuses: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a letter, or not yet."""
        if self.refuses:
            self.refuses -= 1
            return "451 not now"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 taken"

    @property
    def url(self) -> str:
        """Return the address of a sink that writes to this server."""
        return f"mailto://127.0.0.1:{self.port}?from=pmon@shop.example&to=team@shop.example&mode=insecure"


@contextmanager
def mail_server(refuses: int = 0) -> Iterator[Letters]:
    """Run a mail server."""
    with socket() as free:  # the controller connects to the port it is told, so it cannot be 0
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    letters = Letters(refuses, port=port)
    controller = Controller(letters, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield letters
    finally:
        controller.stop()


@dataclass
class Posted:
    """What a web server was sent: the ids in order; `answer` gives the status by how many came before."""

    answer: Callable[[int], int] = lambda number: 204
    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    url: str = ""


@asynccontextmanager
async def web_server(answer: Callable[[int], int] = lambda number: 204) -> AsyncGenerator[Posted, None]:
    """Run a web server."""
    posted = Posted(answer)

    async def take(request: web.Request) -> web.Response:
        status = posted.answer(len(posted.ids))
        posted.ids.append(request.headers["Idempotency-Key"])
        posted.bodies.append(await request.read())
        posted.types.append(request.content_type)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    posted.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield posted
    finally:
        await runner.cleanup()
