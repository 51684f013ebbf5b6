"""Stretches of time in which nobody ticked, as the ticks behind them say: what a schedule wanted in one is made once, at its end.

X [intake shard]   [stretches [from, to) of its watermark, ms, that are not closed yet; how many intake shards there are]

It is the log that says so and not how a backlog is read, so live and replay of the same ticks skip the same.
"""

from collections.abc import Sequence

from streams.kernel.rows import Draft, pack, row_key, unpack

GAPS = b"X"


def note_gaps(draft: Draft, source: str, gaps: Sequence[Sequence[int]], shards: int) -> None:
    """Keep the stretches an intake shard tells of."""
    key = row_key(GAPS, source)
    value = draft.get(key)
    known = [] if value is None else unpack(value)[0]
    draft.put(key, pack([*known, *gaps], shards))


def passed_over(draft: Draft, at: int, following: int) -> bool:
    """Return whether both times, ms, lie in one stretch in which no shard was ticked."""
    rows = [unpack(draft.get(key) or b"") for key in draft.keys(GAPS)]
    return bool(rows) and all(
        len(rows) == shards and any(start < at and following <= end for start, end in gaps) for gaps, shards in rows
    )


def forget_gaps(draft: Draft, closed: int) -> None:
    """Drop what lies before the time up to which everything is closed, ms."""
    for key in draft.keys(GAPS):
        gaps, shards = unpack(draft.get(key) or b"")
        kept = [gap for gap in gaps if gap[1] > closed]
        if kept:
            draft.put(key, pack(kept, shards))
        else:
            draft.drop(key)
