"""A worker: the Faust app with our transport and store, everything that runs beside it, and how it ends.

    bus open ─► topics verified ─► Faust: group joined, shards loaded ─► ready: agents, ticker, nudge, pulse ─► SIGTERM or failure ─► stop

Faust is started from here and not by its worker command: that one starts a web server with a table browser on all interfaces, takes over
standard output, and swallows why it ended.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable
from typing import Any, cast

import faust
from faust.stores import STORES
from faust.transport.drivers import TRANSPORTS
from yarl import URL

from streams.agents import add_agents
from streams.display import Display
from streams.jobs import READ_MODEL, watch
from streams.journal import say
from streams.settings import Settings
from streams.shards import Consumer, Ground, Shards
from streams.sinks import Errand, Post, channels
from streams.ticker import Ticker
from streams.topics import INTAKE, MONITOR, changelog, prepare
from streams.transport.bus import Bus
from streams.transport.security import faust_credentials

# Registered here and not as entry points, so that a checkout that was never installed runs the same.
TRANSPORTS.aliases["pmon-kafka"] = "streams.transport.kafka:KafkaTransport"
TRANSPORTS.aliases["pmon-mem"] = "streams.transport.memory:MemoryTransport"
STORES.aliases["pmon-changelog"] = "streams.store:ChangelogStore"
STORE = "pmon-changelog://rows"  # with nothing behind :// the address is falsy and Faust silently takes a dictionary

SESSION_S = 10.0  # a killed worker's shards move after this; brokers refuse less than 6
HEARTBEAT_S = 0.3  # workers hear in the answer that somebody came or left
FROZEN_SHARE = 0.7
STOP_S = 20.0
NUDGE_S = 1.0
AGAIN_S = 30.0
QUEUED_BATCHES = 16  # of 4,000 records at most: what an agent has not come to yet, a second's work
FETCH_BYTES = 2 << 20  # a partition; a worker may hold hundreds


class App(faust.App):
    """Faust's app with what our transport and store ask of it."""

    bus: Bus
    shards: Shards

    def _create_directories(self) -> None:
        """Make no folder: nothing of Faust's is kept on disk."""


def make_app(ground: Ground) -> App:
    """Return the app of a worker; nothing is connected yet. Called inside the event loop."""
    settings = ground.settings
    hosts = settings.broker.removeprefix("kafka://").split(";") if settings.broker != "mem://" else []
    app = App(
        settings.group,
        broker=[URL(f"pmon-kafka://{host}") for host in hosts] or [URL("pmon-mem://worker")],
        broker_credentials=faust_credentials(settings.security),
        store="memory://",
        topic_partitions=settings.partitions,
        topic_disable_leader=True,  # nobody leads: each owner ticks for its own partitions
        processing_guarantee="at_least_once",  # exactly_once is not (#517, #323, #177): the changelog's stamps are
        consumer_auto_offset_reset="earliest",
        table_standby_replicas=0,  # a standby's changelog would be assigned as if it were owned
        stream_wait_empty=False,
        stream_buffer_maxsize=QUEUED_BATCHES,
        stream_recovery_delay=0.0,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_commit_interval=1.0,
        broker_max_poll_records=8_000,
        consumer_max_fetch_size=FETCH_BYTES,
        web_enabled=False,
    )
    app.bus = ground.bus
    app.shards = Shards(ground, lambda: cast(Consumer, app.consumer))
    # No consumer_group_instance_id: two workers with one id throw each other out, and a worker has no name of its own to take it from.
    for stage in (INTAKE, MONITOR):
        raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        # Given explicitly: a table's own changelog topic ignores the serializers, and its errors are swallowed in recovery.
        topic = app.topic(changelog(settings, stage), partitions=settings.partitions, compacting=True, acks=False, allow_empty=True, **raw)
        app.Table(stage, partitions=settings.partitions, key_type=bytes, value_type=bytes, changelog_topic=topic, store=STORE)
    add_agents(app, app.shards, settings.partitions)
    return app


