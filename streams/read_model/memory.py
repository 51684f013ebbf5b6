"""The read model in the worker's own process: its shards are all there are."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from streams.kernel.record import Outgoing
from streams.read_model.document import digest
from streams.read_model.fold import Fold, Place, standing
from streams.read_model.listeners import Listeners
from streams.read_model.situation import HourRow, Overview, Published, Situation, Story, by_urgency


class MemoryModel:
    """A ReadModel without anything outside this process."""

    def __init__(self) -> None:
        self.fold = Fold()
        self._listeners = Listeners()

    def take(self, shard: int, commit: int, outbox: Iterable[Outgoing]) -> None:
        """Take what a commit published."""
        self._listeners.tell(self.fold.take(shard, commit, outbox))
        self.fold.changed.clear()

    def rebuild(self, shard: int, commit: int) -> None:
        """Start a shard anew."""
        self._listeners.tell(self.fold.rebuild(shard, commit))

    def restore(self, shard: int, records: Iterable[Outgoing]) -> None:
        """Take part of what a shard's tables hold."""
        self._listeners.tell(self.fold.restore(shard, records))
        self.fold.changed.clear()

    def forget(self, shard: int) -> None:
        """Let go of a shard."""
        self._listeners.tell(self.fold.forget(shard))

    async def run(self) -> None:
        """Do nothing, for ever."""
        await asyncio.Event().wait()

    async def overviews(self) -> tuple[Overview, ...]:
        """Return every initiative."""
        return tuple(overview(place) for place in self.fold.places())

    async def situation(self, initiative: str) -> Situation | None:
        """Return everything kept of an initiative."""
        place = self.fold.place(digest(initiative))
        return None if place is None else situation(place)

    async def answer(self, request_id: str) -> Published | None:
        """Return the answer to a request."""
        return self.fold.answer(request_id)

    def changes(self) -> AsyncGenerator[frozenset[str]]:
        """Yield what changes."""
        return self._listeners.changes()

    def reaches(self) -> bool:
        """Return True: there is nothing else."""
        return True


def overview(place: Place) -> Overview:
    """Return where an initiative stands."""
    return overview_of(standing(place))


def overview_of(data: Published) -> Overview:
    """Return where an initiative stands, from its document."""
    return Overview(
        data["initiative"],
        data["closed"],
        data["active"],
        tuple(data["pending"]),
        data["report"],
        data.get("retracted") or {},  # a document of an older worker has less
        tuple(data.get("taken_back") or ()),
        tuple(data.get("frozen") or ()),
    )


def situation(place: Place) -> Situation:
    """Return all that is kept of an initiative."""
    hours = tuple(HourRow(end, place.hours[end].cells()) for end in sorted(place.hours))
    stories = (Story(incident["now"], tuple(incident["steps"])) for incident in place.incidents.values())
    return Situation(overview(place), hours, by_urgency(stories))
