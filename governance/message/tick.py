"""The clock, in the log: a time, and how far every input of the partition reached just before it."""

from governance.message.field import Count, Incoming, Name
from governance.message.instant import Instant


class Tick(Incoming):
    """One record of `ticks`: `ends` maps a topic to the end offset of this partition; `drain` marks the end of a replay."""

    at: Instant
    ends: dict[Name, Count]
    drain: bool = False
