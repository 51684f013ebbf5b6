"""What goes in and comes out of a shard: records, messages to send, and the commit that holds both together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

STAMP = b"@stamp"


class Record(NamedTuple):
    """One record of the bus; `timestamp` is the broker's stamp in ms.

    A tuple, as Outgoing: a frozen dataclass of six fields takes five times as long to make, and one is made for everything that is read.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Outgoing(NamedTuple):
    """One message a commit wants sent; partition None means by key; `timestamp` is event time in ms."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Which partition of how many, the key subject ids are hashed with, and whether every verdict is sent, too (topic `verdicts`)."""

    number: int
    shards: int
    subject_key: bytes
    verdicts: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one step changes: rows (None deletes), the stamp that says how far the inputs were read, and what to send."""

    rows: Mapping[bytes, bytes | None]
    stamp: bytes
    outbox: tuple[Outgoing, ...]