async def work(ground: Ground, ready: asyncio.Event | None = None, stop: asyncio.Event | None = None) -> None:
    """Work until SIGTERM or SIGINT (or `stop`), then end gracefully; raises what ended the worker otherwise.

    `ready` is set once the group is joined and the shards are loaded.
    """
    quiet_libraries()
    await ground.bus.open()
    # From before the first shard is loaded to after the last one is closed: a start that takes long, or an end, is no freeze.
    beating = asyncio.create_task(ground.pulse.beat())
    try:
        await prepare(ground.bus, ground.settings, ground.config)
        app, ready = make_app(ground), ready or asyncio.Event()
        display = Display(ground, app.shards, ready.is_set)
        async with display.served():
            await _work(app, ground, display, ready, stop or stopped_by_signal())
    finally:
        beating.cancel()
        await ground.bus.close()


async def _work(app: App, ground: Ground, display: Display, ready: asyncio.Event, stop: asyncio.Event) -> None:
    async def live() -> None:
        await app.start()
        say("ready", partitions=len(app.shards.partitions()))
        ready.set()
        await asyncio.gather(*duties(app, ground), *display.duties())

    async def crashed() -> None:
        await app._crashed.wait()
        raise app.crash_reason or RuntimeError("Faust ended the worker and does not say why")

    asked: asyncio.Future[Any] = asyncio.create_task(stop.wait())
    ends: list[asyncio.Future[Any]] = [asked, asyncio.create_task(live()), asyncio.create_task(crashed()), app.shards.failure]
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    say("stopping", asked=asked in done)
    for one in ends:
        one.cancel()
    await end(app)
    for task in done:
        task.result()  # raises what went wrong


def duties(app: App, ground: Ground) -> list[Awaitable[None]]:
    """Return what runs beside the agents."""
    found: list[Awaitable[None]] = [nudge(app)]
    errand = Errand(ground.bus, ground.settings, ground.config, ground.jobs, app.shards.monitored)
    found.append(Post(channels(ground.config), errand).run())
    if ground.settings.redis.get_secret_value() not in ("embedded", "off"):
        found.append(watch(READ_MODEL, ground.model.reaches, ground.jobs, ground.config.incidents.retry_limit))
    if ground.settings.clock == "wall":  # on the log's clock ticks come with the data
        found.append(Ticker(ground.bus, app.shards.inputs, ground.config.timing.tick, app.shards.partitions, ground.jobs).run())
    return found


async def nudge(app: App) -> None:
    """Look for holes at the ends of inputs, for ever."""
    while True:
        await asyncio.sleep(NUDGE_S)
        if not app.rebalancing:
            await app.shards.nudge()


async def end(app: App) -> None:
    """Close the shards, then leave the group; what takes too long is left to the log."""
    try:
        async with asyncio.timeout(STOP_S):
            await app.shards.close()
            await app.stop()
    except TimeoutError:
        say("stopped_late", after_s=STOP_S)


def stopped_by_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


class LibraryLog(logging.Handler):
    """Warnings of the libraries as lines of our own log: which, where, and the fixed part of what they say, never the values in it.

    The same place speaks once in AGAIN_S: aiokafka says ten times a second that a broker is away.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        place = (record.name, record.lineno)
        if record.created - self._said.get(place, 0.0) < AGAIN_S:
            return
        self._said[place] = record.created
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        fixed = text if record.args else text.split(":")[0][:80]
        say("library", logger=record.name, level=record.levelname, says=fixed, line=record.lineno)


def quiet_libraries() -> None:
    """Let the libraries log warnings only, as our lines: they build DEBUG records even where nobody reads them, a fifth of the CPU."""
    for name in ("aiokafka", "faust", "mode"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers[:] = [LibraryLog()]
        logger.propagate = False


def pulse_limit_s(settings: Settings) -> float | None:
    """Return how long a worker may be without a beat; None where nobody else could own its shards."""
    return None if settings.broker == "mem://" else FROZEN_SHARE * SESSION_S
