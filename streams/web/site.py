"""What the web server asks of the worker it runs in: a handful of callables, so that a demo or a test is a worker too."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from governance.config import Config
from streams.event_line import Line
from streams.read_model.model import ReadModel
from streams.read_model.situation import Published
from streams.web.operators import Operators

Append = Callable[[Sequence[Line]], Awaitable[Sequence[tuple[int, int]]]]  # to (partition, offset) of each, once none can be lost
Ask = Callable[[Line], Awaitable[None]]  # puts one command on the bus, wherever that is


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """One stage of one partition: its commits since the worker owns it, and how long ago (s) the last was."""

    stage: str
    partition: int
    commits: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the worker is. `waiting` says what it waits for before it is ready, None once it is."""

    waiting: str | None = None
    shards: tuple[ShardProgress, ...] = ()


def _no_changes(_: str) -> Sequence[Published]:
    return ()


@dataclass(frozen=True, slots=True)
class Site:
    """One worker as the web sees it.

    `now` is the time (ms) the page is read at, event time in a demo. `stalled_after_s` None: nothing commits by itself (ticks come with
    the data), so that no silence is a fault. `append` None: the bus is elsewhere, and events and commands are sent there. `changes` gives
    the latest rule-change records of an initiative, as far as this worker has them. `ask` sends what `operators` do on the page; None:
    the page only shows.
    """

    model: ReadModel
    config: Config
    now: Callable[[], int]
    progress: Callable[[], Progress] = Progress
    stalled_after_s: float | None = None
    append: Append | None = None
    changes: Callable[[str], Sequence[Published]] = _no_changes
    about: str = ""
    version: str = ""
    hosts: frozenset[str] = field(default_factory=frozenset)  # names the server is reached by, beside localhost and addresses
    operators: Operators = field(default_factory=Operators)
    ask: Ask | None = None
