"""The latest rule changes of every initiative, for pages: read from the topic by every worker, since a page shows any initiative."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from aiokafka.errors import KafkaError

from governance.message.reading import read
from governance.message.rule_change import RuleChange
from streams.journal import say
from streams.kernel.record import Record
from streams.settings import Settings
from streams.topics import on_bus
from streams.transport.bus import Bus, BusError

KEPT = 100  # of an initiative; the page shows those near an incident
INITIATIVES = 1_000
WAIT_S = 1.0
AGAIN_S = 5.0
TOPIC = "rule-changes"
SHOWN = {"change_id", "rule_id", "version", "previous_version", "action", "channels", "occurred_at", "initiative"}  # content may be large


class RuleChanges:
    """What stands on `rule-changes`, the last of each initiative, by time of reading."""

    def __init__(self, bus: Bus, settings: Settings, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._bus, self._topic, self._partitions = bus, on_bus(settings, TOPIC), settings.partitions
        self._of: dict[str, deque[dict[str, Any]]] = {}

    def of(self, initiative: str) -> Sequence[dict[str, Any]]:
        """Return the changes known of an initiative, oldest first."""
        return tuple(self._of.get(initiative, ()))

    async def run(self) -> None:
        """Read on, for ever; a bus that does not answer costs what the page shows, not the worker."""
        after = {(self._topic, number): 0 for number in range(self._partitions)}
        while True:
            try:
                async with aclosing(self._bus.follow(after, WAIT_S)) as batches:
                    async for batch in batches:
                        for record in batch:
                            after[record.topic, record.partition] = record.offset + 1
                            self.take(record)
            except (BusError, KafkaError) as error:
                say("rule_changes_lost", why=type(error).__name__)
                await asyncio.sleep(self._again_s)

    def take(self, record: Record) -> None:
        """Take one record; what is no rule change is the kernel's to refuse."""
        change = read(TOPIC, record.key, record.value) if record.value is not None else None
        if not isinstance(change, RuleChange):
            return
        if change.initiative not in self._of and len(self._of) >= INITIATIVES:
            return
        self._of.setdefault(change.initiative, deque(maxlen=KEPT)).append(change.model_dump(mode="json", include=SHOWN))
