"""Faust as its documentation writes it: a Record and two windowed tables, of each event one more and its milliseconds, `+=` in both.

That is the job Quix Streams does beside it, a count and a sum by cell and minute. Beside the count alone the sum is within the noise.

    python -m benchmarks.contestant.idiomatic BROKER TOPIC EVENTS PARTITIONS
"""

import logging
import sys
from typing import Any

import faust

from benchmarks.contestant.told import Watch


class Event(faust.Record, serializer="json"):
    """The fields that are counted by."""

    event_id: str
    occurred_at: float
    type: str
    initiative: str
    subject_id: str
    profile: str
    channel: str
    cohort: str
    variant: str
    latency_ms: int


def make(broker: str, topic: str, events: int, partitions: int) -> Any:
    """Return an app that counts so many events and ends."""
    app = faust.App(
        "idiomatic",
        broker=f"kafka://{broker}",
        store="memory://",
        topic_partitions=partitions,
        consumer_auto_offset_reset="earliest",
        topic_replication_factor=1,
        web_enabled=False,
        topic_disable_leader=True,
    )
    source = app.topic(topic, value_type=Event, key_type=str, key_serializer="raw", partitions=partitions)
    counts = app.Table("counts", default=int, partitions=partitions).tumbling(60.0, expires=3600.0)
    milliseconds = app.Table("milliseconds", default=int, partitions=partitions).tumbling(60.0, expires=3600.0)
    watches: list[Watch] = []

    async def count(stream: Any) -> None:
        seen = 0
        async for event in stream:
            if not watches:
                watches.append(Watch())
            cell = f"{event.profile}|{event.channel}|{event.cohort}|{event.variant}"
            counts[cell] += 1
            milliseconds[cell] += event.latency_ms
            seen += 1
            if seen == events:
                watches[0].tell(seen)

    app.agent(source)(count)
    return app


if __name__ == "__main__":
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.ERROR)
    found = make(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    found.finalize()
    worker = faust.Worker(found, loglevel="ERROR", redirect_stdouts=False, override_logging=False)
    worker.execute_from_commandline()
