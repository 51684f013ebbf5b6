"""Between the shards and the read model: what is committed is told, and nothing that goes wrong there reaches the work."""

import asyncio
from itertools import islice

from streams.journal import say
from streams.kernel.record import Commit
from streams.kernel.rows import Rows
from streams.read_model.model import ReadModel
from streams.read_model.tables import records_of, said_of

SLICE = 200  # records said again at once; between slices the worker's heart beats


class Feeder:
    """Feeds one read model. It is never the truth, so a fault in it costs what it shows and is told in the log once of each kind."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._told: set[str] = set()

    def committed(self, stage: str, partition: int, number: int, commit: Commit, rows: Rows) -> None:
        """Take what a commit published and what its tables say beyond that, once it is durable; `rows` are the shard's after it."""
        try:
            said = said_of(rows, commit.rows) if stage == "monitor" else ()
            self._model.take(shard_of(stage, partition), number, [*commit.outbox, *said])
        except Exception as error:  # of any kind: a page that is wrong must not end a worker that is right
            self._tell(error)

    async def opened(self, partition: int, number: int, rows: Rows) -> None:
        """Start a monitor shard anew from its tables, as of its commit of that number; nothing may be committed to it meanwhile."""
        try:
            self._model.rebuild(partition, number)
            records = records_of(rows)
            while some := list(islice(records, SLICE)):
                self._model.restore(partition, some)
                await asyncio.sleep(0)
        except Exception as error:
            self._tell(error)

    def gone(self, stage: str, partition: int) -> None:
        """Let go of a shard that has another owner."""
        self._model.forget(shard_of(stage, partition))

    def _tell(self, error: Exception) -> None:
        kind = type(error).__name__
        if kind not in self._told:
            self._told.add(kind)
            say("read_model_failed", kind=kind)


def shard_of(stage: str, partition: int) -> int:
    """Return what the read model calls the shard of a stage: every changelog counts its own commits."""
    return partition if stage == "monitor" else -1 - partition
