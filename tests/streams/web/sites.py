"""Workers as the web sees them, built by hand around a model in process."""

from collections.abc import Sequence

from detectors.window import HOUR, MINUTE
from governance.config import Config, load_config
from streams.event_line import Line
from streams.read_model.memory import MemoryModel
from streams.transport.memory_bus import MemoryBus
from streams.web.operators import Operators
from streams.web.site import Ask, Door, Progress, ShardProgress, Site
from tests.streams.read_model.outputs import START, window

NOW = START + 6 * HOUR
TOKEN = "ana-0123456789abcdef"
TAKEN = frozenset({"engagement-events", "consent-events", "rule-changes", "monitor-commands"})
CONFIG = """\
version: 1
timing: {window: 5m}
initiatives:
  home page:
    title: Home
    owners: {testing_lead: {person: ana, substitutes: []}}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.02, window: 1h, group_by: [channel], reason: "it costs more than it brings"}
"""


def config() -> Config:
    """Return a config of one program with one bound."""
    return load_config(CONFIG)


def filled() -> MemoryModel:
    """Return a model with six hours of one program."""
    model = MemoryModel()
    model.take(0, 1, [window(START + number * HOUR, 1_000, 50 - 8 * number, size=HOUR) for number in range(1, 7)])
    return model


async def unheard(_: Line) -> None:
    """Take a command to nowhere."""


def site(model: MemoryModel, *, idle_s: float = 1.0, waiting: str | None = None, append: bool = True, ask: Ask | None = unheard) -> Site:
    """Return a worker of two shards; what is appended lands in partition 0 in order, what operators ask goes to `ask`."""
    shards = (ShardProgress("intake", 0, 5, 1.0), ShardProgress("monitor", 0, 7, idle_s))
    landed: list[Line] = []

    async def take(lines: Sequence[Line]) -> Sequence[tuple[int, int]]:
        first = len(landed)
        landed.extend(lines)
        return [(0, first + number) for number in range(len(lines))]

    return Site(
        model,
        config(),
        lambda: NOW + 2 * MINUTE,
        lambda: Progress(waiting, shards),
        stalled_after_s=120.0,
        door=Door(take, MemoryBus("mem://site"), TAKEN, 8) if append else None,
        version="0.1.0",
        operators=Operators({"ana": TOKEN}, "made up"),
        ask=ask,
    )
