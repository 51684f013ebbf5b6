"""The bus interface over Kafka: one producer that sends nothing but whole record batches, and readers without a group.

acks=all and neither idempotence nor transactions: a batch that is acknowledged cannot be lost, one that was retried may stand twice, and
the protocol above (kernel/changelog.py) lives with that. An idempotent aiokafka producer spins while the broker is away (measured).
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError

from streams.kernel.record import Record
from streams.transport.bus import AppendError, BusError, BusUnreachableError, Message, Place, TooLargeError, Topic
from streams.transport.kafka_reader import PartitionReader

LARGEST_BATCH = 8 << 20
REQUEST_MS = 30_000
METADATA_S = 5.0  # for a topic not heard of before; aiokafka itself would ask on for REQUEST_MS
EXISTS = 36  # TOPIC_ALREADY_EXISTS: another worker was quicker
FOREVER_MS = (1 << 63) - 1
COMPACTION_LAG_MS = 3_600_000  # a void batch must stay until a valid one has written its keys again


class KafkaBus:
    """`kafka://host:port;host:port`; see `Bus`. `security` are aiokafka's own arguments."""

    def __init__(self, url: str, security: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self._options = {"bootstrap_servers": url.removeprefix("kafka://").split(";"), **(security or {})}
        self._producer: Any = None
        self._asker: Any = None  # a consumer that reads nothing and knows where logs end

    async def open(self) -> None:
        """Connect."""
        sizes = {"max_batch_size": LARGEST_BATCH, "max_request_size": 2 * LARGEST_BATCH}
        self._producer = AIOKafkaProducer(acks="all", linger_ms=0, request_timeout_ms=REQUEST_MS, **sizes, **self._options)
        self._asker = AIOKafkaConsumer(enable_auto_commit=False, request_timeout_ms=REQUEST_MS, **self._options)
        try:
            await self._producer.start()
            await self._asker.start()
        except KafkaConnectionError:
            await self.close()
            raise BusUnreachableError(f"{self.url}: no Kafka broker answers there") from None

    async def close(self) -> None:
        """Disconnect; what was appended and not yet acknowledged is sent first."""
        for one in (self._producer, self._asker):
            if one is not None:
                await one.stop()
        self._producer = self._asker = None

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append one record batch."""
        batch = self._producer.create_batch()
        for one in messages:
            if batch.append(key=one.key, value=one.value, timestamp=one.timestamp) is None:
                raise TooLargeError(f"{topic}: a batch must be at most {LARGEST_BATCH} bytes")
        batch.close()
        try:
            landed = await (await self._producer.send_batch(batch, topic, partition=partition))
        except MessageSizeTooLargeError:
            raise TooLargeError(f"{topic}: the broker takes no batch of {batch.size()} bytes, see max.message.bytes") from None
        except KafkaError as error:
            raise AppendError(f"{topic} {partition}: a batch may not have landed: {type(error).__name__}") from None
        return int(landed.offset)

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Ask the brokers where logs end."""
        try:
            for topic in {topic for topic, _ in places}:  # else a topic nobody asked for yet has no leader to ask
                await asyncio.wait_for(self._asker._client._wait_on_metadata(topic), METADATA_S)
            found = await self._asker.end_offsets([TopicPartition(*place) for place in places])
        except (KafkaError, TimeoutError) as error:
            raise BusUnreachableError(f"the ends of {len(places)} partitions cannot be asked for: {type(error).__name__}") from None
        return {(one.topic, one.partition): int(offset) for one, offset in found.items()}

    def _reader(self) -> Any:
        # "latest", the default, wins a race against the seek: an empty load, silently (measured).
        sizes = {"max_partition_fetch_bytes": LARGEST_BATCH, "fetch_max_wait_ms": 100}
        return AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **sizes, **self._options)

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Read a partition as fast as it comes."""
        return PartitionReader(self._asker, topic, partition, LARGEST_BATCH).read(start, end)

    async def follow(self, starts: Mapping[Place, int], wait_s: float) -> AsyncGenerator[Sequence[Record], None]:
        """Follow partitions with a consumer of its own."""
        reader = self._reader()
        await reader.start()
        try:
            reader.assign([TopicPartition(*place) for place in starts])
            for place, start in starts.items():
                reader.seek(TopicPartition(*place), start)
            while True:
                batches = await reader.getmany(timeout_ms=int(wait_s * 1000))
                for found in batches.values():
                    yield [record_of(one) for one in found]
                if not batches:
                    yield ()
        finally:
            await reader.stop()

    async def create(self, topics: Sequence[Topic]) -> None:
        """Create topics; replicas as the brokers' default says. Topics that are there stay as they are."""
        admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_MS, **self._options)
        await admin.start()
        try:
            new = [NewTopic(one.name, one.partitions, -1, {}, settings_of(one)) for one in topics]
            answer = await admin.create_topics(new)
            for name, code, *why in answer.topic_errors:
                if code not in (0, EXISTS):
                    raise BusError(f"{name}: the broker does not create it: {why[0] if why else code}")
        except KafkaError as error:
            raise BusUnreachableError(f"the topics cannot be created: {type(error).__name__}") from None
        finally:
            await admin.close()
        await self.ends([(topic.name, 0) for topic in topics])  # waits until a topic just created has its leaders

    async def describe(self, names: Collection[str]) -> dict[str, Topic]:
        """Return the topics that are there with what matters of their settings."""
        admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_MS, **self._options)
        await admin.start()
        try:
            there = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics() if one["topic"] in set(names)}
            asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
            answers = await admin.describe_configs(asked) if asked else []
        except KafkaError as error:
            raise BusUnreachableError(f"the topics cannot be described: {type(error).__name__}") from None
        finally:
            await admin.close()
        settings = {found[3]: {entry[0]: entry[1] for entry in found[4]} for answer in answers for found in answer.resources}
        return {name: topic_of(name, partitions, settings[name]) for name, partitions in there.items()}

    def release(self, topic: str, partition: int, before: int) -> None:
        """Nothing: Kafka's retention goes by time."""


def record_of(found: Any) -> Record:
    """Return an aiokafka record as one of ours."""
    return Record(found.topic, found.partition, found.offset, found.timestamp, found.key, found.value)


def settings_of(topic: Topic) -> dict[str, str]:
    """Return the topic's settings as Kafka names them."""
    settings = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": str(-1 if topic.retention_ms is None else topic.retention_ms),
        "message.timestamp.type": "LogAppendTime" if topic.stamps == "append" else "CreateTime",
        "message.timestamp.after.max.ms": str(FOREVER_MS),  # event time may be any time, a drain runs the clock ahead
        "max.message.bytes": str(topic.largest_batch),
    }
    if topic.compacted:
        settings["min.compaction.lag.ms"] = str(COMPACTION_LAG_MS)
        settings["segment.bytes"] = str(64 << 20)  # the active segment is never compacted: small enough that it is not the whole log
    return settings


def topic_of(name: str, partitions: int, settings: Mapping[str, str]) -> Topic:
    """Return a topic from Kafka's settings."""
    kept = int(settings.get("retention.ms", "-1"))
    return Topic(
        name,
        partitions,
        retention_ms=None if kept < 0 else kept,
        compacted="compact" in settings.get("cleanup.policy", ""),
        stamps="append" if settings.get("message.timestamp.type") == "LogAppendTime" else "create",
        largest_batch=int(settings.get("max.message.bytes", "0")),
    )
