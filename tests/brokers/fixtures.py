"""Fixtures: a broker for the whole session. Where one cannot run its tests are skipped and say why; PMON_TESTS_COMPLETE=1 forbids that."""

import os
from collections.abc import Iterator

import pytest

from tests.brokers import kafka as kafka_server
from tests.brokers import redis as redis_server
from tests.brokers.kafka import Kafka
from tests.brokers.process import ServerError
from tests.brokers.redis import Redis


def leave_out(reason: str) -> None:
    """Skip the test, or fail it where nothing may be left out."""
    if os.environ.get("PMON_TESTS_COMPLETE") == "1":
        pytest.fail(f"PMON_TESTS_COMPLETE=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A running Apache Kafka."""
    if reason := kafka_server.missing():
        leave_out(reason)
    try:
        broker = Kafka(tmp_path_factory.mktemp("kafka"))
        broker.start()
    except ServerError as error:
        leave_out(str(error))
        raise
    yield broker
    broker.kill()  # its data are thrown away


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A running Redis."""
    if reason := redis_server.missing():
        leave_out(reason)
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()
