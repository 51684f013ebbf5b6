"""Which record of each input a shard wants next. Faust may deliver early, twice or with holes: what does not continue is refused.

    wanted ──► a batch that begins at or below it   taken, what was seen is skipped further on
           ──► a batch that begins above it         refused, sought back once; a gap that is still there then is real (retention,
                                                    transaction markers, compaction) and taken
           ──► … and was fetched before that seek   dropped: it proves nothing
What an offset holds never changes, so a batch that continues is right whenever and under whichever assignment it was fetched.
A hole at the very end shows in no later batch: behind the head for a while and nothing heard meanwhile means seek back too. The while
begins when the head is seen ahead: an input nothing was written to for an hour is not late the moment something is.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

PATIENCE_S = 3.0
BUSY = 5  # times as patient while a batch is on its way: agent or broker may be at work elsewhere; it may also have been thrown away


class Verdict(Enum):
    """What to do with a batch."""

    TAKE = auto()
    DROP = auto()
    SEEK_BACK = auto()


@dataclass(slots=True)
class Input:
    """One input of one shard: the next offset wanted, where it was last sought back from, when it was last heard of.

    `behind` is the offset wanted when the head was first seen ahead of it, and since when.
    """

    wanted: int
    heard_s: float
    sought: int | None = None
    behind: tuple[int, float] | None = None
    nudged: int | None = None
    patience_s: float = PATIENCE_S


@dataclass(slots=True)
class Inputs:
    """The inputs of one shard, by plain topic."""

    of: dict[str, Input] = field(default_factory=dict)

    def judge(self, topic: str, first: int, last: int, now_s: float, *, current: bool) -> Verdict:
        """Judge a batch by its first and last offset; `current`: it was fetched after the last seek and the last rebalance."""
        one = self.of[topic]
        one.heard_s = now_s
        if first > one.wanted and not current:
            return Verdict.DROP
        if first > one.wanted and one.sought != one.wanted:
            one.sought = one.wanted
            return Verdict.SEEK_BACK
        one.wanted = max(one.wanted, last + 1)
        return Verdict.TAKE

    def refuse(self, topic: str, now_s: float) -> None:
        """Note a batch that was dropped though it would continue: it is sought again when the shard wants it."""
        self.of[topic].heard_s = now_s

    def overdue(self, topic: str, end: int, now_s: float, *, on_its_way: bool = False) -> bool:
        """Return whether an input ended further on than was read for a while and was quiet; called every second or so.

        Once it was, twice as long is waited at the same place.
        """
        one = self.of[topic]
        if one.nudged != one.wanted:
            one.patience_s = PATIENCE_S
        if one.wanted >= end:
            one.behind = None
            return False
        if one.behind is None or one.behind[0] != one.wanted:
            one.behind = one.wanted, now_s
        quiet_s = now_s - max(one.heard_s, one.behind[1])
        if quiet_s <= one.patience_s * (BUSY if on_its_way else 1):
            return False
        one.nudged, one.heard_s = one.wanted, now_s
        one.patience_s *= 2
        return True

    def was_nudged(self, topic: str, end: int) -> bool:
        """Return whether an input that ends further on than was read has been sought back for that reason."""
        one = self.of[topic]
        return one.nudged == one.wanted < end
