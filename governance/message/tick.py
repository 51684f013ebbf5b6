"""The clock, in the log: a time, how far every input of the partition reached just before it, and how the work beside the fold went."""

from pydantic import Field

from governance.message.field import Count, Incoming, Name
from governance.message.instant import Instant


class Outcomes(Incoming):
    """How rounds of one job ended since the last tick of its worker: well, or with a failure after all retries."""

    ok: Count = 0
    failed: Count = 0


class Tick(Incoming):
    """One record of `ticks`: `ends` maps a topic to the end offset of this partition; `drain` marks the end of a replay.

    `jobs` names the work beside the fold (a sink, the read model) and how its rounds ended; no address, no person. `missed` is the time
    of the tick before, where nobody ticked for an hour or more.
    """

    at: Instant
    ends: dict[Name, Count]
    drain: bool = False
    jobs: dict[Name, Outcomes] = Field(default_factory=dict)
    missed: Instant | None = None
