"""A partition of Kafka read from an offset to an end that was asked for first, batch by batch as it stands in the log.

A consumer makes an object of eleven fields of every record, most of what a load took; a changelog of a million subjects is three million
records. Here the batches are fetched and taken apart directly.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, LeaderNotAvailableError, NoError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.kernel.record import Record

WAIT_MS = 100
AGAIN_S = 0.2  # before a broker that does not answer, or is no leader any more, is asked again


class PartitionReader:
    """Reads one partition through a consumer that is started and has nothing assigned; each fetch brings at most `most` bytes.

    A broker that is away is asked until it is there. An offset that retention has passed is read from where the log begins.
    """

    def __init__(self, asker: Any, topic: str, partition: int, most: int) -> None:
        self._asker, self._most = asker, most
        self._place = TopicPartition(topic, partition)

    async def read(self, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what stands between two offsets; the next batches are on their way while some are taken apart."""
        if start >= end:
            return
        coming = asyncio.create_task(self._fetched(start))
        try:
            while start < end:
                batches = await coming
                first, start = start, batches[-1].next_offset
                if start < end:
                    coming = asyncio.create_task(self._fetched(start))
                for batch in batches:
                    yield list(self._records(batch, first, end))
        finally:
            coming.cancel()

    def _records(self, batch: Any, first: int, end: int) -> Iterator[Record]:
        topic, partition = self._place
        if not batch.validate_crc():
            raise CorruptRecordException(f"{topic} {partition}: the batch at {batch.base_offset} is not what was written")
        if batch.is_control_batch:  # the marker of somebody's transaction
            return
        for one in batch:
            if first <= one.offset < end:
                yield Record(topic, partition, one.offset, one.timestamp, one.key, one.value)

    async def _fetched(self, offset: int) -> Sequence[Any]:
        """Return the batches that stand at an offset and behind it, one at least."""
        while True:
            try:
                found = await self._answer(offset)
            except OffsetOutOfRangeError:
                offset = max(offset, (await self._asker.beginning_offsets([self._place]))[self._place])
            except CorruptRecordException:
                raise
            except KafkaError:
                await asyncio.sleep(AGAIN_S)
                await self._asker._client.force_metadata_update()
            else:
                if found:
                    return found

    async def _answer(self, offset: int) -> Sequence[Any]:
        client = self._asker._client
        topic, partition = self._place
        await client._wait_on_metadata(topic)
        leader = client.cluster.leader_for_partition(self._place)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError()
        request = FetchRequest(WAIT_MS, 1, self._most, 0, [(topic, [(partition, offset, self._most)])])
        answer = await client.send(leader, request)
        ((_, ((_, code, *rest),)),) = answer.topics
        error: Callable[[], Exception] = for_code(code)
        if error is not NoError:
            raise error()
        return list(batches_of(MemoryRecords(rest[-1])))


def batches_of(records: Any) -> Iterator[Any]:
    """Yield the whole batches of a fetch."""
    while records.has_next():
        yield records.next_batch()
