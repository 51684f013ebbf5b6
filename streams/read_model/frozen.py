"""Series that are frozen, said from a shard's tables: their detector raised, so they are neither judged nor taught.

No bus has this topic.
"""

from collections.abc import Iterable, Iterator

import orjson

from governance.message.instant import format_instant
from streams.kernel.faults import DETECTOR, FAULTS, Fault
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows, key_parts, unpack
from streams.read_model.changed import initiatives

FROZEN = "@frozen"
NAMED = 5  # series of one detector; how many there are is said of all


def frozen_of(rows: Rows, keys: Iterable[bytes] | None = None) -> Iterator[Outgoing]:
    """Yield for each initiative where something raised or got well, of `keys` or of all, what is frozen: a row a detector and figure."""
    draft = Draft(rows)
    for initiative in initiatives(rows, FAULTS, keys):
        found: dict[tuple[str, str], list[tuple[dict[str, str], Fault]]] = {}
        for key in sorted(draft.group(FAULTS, initiative)):
            _, job, *place = key_parts(key)
            if job.startswith(DETECTOR):
                kpi, dimensions, *values = place
                where = dict(zip(dimensions.split(","), values, strict=True)) if values else {}
                found.setdefault((job.removeprefix(DETECTOR), kpi), []).append((where, Fault(*unpack(rows.get(key) or b""))))
        told = [
            {
                "check": check,
                "kpi": kpi,
                "series": len(series),
                "where": [where for where, _ in series[:NAMED]],
                "raised": sorted({fault.error for _, fault in series}),
                "since": format_instant(min(fault.since for _, fault in series)),
            }
            for (check, kpi), series in sorted(found.items())
        ]
        yield Outgoing(FROZEN, None, None, orjson.dumps({"data": {"initiative": initiative, "frozen": told}}), 0)
