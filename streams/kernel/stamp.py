"""The stamps: how far a shard has read, counted and closed. One row per shard, part of every commit."""

from dataclasses import dataclass, field, fields, replace
from typing import Self

import orjson

from streams.kernel.buffer import trimmed
from streams.kernel.rows import VERSION, RowVersionError

BEGINNING = -(1 << 53)  # before every event time


@dataclass(frozen=True, slots=True)
class _Stamp:
    def pack(self) -> bytes:
        """Return the stamp's value."""
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        return trimmed(orjson.dumps({"v": VERSION, **named}, option=orjson.OPT_SORT_KEYS))

    @classmethod
    def read(cls, value: bytes | None) -> Self:
        """Return the stamp a value holds, the first one for None; raises RowVersionError for one from the future."""
        if value is None:
            return cls()
        found = orjson.loads(value)
        if found.pop("v") != VERSION:
            raise RowVersionError("the stamp was written by a newer version: upgrade the program, rows are never downgraded")
        return cls(**found)


@dataclass(frozen=True, slots=True)
class IntakeStamp(_Stamp):
    """Next offset wanted per input topic, the shard's watermark in ms, last number per channel, commits so far, hours swept.

    `agenda` is when somebody in an experiment is to be looked at next, ms, 0 for never; `ticked` is how many commits there were
    when the last tick was folded.
    """

    offsets: dict[str, int] = field(default_factory=dict)
    watermark: int = BEGINNING
    numbers: dict[str, int] = field(default_factory=dict)
    commits: int = 0
    swept: int = 0
    ticked: int = 0
    agenda: int = 0

    def advanced(self, topic: str, offset: int) -> "IntakeStamp":
        """Return the stamp with one more commit, `topic` read up to `offset`."""
        return replace(self, offsets={**self.offsets, topic: offset}, commits=self.commits + 1)


@dataclass(frozen=True, slots=True)
class MonitorStamp(_Stamp):
    """Next offset wanted; per intake shard the last number, watermark and watermark outside a drain; due times closed up to `closed`.

    `strangers` is how many initiatives were admitted that no config names.
    `unit` is the place inside a due time where the last commit stopped: [due, initiative, phase], or nothing.
    """

    offset: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    watermarks: dict[str, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    closed: int = BEGINNING
    unit: list[int | str] = field(default_factory=list)
    commits: int = 0
    answered: int = 0
    queued: int = 0
    strangers: int = 0

    def watermark(self, shards: int) -> int:
        """Return the smallest watermark over the last bulletins of all intake shards; a shard not heard yet holds it at the beginning."""
        return min(self.watermarks.values()) if len(self.watermarks) == shards else BEGINNING

    def drained_after(self, shards: int) -> int:
        """Return the time after which the clock only runs on to close what is open, in ms."""
        return min(self.live.values()) if len(self.live) == shards else BEGINNING
