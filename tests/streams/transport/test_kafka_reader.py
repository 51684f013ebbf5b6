"""What a reader of a log on Kafka meets beside whole batches: a beginning that retention took, other programs' transactions."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from streams.transport.bus import Message, Topic
from streams.transport.kafka_bus import KafkaBus
from tests.brokers.kafka import Kafka

pytestmark = pytest.mark.integration


def test_what_retention_took_and_markers_of_transactions_are_gaps(kafka: Kafka) -> None:
    """Offsets 0 to 3 are deleted, 4 and 5 stand, 6 is somebody's record in a transaction, 7 its marker, 8 stands."""
    name, address = f"reader-{uuid4().hex[:8]}", kafka.url.removeprefix("kafka://")

    async def go() -> list[int]:
        bus = KafkaBus(kafka.url)
        await bus.open()
        await bus.create([Topic(name, 1)])
        for _ in range(3):
            await bus.append(name, 0, [Message(b"k", b"v"), Message(b"k", b"v")])
        other = AIOKafkaProducer(bootstrap_servers=address, transactional_id=name)
        await other.start()
        async with other.transaction():
            await other.send_and_wait(name, b"v", key=b"k", partition=0)
        await other.stop()
        while (await bus.ends([(name, 0)]))[name, 0] < 8:  # the broker writes the marker after it has answered
            pass
        await bus.append(name, 0, [Message(b"k", b"v")])
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before_offset=4)})
        await admin.close()
        end = (await bus.ends([(name, 0)]))[name, 0]
        found = [record.offset async for batch in bus.read(name, 0, 0, end) for record in batch]
        await bus.close()
        return [*found, end]

    assert asyncio.run(go()) == [4, 5, 6, 8, 9]
