"""The bus interface over the broker in this process."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from streams.kernel.record import Record
from streams.transport.bus import Message, Place, Topic
from streams.transport.memory_broker import MemoryBroker, attach, detach

READ_RECORDS = 4_000


class MemoryBus:
    """`mem://NAME[?dir=PATH]`; see `Bus`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._broker: MemoryBroker | None = None

    @property
    def broker(self) -> MemoryBroker:
        """The broker while the bus is open."""
        assert self._broker is not None, "a bus is opened before it is used"
        return self._broker

    async def open(self) -> None:
        """Attach to the broker."""
        self._broker = attach(self.url)

    async def close(self) -> None:
        """Detach."""
        if self._broker is not None:
            self._broker = None
            await detach(self.url)

    async def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Append a batch whole."""
        return await self.broker.append(topic, partition, messages)

    async def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Return where logs end."""
        return {place: self.broker.log(place).end for place in places}

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what stands between two offsets."""
        log = self.broker.log((topic, partition))
        while batch := [record for record in log.read(start, READ_RECORDS) if record.offset < end]:
            yield batch
            start = batch[-1].offset + 1

    async def follow(self, starts: Mapping[Place, int], wait_s: float) -> AsyncGenerator[Sequence[Record], None]:
        """Yield what is there and what comes."""
        after = dict(starts)
        while True:
            quiet = True
            for place in starts:
                batch = self.broker.log(place).read(after[place], READ_RECORDS)
                if batch:
                    quiet = False
                    after[place] = batch[-1].offset + 1
                    yield batch
                else:
                    after[place] = max(after[place], self.broker.log(place).end)
            if quiet and not await self.broker.news(starts.keys(), after, wait_s):
                yield ()

    async def create(self, topics: Sequence[Topic]) -> None:
        """Create topics that are not there."""
        self.broker.create(topics)

    async def describe(self, names: Collection[str]) -> dict[str, Topic]:
        """Return the topics that are there."""
        return {name: self.broker.topics[name] for name in names if name in self.broker.topics}

    def release(self, topic: str, partition: int, before: int) -> None:
        """Let records below `before` be forgotten."""
        self.broker.release((topic, partition), before)
