"""The floor: aiokafka, orjson and a dictionary. Nothing is checked, kept or published.

    python -m benchmarks.contestant.floor BROKER TOPIC EVENTS
"""

import asyncio
import sys
from collections import Counter

import orjson
from aiokafka import AIOKafkaConsumer

from benchmarks.contestant.told import Watch

BASE = 60_000


async def count(broker: str, topic: str, events: int) -> None:
    """Count exposures and clicks by cell and minute."""
    reader = AIOKafkaConsumer(
        topic, bootstrap_servers=broker, group_id="floor", auto_offset_reset="earliest", max_partition_fetch_bytes=2 << 20
    )
    await reader.start()
    counts: Counter[tuple[str, int, str, str, str, str]] = Counter()
    watch, seen = None, 0
    while seen < events:
        for found in (await reader.getmany(timeout_ms=1_000, max_records=8_000)).values():
            watch = watch or Watch()
            for record in found:
                event = orjson.loads(record.value)
                minute = event["occurred_at"] // BASE
                counts[event["type"], minute, event["profile"], event["channel"], event["cohort"], event["variant"]] += 1
            seen += len(found)
    assert watch is not None
    watch.tell(seen)


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1], sys.argv[2], int(sys.argv[3])))
