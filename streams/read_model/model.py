"""The read model as the worker feeds it and readers ask it. Nothing in it is decided here, and losing it loses nothing."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from streams.kernel.record import Outgoing
from streams.read_model.fold import Fold
from streams.read_model.situation import Overview, Published, Situation


class ReadModel(Protocol):
    """The latest of everything published. The worker's side never waits and never raises for what is on the other end of a wire.

    Feed it from the event loop it runs in.
    """

    fold: Fold  # the shards of this worker

    def take(self, shard: int, commit: int, outbox: Iterable[Outgoing]) -> None:
        """Take what the commit of that number published; an older one than the last of its shard loses.

        Every changelog counts its own commits: a monitor shard goes by its partition, the intake of that partition by -1 - partition.
        """

    def rebuild(self, shard: int, commit: int) -> None:
        """Start a shard anew, at start and when it is owned again; `restore` then brings what its tables hold as of that commit."""

    def restore(self, shard: int, records: Iterable[Outgoing]) -> None:
        """Take part of what a shard's tables hold (`tables.records_of`), in their order, before anything else of the shard."""

    def forget(self, shard: int) -> None:
        """Let go of a shard that has another owner."""

    async def run(self) -> None:
        """Do what is done in the background, for ever."""

    async def overviews(self) -> tuple[Overview, ...]:
        """Return every initiative, by name."""

    async def situation(self, initiative: str) -> Situation | None:
        """Return everything kept of an initiative, None for one that nobody has published about."""

    async def answer(self, request_id: str) -> Published | None:
        """Return the answer to a request, None while there is none or where it is forgotten."""

    def changes(self) -> AsyncGenerator[frozenset[str]]:
        """Yield the digests of initiatives that have changed, each time some have; slow listeners hear them together."""

    def reaches(self) -> bool:
        """Return whether all workers' shards are in sight, not this one's only."""
