"""Faust's transport for `mem://`: one consumer over the broker in this process; it is the whole group."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, ClassVar

from faust.transport import base
from faust.types import TP

from streams.kernel.record import Record
from streams.transport.coalescing import BATCH_RECORDS, Coalescing
from streams.transport.memory_broker import MemoryBroker
from streams.transport.silent_producer import SilentProducer


class Cluster:
    """What Faust's assignor asks of a cluster."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Return the partitions of a topic."""
        found = self._broker.topics.get(topic)
        return set() if found is None else set(range(found.partitions))


class MemoryConsumer(Coalescing, base.Consumer):
    """Reads logs where they stand. A subscription is answered by one assignment of everything."""

    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._positions: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}

    @property
    def _broker(self) -> MemoryBroker:
        broker: MemoryBroker = self.app.bus.broker
        return broker

    def _records(self, found: Sequence[Any], plain: str) -> list[Record]:
        if found[0].topic == plain:
            return list(found)
        return [Record(plain, one.partition, one.offset, one.timestamp, one.key, one.value) for one in found]

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Take all partitions; as a task, since Faust's callbacks wait for this call to have returned."""
        self.add_future(self._assign(set(topics)))

    async def _assign(self, topics: set[str]) -> None:
        app = self.app
        app.on_rebalance_start()
        await self.on_partitions_revoked(self.assignment())
        app.consumer_generation_id += 1
        metadata = app.assignor.metadata(topics)
        assignment = app.assignor.assign(Cluster(self._broker), {"worker": metadata})["worker"]
        app.assignor.on_assignment(assignment)
        assigned = {TP(topic, partition) for topic, partitions in assignment.assignment for partition in partitions}
        self._positions = {tp: self._positions.get(tp, 0) for tp in assigned}
        await self.on_partitions_assigned(assigned, app.consumer_generation_id)

    async def _getmany(self, active_partitions: Set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        places = [tp for tp in active_partitions or () if tp in self._positions]
        after = {(tp.topic, tp.partition): self._positions[tp] for tp in places}
        if not await self._broker.news(after.keys(), after, timeout):
            return {}
        found: dict[TP, list[Any]] = {}
        for tp in places:
            if not self.flow_active:
                return {}
            log = self._broker.log((tp.topic, tp.partition))
            records = log.read(self._positions[tp], BATCH_RECORDS)
            self._positions[tp] = records[-1].offset + 1 if records else log.end
            if records:
                found[tp] = records
        return found

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError("records come in batches")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self._committed.update(offsets)
        return True

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = offset

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek partitions."""
        self._positions.update(partitions)

    async def position(self, tp: TP) -> int | None:
        """Return the next offset to be read."""
        return self._positions.get(tp)

    def assignment(self) -> set[TP]:
        """Return the partitions held."""
        return set(self._positions)

    def highwater(self, tp: TP) -> int:
        """Return where a log ends."""
        return self._broker.log((tp.topic, tp.partition)).end

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return where logs end."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return 0: what retention took is a gap, and taken for one."""
        return dict.fromkeys(partitions, 0)

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has."""
        found = self._broker.topics.get(topic)
        return None if found is None else found.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Refuse: partitions are chosen by who appends."""
        raise NotImplementedError("partitions are chosen by who appends")

    def verify_recovery_event_path(self, now: float, tp: TP) -> None:
        """Nothing can be slow between here and a log in the same process."""


class MemoryTransport(base.Transport):
    """What the scheme stands for in Faust's registry."""

    Consumer: ClassVar[Any] = MemoryConsumer
    Producer: ClassVar[Any] = SilentProducer
    driver_version = "mem"
    default_port = 0
