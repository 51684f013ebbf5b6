"""What the web server asks of the worker it runs in: a handful of callables, so that a demo or a test is a worker too."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from governance.config import Config
from streams.event_line import Line
from streams.read_model.model import ReadModel
from streams.read_model.situation import Published
from streams.transport.bus import Bus
from streams.web.operators import Operators

Append = Callable[[Sequence[Line]], Awaitable[Sequence[tuple[int, int]]]]  # to (partition, offset) of each, once none can be lost
Ask = Callable[[Line], Awaitable[None]]  # puts one command on the bus, wherever that is


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """One stage of one partition: its commits since the worker owns it, and how long ago (s) the last was.

    A monitor also says the watermark (ms) it last heard from every intake shard; the smallest holds all of them back.
    """

    stage: str
    partition: int
    commits: int
    idle_s: float
    watermarks: Mapping[int, int] = field(default_factory=dict)

    def silent(self, after_s: float) -> list[int]:
        """Return the intake shards that are heard so much later (s) than the others that they stand still."""
        newest = max(self.watermarks.values(), default=0)
        return sorted(source for source, mark in self.watermarks.items() if newest - mark > after_s * 1000)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the worker is. `waiting` says what it waits for before it is ready, None once it is; `lag` is unread records by topic."""

    waiting: str | None = None
    shards: tuple[ShardProgress, ...] = ()
    lag: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """A bus in memory as other programs on this machine reach it: plain topics of `taken` are appended to, all topics are read."""

    append: Append
    bus: Bus
    taken: frozenset[str]
    partitions: int


def _no_feeds() -> Mapping[str, int]:
    return {}


def _no_changes(_: str) -> Sequence[Published]:
    return ()


@dataclass(frozen=True, slots=True)
class Site:
    """One worker as the web sees it.

    `now` is the time (ms) the page is read at, event time in a demo. `stalled_after_s` None: nothing commits by itself (ticks come with
    the data), so that no silence is a fault. `door` None: the bus is elsewhere, and events and commands are sent there. `changes` gives
    the latest rule-change records of an initiative, as far as this worker has them, `newest` the stamp (ms) of the newest record it read
    of each feed since it started. `ask` sends what `operators` do on the page; None:
    the page only shows.
    """

    model: ReadModel
    config: Config
    now: Callable[[], int]
    progress: Callable[[], Progress] = Progress
    stalled_after_s: float | None = None
    door: Door | None = None
    changes: Callable[[str], Sequence[Published]] = _no_changes
    newest: Callable[[], Mapping[str, int]] = _no_feeds
    about: str = ""
    version: str = ""
    hosts: frozenset[str] = field(default_factory=frozenset)  # names the server is reached by, beside localhost and addresses
    operators: Operators = field(default_factory=Operators)
    ask: Ask | None = None
