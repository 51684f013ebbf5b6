"""The rule changes a page shows: the last of each initiative, read on after a bus that was away, bounded."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

import orjson
from aiokafka.errors import KafkaConnectionError

from streams.kernel.record import Record
from streams.rule_changes import KEPT, RuleChanges
from streams.settings import read_settings
from streams.transport.bus import Place
from streams.transport.memory_bus import MemoryBus


def change(number: int, initiative: str = "home", **more: object) -> Record:
    """Return a rule change of an initiative."""
    value = {
        "event_id": f"r-{number}",
        "occurred_at": 1_763_805_600_000 + number,
        "change_id": f"chg-{number}",
        "initiative": initiative,
        "rule_id": "rule-1",
        "version": number + 1,
        "action": "deployed",
        "change_type": "update",
        "environment": "production",
        "actor": {"id": "ana", "roles": []},
        **more,
    }
    return Record("rule-changes", 0, number, 0, initiative.encode(), orjson.dumps(value))


class Flaky(MemoryBus):
    """A broker that is away the second time it is asked."""

    def __init__(self, batches: Sequence[Sequence[Record]]) -> None:
        super().__init__("mem://flaky")
        self.batches = list(batches)
        self.asked: list[int] = []
        self.done = asyncio.Event()

    async def follow(self, starts: Mapping[Place, int], wait_s: float) -> AsyncGenerator[Sequence[Record], None]:
        """Yield one batch, then break."""
        self.asked.append(starts["rule-changes", 0])
        if not self.batches:
            self.done.set()
            await asyncio.Event().wait()
        yield self.batches.pop(0)
        raise KafkaConnectionError("away")


def test_a_bus_that_goes_away_costs_nothing_but_time() -> None:
    """Read on where it was; what is no rule change is passed over; the last hundred of an initiative are kept."""

    async def go() -> None:
        broken = Record("rule-changes", 0, 1, 0, b"home", b"{")
        many = [change(number, "search") for number in range(10, 10 + 2 * KEPT)]
        bus = Flaky([[change(0), broken], [change(2), *many]])
        changes = RuleChanges(bus, read_settings(partitions=1), again_s=0)
        running = asyncio.create_task(changes.run())
        await asyncio.wait_for(bus.done.wait(), 10)
        running.cancel()
        assert bus.asked == [0, 2, 10 + 2 * KEPT]
        assert [one["change_id"] for one in changes.of("home")] == ["chg-0", "chg-2"]
        assert [one["change_id"] for one in changes.of("search")][::99] == ["chg-110", "chg-209"]
        assert changes.of("nobody") == ()

    asyncio.run(go())
