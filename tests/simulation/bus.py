"""The input logs of a history: every record in its partition, every tick with the ends of its partition, visible as time goes on."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import Any
from zlib import crc32

import orjson

from streams.kernel.record import Record
from tests.simulation.world import COMMANDS, CONFIG, CONSENT, ENGAGEMENT, RULES, TICKS, World

INPUTS = (ENGAGEMENT, CONSENT, RULES, COMMANDS, CONFIG)


class Bus:
    """All input partitions of a world spread over `partitions` shards."""

    def __init__(self, world: World, partitions: int) -> None:
        self.now = 0
        self._records: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self._appended: dict[tuple[str, int], list[int]] = defaultdict(list)
        for config in world.configs:
            body: dict[str, Any] = {"sha256": config.sha256, "effective_at": config.effective_at, "policies": []}
            body["config"] = config.effective
            for partition in range(partitions):
                self._append(config.stamp, Record(CONFIG, partition, 0, config.stamp, config.sha256.encode(), orjson.dumps(body)))
        for one in world.arrivals:
            partition = crc32(one.key or b"") % partitions
            self._append(one.appended, Record(one.topic, partition, 0, one.stamp, one.key, one.value))
        for at, drain in world.ticks:
            for partition in range(partitions):
                ends = {topic: bisect_left(self._appended[topic, partition], at) for topic in INPUTS}
                value = orjson.dumps({"at": at, "ends": ends, "drain": drain})
                self._append(at, Record(TICKS, partition, 0, at, None, value))

    def _append(self, at: int, record: Record) -> None:
        place = (record.topic, record.partition)
        offset = len(self._records[place])
        self._records[place].append(Record(record.topic, record.partition, offset, record.timestamp, record.key, record.value))
        self._appended[place].append(at)

    def read(self, topic: str, partition: int, start: int, most: int) -> list[Record]:
        """Return at most `most` records from an offset on that have been appended by now."""
        end = bisect_right(self._appended[topic, partition], self.now)
        return self._records[topic, partition][start : min(end, start + most)]
