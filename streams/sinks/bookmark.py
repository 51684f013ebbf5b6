"""Bookmarks: how far each sink has read each log, and what it has told. Kept on a compacted topic of the group's, one partition for each
partition of the outputs, so that whoever takes a partition over goes on where the last owner was.

    ["team","escalations"]   the next offset
    ["team","told",about]    by topic [sequence, ids]: the last step told of an incident or report; gone once it is over

The topics are read side by side, so that the end of an incident may be read before its last escalation: steps go on by topic.
A notice and the bookmark behind it are written as one batch. Bookmarks of an owner that was frozen may stand behind newer ones: of the
offsets in the log the largest counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from streams.sinks.notice import Notice
from streams.transport.bus import Bus, Message


@dataclass(slots=True)
class Bookmark:
    """One sink's place in one partition of the outputs; `offsets` by plain topic, `told` by incident or report."""

    sink: str
    offsets: dict[str, int] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def is_new(self, topic: str, notice: Notice) -> bool:
        """Return whether a notice was not told before: of one incident steps only go on, and an event that stands twice is one."""
        sequence, ids = self.told.get(notice.about, {}).get(topic, (0, ()))
        return notice.sequence > sequence or (notice.sequence == sequence and notice.id not in ids)

    def tell(self, topic: str, notice: Notice) -> Message:
        """Note that a notice was told; return what to write."""
        found = self.told.setdefault(notice.about, {})
        sequence, ids = found.get(topic, (0, ()))
        found[topic] = [notice.sequence, [*ids, notice.id] if notice.sequence == sequence else [notice.id]]
        return self._message(["told", notice.about], found)

    def forget(self, about: str) -> list[Message]:
        """Forget what is over; return what to write."""
        return [] if self.told.pop(about, None) is None else [self._message(["told", about], None)]

    def move(self, topic: str, offset: int) -> Message:
        """Go on to an offset; return what to write."""
        self.offsets[topic] = offset
        return self._message([topic], offset)

    def _message(self, place: list[str], value: Any) -> Message:
        return Message(orjson.dumps([self.sink, *place]), None if value is None else orjson.dumps(value))

    def read(self, place: list[str], value: Any) -> None:
        """Take over what stands in the log."""
        if place[0] != "told":
            self.offsets[place[0]] = max(value, self.offsets.get(place[0], 0))
        elif value is None:
            self.told.pop(place[1], None)
        else:
            self.told[place[1]] = value


async def read_bookmark(bus: Bus, topic: str, partition: int, sink: str) -> Bookmark:
    """Return a sink's bookmark in one partition, at the beginning where there is none."""
    found = Bookmark(sink)
    end: Mapping[tuple[str, int], int] = await bus.ends([(topic, partition)])
    async for batch in bus.read(topic, partition, 0, end[topic, partition]):
        for record in batch:
            name, *place = orjson.loads(record.key or b"[null]")
            if name == sink:
                found.read(place, None if record.value is None else orjson.loads(record.value))
    return found
