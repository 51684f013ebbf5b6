"""Quix Streams: a tumbling window with a count and a sum, kept in RocksDB and its changelog. Runs in a virtual environment of its own.

    python quix.py BROKER TOPIC EVENTS FOLDER [group]       group: by cell, over a repartition topic; else by the key of the record
"""

import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.dataframe.windows import Count, Sum  # type: ignore[import-not-found]
from told import Watch  # type: ignore[import-not-found]


def cell_of(event: dict[str, Any]) -> str:
    """Return what is grouped by."""
    return f"{event['profile']}|{event['channel']}|{event['cohort']}|{event['variant']}"


def count(broker: str, topic: str, events: int, folder: str, *, group: bool) -> None:
    """Count so many events and end."""
    app = Application(
        broker_address=broker,
        consumer_group=f"quix-{group}",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="ERROR",
    )
    rows = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer="str"))
    watches: list[Watch] = []
    seen = 0

    def begin(event: Any) -> None:
        if not watches:
            watches.append(Watch())

    def take(found: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == events:
            watches[0].tell(seen)

    rows.update(begin)
    if group:
        rows = rows.group_by(cell_of, name="cell")
    rows = rows.tumbling_window(60_000, grace_ms=3_600_000).agg(exposures=Count(), milliseconds=Sum("latency_ms")).current()
    rows.update(take)
    app.run()


if __name__ == "__main__":
    count(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], group=sys.argv[5:] == ["group"])
