"""Whether keys are where they belong: all records of a subject in one partition, on every topic. Told of by sampling.

R []   intake: the keys sampled since the last tick, [[rank, keyed hash]]
R []   the monitor shard of `_system`: {keyed hash: [rank, intake shard]}, and the day it told of a key in two places

Which partitioner wrote a topic does not matter, only that all of them agree. A rank is a hash every shard makes alike, and the lowest
ranks are kept, so that shards which see the same subjects sample the same ones.
"""

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from typing import Any
from zlib import crc32

from detectors.window import DAY, end_of
from governance.identity import event_id, finding_id, incident_key, subject_hash
from streams.kernel.bulletin import SYSTEM
from streams.kernel.publishing import Found, finding
from streams.kernel.record import Shard
from streams.kernel.rows import Draft, pack, row_key, unpack

ROUTES = row_key(b"R")
CHECK = "misrouted"
A_TICK = 8  # keys of one shard and tick
REMEMBERED = 2_000
HASH_DIGITS = 16


def sample(draft: Draft, shard: Shard, keys: Iterable[bytes]) -> None:
    """Put by the keys of the lowest ranks that were seen since the last tick."""
    value = draft.get(ROUTES)
    known: list[list[Any]] = unpack(value)[0] if value is not None else []
    ranked = nsmallest(A_TICK, ((crc32(key), key) for key in keys))
    if len(known) == A_TICK:
        ranked = [one for one in ranked if one[0] < known[-1][0]]
    new = [[rank, subject_hash(shard.subject_key, key.decode("utf-8", "surrogateescape"))[:HASH_DIGITS]] for rank, key in ranked]
    merged = sorted(known + [one for one in new if one not in known])[:A_TICK]
    if merged != known:
        draft.put(ROUTES, pack(merged))


def sampled(draft: Draft) -> list[list[Any]]:
    """Return what was sampled since the last tick, and begin anew."""
    value = draft.get(ROUTES)
    if value is None:
        return []
    draft.drop(ROUTES)
    found: list[list[Any]] = unpack(value)[0]
    return found


def compare(draft: Draft, source: int, routes: Iterable[tuple[int, str]], now: int) -> None:
    """Hold what an intake shard sampled against what others did; publish a finding where a key has two places, once a day."""
    value = draft.get(ROUTES)
    known: dict[str, list[int]]
    known, told = unpack(value) if value is not None else ({}, 0)
    moved = [name for _, name in routes if name in known and known[name][1] != source]
    known |= {name: [rank, source] for rank, name in routes}
    if len(known) > REMEMBERED:
        known = dict(nsmallest(REMEMBERED, known.items(), key=lambda item: (item[1][0], item[0])))
    day = end_of(now, DAY)
    if moved and day != told:
        told = day
        _tell(draft, known, moved, now)
    draft.put(ROUTES, pack(known, told))


def _tell(draft: Draft, known: Mapping[str, Any], moved: list[str], now: int) -> None:
    identity = finding_id(CHECK, incident_key(CHECK, SYSTEM, {}), now)
    said = f"{len(moved)} of {len(known)} sampled keys came in two partitions"
    wanted = "all records of a key in one partition, on every topic: producers must use one partitioner and one number of partitions"
    found = Found(identity, CHECK, SYSTEM, {}, now - 1, now, severity="high", observed=said, expected=wanted)
    draft.send(finding(found, event_id("finding", identity, "confirmed"), now))
