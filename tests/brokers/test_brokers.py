"""The brokers of the tests are real: they answer, and a restart finds what it had."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from redis import Redis as Client

from tests.brokers.kafka import Kafka
from tests.brokers.redis import Redis


@pytest.mark.integration
def test_kafka_answers(kafka: Kafka) -> None:
    async def nodes() -> int:
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka.port}")
        await producer.start()
        try:
            return len(producer.client.cluster.brokers())
        finally:
            await producer.stop()

    assert asyncio.run(nodes()) == 1


@pytest.mark.integration
def test_redis_answers_and_forgets(redis: Redis, tmp_path: Path) -> None:
    client = Client.from_url(redis.url)
    client.set("a", "1")
    assert client.get("a") == b"1"
    redis.kill()
    redis.start()
    assert client.get("a") is None
