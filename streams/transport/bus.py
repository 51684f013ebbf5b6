"""The bus as the shell uses it beside Faust: whole batches to named partitions, logs read from a start to an end, where logs end.

Faust delivers input; everything that decides whether state is right goes through here, because it needs what Faust hides: the offset at
which a batch landed, and a log read to an end that was asked for first.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from streams.kernel.record import Record

Place = tuple[str, int]  # topic, partition


class BusError(Exception):
    """The bus does not do what was asked; the message names topic and place, never what a record holds."""


class BusUnreachableError(BusError):
    """Nobody answers at the address, or not any more."""


class AppendError(BusError):
    """A batch may or may not have landed: read the log before anything else is written to it."""


class TooLargeError(BusError):
    """A batch is larger than the topic takes; nothing was written."""


class Message(NamedTuple):
    """One record to append; `timestamp` in ms is kept where the topic keeps its producers' stamps."""

    key: bytes | None
    value: bytes | None
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be: `retention_ms` None keeps all; `stamps` says whose clock stamps a record, the broker's or its producer's.

    `consumed`: a worker reads it and says how far (`Bus.release`), so that nothing unread may be forgotten.
    """

    name: str
    partitions: int
    retention_ms: int | None = None
    compacted: bool = False
    stamps: Literal["append", "create"] = "create"
    consumed: bool = False
    largest_batch: int = 1 << 20


class Bus(Protocol):
    """Partitioned append-only logs. A batch is appended whole or not at all; offsets in a partition only grow."""

    async def open(self) -> None:
        """Connect; raises BusUnreachableError."""

    async def close(self) -> None:
        """Let go of everything."""

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append all messages as one batch; return the offset of the first once it cannot be lost by a crash.

        Batches appended to one partition one after the other stand in that order. Raises AppendError, TooLargeError.
        """

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Return where each log ends: the offset its next record will have. Raises BusError for a place that is not there."""

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what stands between two offsets (`end` not included), then stop; gaps are what retention and compaction left."""

    def follow(self, starts: Mapping[Place, int], wait_s: float) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what stands from the given offsets on and what comes, for ever; an empty batch after `wait_s` without a record."""

    async def create(self, topics: Sequence[Topic]) -> None:
        """Create the topics that are not there; those that are stay as they are."""

    async def describe(self, names: Collection[str]) -> dict[str, Topic]:
        """Return the topics that are there, as they are (`consumed` and `largest_batch` where the bus knows them)."""

    def release(self, topic: str, partition: int, before: int) -> None:
        """Tell that no worker reads records below `before` again; a bus in memory may forget them, as retention allows."""
