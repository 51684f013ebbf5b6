"""The post: a courier for every sink of the config, beside the fold; and one notice to each to see whether it arrives."""

import asyncio
from collections.abc import Mapping

import orjson

from governance.config import Config
from governance.config.section import without_secrets
from governance.identity import event_id
from governance.message.instant import format_instant
from streams.config_event import now_ms
from streams.sinks.channel import Channel, UndeliveredError, UnknownAddressError, channel_of
from streams.sinks.courier import Errand, sink_courier
from streams.sinks.notice import Notice
from streams.sinks.plan import plan_courier

MASKED = "is masked, for no config is printed or published with addresses: write the real one here, the file it came from has it"


class AddressError(Exception):
    """Sinks whose addresses nobody here can send to; one line for each: the field and what would be right, never the address."""


def channels(config: Config) -> dict[str, Channel]:
    """Return the way out of every sink; raises AddressError. A config read back from the bus has no addresses to send to."""
    faults = unusable(config)
    if faults:
        raise AddressError("\n".join(f"{path}: {message}" for path, message in faults))
    return {name: channel_of(sink.url) for name, sink in config.sinks.items()}


def unusable(config: Config) -> list[tuple[str, str]]:
    """Return (path, what would be right) of each sink that nobody here can send to."""
    found = []
    for name, sink in config.sinks.items():
        if sink.url == without_secrets(sink.url):
            found.append((f"sinks.{name}.url", MASKED))
            continue
        try:
            channel_of(sink.url)
        except UnknownAddressError as error:
            found.append((f"sinks.{name}.url", str(error)))
    return found


class Post:
    """All couriers of a worker: one for each sink, and one that files the plans of scheduled reports where there are such."""

    def __init__(self, ways: Mapping[str, Channel], errand: Errand) -> None:
        self.couriers = [sink_courier(name, channel, errand) for name, channel in ways.items()]
        if any(one.reports for one in errand.config.initiatives.values()):
            self.couriers.append(plan_courier(errand))

    async def run(self) -> None:
        """Work for ever; each courier by itself."""
        await asyncio.gather(*(courier.run() for courier in self.couriers))


async def send_test_alerts(config: Config) -> dict[str, str | None]:
    """Send one test notice to every sink, all at once; return by sink why it did not arrive, None where it did. Raises AddressError."""
    at = now_ms()
    ways = channels(config)

    async def told(name: str, channel: Channel) -> str | None:
        try:
            await channel.send(trial(name, at))
        except UndeliveredError as error:
            return str(error)
        return None

    return dict(zip(ways, await asyncio.gather(*(told(name, channel) for name, channel in ways.items())), strict=True))


def trial(sink: str, at: int) -> Notice:
    """Return a notice that says it is a test."""
    identity = event_id("test-alert", sink, at)
    body = "This is a test of the way to you: nothing is wrong and nothing is to do."
    event = {"specversion": "1.0", "id": identity, "source": "/pmon", "type": "pmon.test-alert.v1", "subject": sink}
    value = orjson.dumps({**event, "time": format_instant(at), "data": {"message": body}})
    return Notice(identity, identity, 1, at, "[test] Personalization Monitor", body, value, "info")
