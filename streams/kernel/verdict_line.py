"""One verdict with its proof, for a driver that asks for every verdict."""

from typing import Any

import orjson

from governance.ledger import Row, Source
from streams.kernel.buffer import trimmed
from streams.kernel.record import Outgoing
from streams.kernel.shown import Exposure

VERDICTS = "verdicts"  # sent by a shard that is asked to: the drivers' own, no topic of the bus


def place_of(source: Source) -> list[Any]:
    """Return a record's place as an item carries it."""
    return [source.topic, source.partition, source.offset, source.event_id]


def inapplicable_line(exposure: Exposure, partition: int) -> Outgoing:
    """Return the line of an exposure that needs no consent."""
    exposure.verdict = "not_applicable"
    source = Source(exposure.shape.topic, partition, exposure.offset, exposure.event_id)
    return verdict_line(exposure, None, [exposure.tau, 0, exposure.time, exposure.owner], source)


def verdict_line(exposure: Exposure, row: Row | None, key: list[Any], shown: Source) -> Outgoing:
    """Return one verdict with its proof; of several about one exposure the last holds."""
    decided = None if row is None else row.entry
    record: dict[str, Any] | None = None
    if row is not None and decided is not None:
        record = {"state": row.state, "effective": decided.effective, "expires": decided.expires, "stamp": decided.stamp}
        record["event_id"] = decided.source.event_id
    value = {
        "event_id": exposure.event_id,
        "verdict": exposure.verdict,
        "decided_by": None if decided is None else dict(zip(("topic", "partition", "offset"), place_of(decided.source)[:3], strict=True)),
        "exposure": dict(zip(("topic", "partition", "offset"), place_of(shown)[:3], strict=True)),
        "initiative": exposure.shape.initiative,
        "purpose": exposure.shape.purpose,
        "channel": exposure.shape.cell[1],
        "time": exposure.time,
        "tau": exposure.tau,
        "asserted": exposure.shape.asserted,
        "key": key,
        "record": record,
    }
    name = f"{key[3]} {exposure.event_id} {exposure.time}"
    return Outgoing(VERDICTS, None, name.encode(), trimmed(orjson.dumps(value)), key[0])
