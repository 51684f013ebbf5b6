"""What a worker shows of itself: how far its shards are, and the web server with page, health and metrics. It decides nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import groupby

from detectors.window import SECOND
from streams.cli.version import version
from streams.config_event import now_ms
from streams.event_file import partition_of
from streams.event_line import Line
from streams.journal import say
from streams.kernel import monitor
from streams.kernel.pending import TICKS
from streams.rule_changes import RuleChanges
from streams.shards import Ground, Shards
from streams.stage import IntakeStage
from streams.topics import MONITOR, inputs
from streams.transport.bus import Bus, Message
from streams.web.operators import read_operators
from streams.web.server import serving
from streams.web.site import Door, Progress, ShardProgress, Site

BATCH_BYTES = 512 << 10  # half of what an input takes at once


class AddressError(Exception):
    """The web server's address cannot be had; the message names the settings and what would be right."""


class Display:
    """The web side of one worker; `ready` tells whether the group is joined and the shards are loaded. Raises SettingsError."""

    def __init__(self, ground: Ground, shards: Shards, ready: Callable[[], bool]) -> None:
        self._ground, self._shards, self._ready = ground, shards, ready
        self._changes = RuleChanges(ground.bus, ground.settings)
        self._operators = read_operators(ground.settings.operators_file)
        self._by_log = ground.settings.clock == "log"
        self._names = {plain: name for name, plain in inputs(ground.settings, ground.config).items()}

    def duties(self) -> list[Awaitable[None]]:
        """Return what has to run beside the agents for the page to be right."""
        return [self._ground.model.run(), self._changes.run()]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve while the block runs; raises AddressError."""
        host, port = self._ground.settings.web_host, self._ground.settings.web_port
        stack = AsyncExitStack()
        try:
            found = await stack.enter_async_context(serving(self.site(), host, port))
        except OSError as error:
            raise AddressError(f"PMON_WEB_HOST, PMON_WEB_PORT: {host}:{port} cannot be had: {error.strerror}; port 0 takes any") from None
        async with stack:
            say("page", url=f"http://{f'[{host}]' if ':' in host else host}:{found}/")
            yield

    def site(self) -> Site:
        """Return the worker as the web sees it."""
        settings, config = self._ground.settings, self._ground.config
        return Site(
            self._ground.model,
            config,
            self.now,
            self.progress,
            stalled_after_s=None if self._by_log else config.timing.stalled_after / SECOND,
            door=self.door() if settings.broker == "mem://" else None,
            changes=self._changes.of,
            newest=self.newest,
            version=version(),
            hosts=frozenset({settings.web_host}),
            operators=self._operators,
            ask=self.ask,
        )

    def door(self) -> Door:
        """Return the way to the bus in this process; ticks are taken where they come with the data."""
        settings, bus = self._ground.settings, self._ground.bus
        taken = set(self._names) - {"monitor-config", *(() if self._by_log else (TICKS,))}
        return Door(partial(append, bus, self._names, settings.partitions), bus, frozenset(taken), settings.partitions)

    async def ask(self, command: Line) -> None:
        """Put what an operator asks on the bus, wherever that is."""
        await append(self._ground.bus, self._names, self._ground.settings.partitions, [command])

    def now(self) -> int:
        """Return the time the page is read at, ms: on the log's clock the latest that is closed."""
        places = self._ground.model.fold.places() if self._by_log else ()
        return max((place.closed for place in places), default=0) or now_ms()

    def newest(self) -> Mapping[str, int]:
        """Return the stamp (ms) of the newest record of each feed the shards here have read; foreign topics are what they are mapped to."""
        plain = {source.topic: source.as_ for source in self._ground.config.sources}
        found: dict[str, int] = {}
        for stage in self._shards.stages.values():
            if isinstance(stage, IntakeStage):
                for topic, stamp in stage.newest.items():
                    name = plain.get(topic, topic)
                    found[name] = max(found.get(name, 0), stamp)
        return found

    def progress(self) -> Progress:
        """Return how far every shard is."""
        shards = []
        for (name, partition), stage in sorted(self._shards.stages.items()):
            marks = monitor.watermarks(stage.seat.rows) if name == MONITOR else {}
            if marks:  # a shard that was never heard holds back as much as one that fell silent
                marks = {number: marks.get(number, 0) for number in range(self._ground.settings.partitions)}
            shards.append(ShardProgress(name, partition, stage.commits, stage.idle_s(), marks))
        return Progress(None if self._ready() else "the group is joined and the shards are loaded", tuple(shards), self._shards.lag())


async def append(bus: Bus, names: Mapping[str, str], partitions: int, lines: Sequence[Line]) -> Sequence[tuple[int, int]]:
    """Append lines to a bus, those of one partition that follow each other as one batch; return (partition, offset) of each.

    `names` are the topics on the bus by their plain names; a topic that is not there keeps its own.
    """
    landed: list[tuple[int, int]] = []
    for place, run in groupby(lines, lambda line: _place(line, names, partitions)):
        for batch in _batches([Message(line.key, line.value, _stamp(line)) for line in run]):
            base = await bus.append(*place, batch)
            landed += [(place[1], base + number) for number in range(len(batch))]
    return landed


def _batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    start = size = 0
    for number, one in enumerate(messages):
        more = len(one.key or b"") + len(one.value or b"")
        if number > start and size + more > BATCH_BYTES:
            yield messages[start:number]
            start, size = number, 0
        size += more
    yield messages[start:]


def _place(line: Line, names: Mapping[str, str], partitions: int) -> tuple[str, int]:
    partition = partition_of(line.key, partitions) if line.partition is None else line.partition
    return names.get(line.topic, line.topic), partition


def _stamp(line: Line) -> int:
    return line.timestamp if line.timestamp is not None else line.own_time if line.own_time is not None else now_ms()
