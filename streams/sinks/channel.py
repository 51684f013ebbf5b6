"""How a notice leaves: posted as its event to a web address, or through Apprise as mail, to a chat, a pager.

Addresses hold passwords and tokens: no error and no log line repeats one, and what Apprise would log is not let out.
"""

import asyncio
import logging
from typing import Any, Protocol

import aiohttp

from streams.sinks.notice import Notice

TIMEOUT_S = 20.0
EVENT_ID = "X-Pmon-Event-Id"  # what a receiver drops copies by; a web address gets the usual Idempotency-Key too
KINDS = {"info": "info", "warning": "warning", "high": "warning", "critical": "failure"}  # severities as Apprise names them


class UndeliveredError(Exception):
    """A notice may not have arrived; the message says of what kind the fault was, never the address."""


class UnknownAddressError(Exception):
    """An address nobody here can send to; the message says what would be right, never the address."""


class Channel(Protocol):
    """A way out."""

    async def send(self, notice: Notice) -> None:
        """Send one notice; raises UndeliveredError where nobody says that it arrived."""


def channel_of(url: str) -> Channel:
    """Return the way out that an address names; raises UnknownAddressError."""
    if url.partition("://")[0].lower() in ("http", "https"):
        return WebAddress(url)
    return Messenger(url)


class WebAddress:
    """Posts the event as it stands on the bus (CloudEvents, structured JSON); any 2xx is an arrival, a redirect is none."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def send(self, notice: Notice) -> None:
        """Post one event."""
        headers = {"Content-Type": "application/cloudevents+json", "Idempotency-Key": notice.id, EVENT_ID: notice.id}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, data=notice.event, headers=headers, allow_redirects=False) as answer,
            ):
                if not 200 <= answer.status < 300:
                    raise UndeliveredError(f"the server answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UndeliveredError(type(error).__name__) from None


class Messenger:
    """Everything else, through Apprise; its calls block, so they run in a thread."""

    def __init__(self, url: str) -> None:
        quiet()
        self._url = url
        self._service()

    def _service(self) -> Any:
        from apprise import Apprise  # half a second: paid by who has such a sink

        service = Apprise.instantiate(self._url)
        if service is None:
            raise UnknownAddressError("must be an address that Apprise knows and finds complete, such as mailto://, or http(s)://")
        return service

    async def send(self, notice: Notice) -> None:
        """Send one notice as title and text; with the event's id where the service has headers."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                arrived = await asyncio.to_thread(self._notify, notice)
        except TimeoutError:
            raise UndeliveredError("TimeoutError") from None
        except Exception as error:  # of any kind: a plugin's fault is a notice not delivered, and its text may hold the address
            raise UndeliveredError(type(error).__name__) from None
        if not arrived:
            raise UndeliveredError("the service did not take it")

    def _notify(self, notice: Notice) -> bool:
        from apprise import Apprise

        service = self._service()
        if isinstance(getattr(service, "headers", None), dict):
            service.headers[EVENT_ID] = notice.id
        told = Apprise()
        told.add(service)
        return bool(
            told.notify(body=notice.body, title=" ".join(notice.title.split()), notify_type=KINDS[notice.severity], body_format="text")
        )


def quiet() -> None:
    """Let Apprise log nothing: its lines hold addresses."""
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 1)
