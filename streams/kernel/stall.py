"""Which intake shards stand still, as the monitor shard of `_system` hears them.

H []   [turns so far, {intake shard: turn it was last heard in}, the shards told of, the first watermark]

A turn begins where a bulletin moves the largest watermark on: one a tick while anybody works. Turns are counted, and not only times
compared, because a shard that reads a backlog, or a file, runs hours ahead of the others within one turn and nobody stands still.
"""

from governance.config.section import Timing
from governance.identity import event_id, finding_id, incident_key
from streams.kernel.bulletin import SYSTEM
from streams.kernel.publishing import Found, finding
from streams.kernel.rows import Draft, pack, row_key, unpack

HEARD = row_key(b"H")
CHECK = "stalled"


def hear(draft: Draft, source: str, watermarks: dict[str, int], before: int, shards: int, timing: Timing) -> None:
    """Note that a bulletin of `source` came; publish a finding for every shard that stands still by then, once.

    `watermarks` (ms) are those after the bulletin, `before` the largest of them before it. A shard that was never heard counts from the
    first watermark of any.
    """
    newest = max(watermarks.values())
    value = draft.get(HEARD)
    turn, last, told, first = unpack(value) if value is not None else (0, {}, [], newest)
    turn += newest > before
    last[source] = turn
    told = [name for name in told if name != source]
    limit = timing.stalled_after // timing.tick
    for name in map(str, range(shards)):
        late = newest - watermarks.get(name, first)
        if name not in told and turn - last.get(name, 0) > limit and late > timing.stalled_after:
            told.append(name)
            _tell(draft, name, newest, late, timing.stalled_after)
    draft.put(HEARD, pack(turn, last, told, first))


def _tell(draft: Draft, name: str, newest: int, late: int, limit: int) -> None:
    key = {"feed": f"intake-{name}"}
    identity = finding_id(CHECK, incident_key(CHECK, SYSTEM, key), newest)
    found = Found(identity, CHECK, SYSTEM, key, newest - late, newest, severity="critical", observed=late // 1000, expected=limit // 1000)
    draft.send(finding(found, event_id("finding", identity, "confirmed"), newest))
