"""The seat of one shard: its rows, and the right to change them, which is a place at the end of its changelog.

    commit ─► outbox before it arrived? ─► one record batch ─► acknowledged where it must land ─► rows ─► outbox on its way
                                                             └► elsewhere: only void batches between: again; a valid one: lost
"""

import asyncio
from collections.abc import Callable, Sequence

from streams.journal import say
from streams.kernel.changelog import Again, Batch, Entry, Landed, Leave, Loaded, Loading, Place, encode, landing
from streams.kernel.record import Commit, Outgoing, Record
from streams.kernel.rows import Rows
from streams.outlet import Outlet
from streams.transport.bus import AppendError, Bus, BusUnreachableError, Message


class LostSeatError(Exception):
    """The log has gone on without us, or may have: what is in memory is not the state any more; load it again."""


async def read_changelog(bus: Bus, topic: str, partition: int) -> Loaded:
    """Return what a changelog holds up to where it ends now; raises what `changelog.Loading` raises."""
    end = (await bus.ends([(topic, partition)]))[topic, partition]
    loading = Loading()
    async for batch in bus.read(topic, partition, 0, end):
        loading.take(map(entry_of, batch))
    return loading.loaded(end)


def entry_of(record: Record) -> Entry:
    """Return a record of a changelog as the protocol reads it."""
    return record.offset, record.key or b"", record.value


class Seat:
    """What one owner knows of one shard; `check` ends the process where it may not write any more."""

    def __init__(self, bus: Bus, outlet: Outlet, topic: str, partition: int, loaded: Loaded, check: Callable[[], None]) -> None:
        self.topic, self.partition = topic, partition
        self.rows: Rows = loaded.rows
        self.place: Place = loaded.place
        self._bus, self._outlet, self._check = bus, outlet, check
        self._sending: asyncio.Task[None] | None = None
        self._send(loaded.outbox)  # the owner before us may have died before it did

    async def commit(self, commit: Commit) -> None:
        """Make a commit durable, then take it over and send what it wants sent; raises LostSeatError."""
        await self.settle()  # this commit overwrites the outbox of the last one: it must have arrived
        landed: Landed | Again | Leave = Again(self.place)
        while isinstance(landed, Again):
            batch = encode(commit, landed.place, self.rows)
            landed = await self._append(batch)
        if isinstance(landed, Leave):
            raise LostSeatError(f"{self.topic} {self.partition}: somebody who knew the end of the log has written")
        self.place = landed.place
        self.rows.apply(commit)
        self._send(commit.outbox)

    async def _append(self, batch: Batch) -> Landed | Again | Leave:
        self._check()
        messages = [Message(key, value) for key, value in batch.records]
        expected = batch.place.base
        try:
            at = await self._bus.append(self.topic, self.partition, messages)
            between: list[Entry] = []
            if at > expected:
                found = self._bus.read(self.topic, self.partition, expected, at)
                between = [entry async for records in found for entry in map(entry_of, records)]
        except AppendError as error:
            raise LostSeatError(str(error)) from None
        if at < expected:
            raise LostSeatError(f"{self.topic} {self.partition}: the log ends at {at}, it ended at {expected}: it was cut or made anew")
        if at != expected:
            say("landed_elsewhere", log=self.topic, partition=self.partition, expected=expected, landed=at)
        return landing(batch, at, between)

    def _send(self, outbox: Sequence[Outgoing]) -> None:
        if outbox:
            self._sending = asyncio.create_task(self._outlet.send(outbox))

    async def settle(self) -> None:
        """Wait until everything sent so far has arrived; raises LostSeatError where it may not have."""
        sending, self._sending = self._sending, None
        if sending is None:
            return
        try:
            await sending
        except (AppendError, BusUnreachableError) as error:
            raise LostSeatError(str(error)) from None
