"""The producer Faust wants to have: it sends nothing, everything goes through the bus as whole batches."""

from typing import Any, NoReturn

from faust.transport.producer import Producer
from faust.types import TP


class SilentProducer(Producer):
    """Fills Faust's place for a producer; whoever sends through it is wrong."""

    async def send(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: what is sent beside the outbox would not be exact."""
        raise NotImplementedError("nothing is sent through Faust: append to the bus")

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse as `send` does."""
        raise NotImplementedError("nothing is sent through Faust: append to the bus")

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Create nothing: streams/topics.py did."""

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Refuse: partitions are chosen by who appends."""
        raise NotImplementedError("partitions are chosen by who appends")

    async def flush(self) -> None:
        """Nothing waits here."""
