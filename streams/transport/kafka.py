"""Faust's transport for `kafka://`: the stock driver with coalesced batches, and no producer of its own."""

from collections.abc import Sequence
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver

from streams.kernel.record import Record
from streams.transport.coalescing import Coalescing
from streams.transport.silent_producer import SilentProducer

FETCH_WAIT_MS = 200


class KafkaConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread for a consumer, whose fetches the broker holds back less long.

    One fetch of a broker is under way at a time, for the positions when it was begun; what was sought meanwhile waits for its end. Faust's
    1.5 s stood between every takeover and its first record.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # read when it starts; Faust has no setting for it
        return consumer


class KafkaConsumer(Coalescing, driver.Consumer):
    """Faust's aiokafka consumer (in its thread), one message a partition and poll."""

    def _new_consumer_thread(self) -> KafkaConsumerThread:
        return KafkaConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _records(self, found: Sequence[Any], plain: str) -> list[Record]:
        new = tuple.__new__  # half of what the named constructor costs, and paid for every record
        return [new(Record, (plain, one.partition, one.offset, one.timestamp, one.key, one.value)) for one in found]


class KafkaTransport(driver.Transport):
    """What the scheme stands for in Faust's registry."""

    Consumer: ClassVar[Any] = KafkaConsumer
    Producer: ClassVar[Any] = SilentProducer
