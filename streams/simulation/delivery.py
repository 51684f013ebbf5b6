"""From events to the bus: each event is stamped a little after its time, a few much later or twice, and leaves in the order of stamps."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random

import orjson

from detectors.window import MINUTE, SECOND

DUPLICATES = 0.002
LATE = 0.001
SLOW = 0.01


@dataclass(frozen=True, slots=True)
class Sent:
    """One record as it reaches the bus; `stamp` is the broker's timestamp in ms."""

    stamp: int
    topic: str
    key: bytes
    value: bytes


def delay(rng: Random) -> int:
    """Return how long (ms) an engagement event is under way: half a second as a rule, now and then seconds, rarely many minutes."""
    draw = rng.random()
    if draw < LATE:
        return 45 * SECOND + int(rng.random() * 20 * MINUTE)
    if draw < SLOW:
        return SECOND + int(rng.random() * 20 * SECOND)
    return 40 + int(rng.expovariate(1 / 400))


class Delivery:
    """What is under way; records leave once nothing earlier can still come."""

    def __init__(self) -> None:
        self._under_way: list[tuple[int, int, Sent]] = []
        self._number = 0

    def send(self, stamp: int, topic: str, key: str, value: bytes) -> None:
        """Put one record on its way."""
        self._number += 1  # keeps records of one stamp in the order they were sent
        heappush(self._under_way, (stamp, self._number, Sent(stamp, topic, key.encode(), value)))

    def arrived(self, until: int) -> Iterator[Sent]:
        """Yield and forget what is stamped before `until`, by stamp."""
        while self._under_way and self._under_way[0][0] < until:
            yield heappop(self._under_way)[2]

    def rest(self) -> Iterator[Sent]:
        """Yield and forget everything that is left, by stamp."""
        while self._under_way:
            yield heappop(self._under_way)[2]


def encode(fields: dict[str, object]) -> bytes:
    """Return the fields that say something as one JSON object: a missing field and a null mean the same."""
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})
