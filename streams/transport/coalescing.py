"""What both consumers add to Faust's: one poll's records of a partition are ONE message, and each knows before which seek it was fetched.

Faust costs 80 to 120 µs a message (measured): paid once a batch instead of once a record, it stops mattering.

Around a rebalance Faust resumes partitions before it seeks, clears the agents' queues at the end of recovery, and may commit what nobody
processed. So neither its order nor its acknowledgements are trusted here: whoever takes a batch compares its first offset with the one
wanted (streams/inputs.py) and seeks back where it lies behind it. The epoch tells batches fetched before that seek from those after it:
only from the latter may be concluded that the gap is real.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka.errors import IllegalStateError
from faust.types import TP, ConsumerMessage

from streams.kernel.record import Record

BATCH_RECORDS = 4_000
POLL_S = 0.2  # a poll reads the partitions that had room in their agent's queue when it began: it must not outlast an emptied queue


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition from one poll, oldest first, never empty; `epoch` is how often the partition was sought before the fetch."""

    tp: TP
    records: Sequence[Record]
    epoch: int
    generation: int


class Owner(Protocol):
    """What the consumer asks of those who own the shards."""

    plain_names: Mapping[str, str]  # of the topics that come in batches, by their name on the bus

    def positions(self) -> dict[TP, int]:
        """Return the next offset wanted of every input of every shard held."""

    def changelog_ends(self) -> dict[TP, int]:
        """Return where the changelog of every shard held ends for its owner."""

    async def close(self) -> None:
        """Finish the commits in flight and write no more until the shards are opened again."""


class Coalescing:
    """Mixed into a Faust consumer, before it."""

    app: Any
    epochs: dict[TP, int]
    _heard: set[TP]  # of which a poll has brought records since they were sought last, whenever it was begun
    _polls: int  # begun so far; one at a time
    _read_out: dict[TP, tuple[int, int]]  # (epoch, polls) when a partition was first seen to be read to its end without a record
    _delivered: dict[TP, int]  # behind the last record given to Faust since the last seek

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.epochs = {}
        self._heard = set()
        self._polls = 0
        self._read_out = {}
        self._delivered = {}
        super().__init__(*args, **kwargs)

    @property
    def owner(self) -> Owner:
        """Whoever owns the shards of this app."""
        owner: Owner = self.app.shards
        return owner

    def is_current(self, batch: RecordBatch) -> bool:
        """Return whether a batch was fetched after the last seek of its partition and the last rebalance."""
        return batch.generation == self.app.consumer_generation_id and batch.epoch == self.epochs.get(batch.tp, 0)

    async def seek_back(self, offsets: Mapping[TP, int]) -> None:
        """Continue partitions elsewhere; batches fetched before belong to an older epoch from now on."""
        for tp in offsets:
            self.epochs[tp] = self.epochs.get(tp, 0) + 1
            self._delivered.pop(tp, None)
            self._heard.discard(tp)
        there: Set[TP] = self.assignment()  # type: ignore[attr-defined]
        wanted = {tp: offset for tp, offset in offsets.items() if tp in there}
        try:
            if wanted:
                await self.seek_wait(wanted)  # type: ignore[attr-defined]
        except IllegalStateError:  # the partition went meanwhile; whoever gets it seeks it
            return

    async def is_empty(self, tp: TP, end: int) -> bool:
        """Return whether a partition was read up to `end` since it was sought last and had no record: transaction markers, compaction.

        The position runs ahead of the records: a poll that is waiting while the partition is sought brings what lies behind the seek, and
        the consumer's thread tells of both in any order. So it is empty once a poll that was begun after it was read out has brought none.
        """
        epoch = self.epochs.get(tp, 0)
        try:
            position = await self.position(tp)  # type: ignore[attr-defined]
        except IllegalStateError:  # the partition went meanwhile
            return False
        if epoch == 0 or self.epochs[tp] != epoch or tp in self._heard or (position or 0) < end:
            self._read_out.pop(tp, None)
            return False
        then, polls = self._read_out.setdefault(tp, (epoch, self._polls))
        if then != epoch:
            self._read_out[tp] = (epoch, self._polls)
        return then == epoch and self._polls > polls

    def known_end(self, tp: TP) -> int | None:
        """Return where a partition ended at its last fetch, None where nothing is known of it or it is not held."""
        try:
            end: int | None = self.highwater(tp) if tp in self.assignment() else None  # type: ignore[attr-defined]
        except (AssertionError, IllegalStateError):  # it went between the two questions: the consumer has a thread of its own
            return None
        return end

    async def is_coming(self, tp: TP, wanted: int) -> bool:
        """Return whether the record at `wanted` is on its way: given to an agent already, or still to be fetched from there on.

        Only what the consumer has read past without anybody being given it comes no more.
        """
        if self._delivered.get(tp, 0) > wanted:
            return True
        try:
            position = await self.position(tp)  # type: ignore[attr-defined]
        except IllegalStateError:  # the partition went meanwhile
            return True
        return position is None or position <= wanted

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek inputs to where the shards' stamps are: the offsets committed to the group decide nothing."""
        wanted = self.owner.positions()
        await self.seek_back(wanted)
        return wanted

    def resume_flow(self) -> None:
        """Let messages come once the shards are there; then seek once more, for Faust has just thrown away what came before.

        Faust also asks for it before, to read changelogs: our shards have, and a poll begun then finds nothing to read and sleeps a second.
        """
        if self.app.in_recovery:
            return
        super().resume_flow()  # type: ignore[misc]
        self.add_future(self.seek_back(self.owner.positions()))  # type: ignore[attr-defined]

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return where logs end; a changelog ends where its owner loaded it to, so that Faust's own recovery finds nothing to do.

        It would read what a stale owner appended meanwhile, and swallow its own errors while doing so.
        """
        ours = self.owner.changelog_ends()
        others = [tp for tp in partitions if tp not in ours]
        found = await super().highwaters(*others) if others else {}  # type: ignore[misc]
        return {**found, **{tp: ours[tp] for tp in partitions if tp in ours}}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Close the shards before the group goes on, else nearly every join of a worker costs somebody a reload."""
        await self.owner.close()
        await super().on_partitions_revoked(revoked)  # type: ignore[misc]

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Create nothing: streams/topics.py did, with the partitions, retention and compaction that are meant."""

    def _new_offset(self, tp: TP) -> int | None:
        # Faust's own counts gaps and, after a recovery, advances by about one an interval (#596). Ours only serves lag displays.
        acked: list[int] = self._acked[tp]  # type: ignore[attr-defined]
        if not acked:
            return None
        last = max(acked)
        acked.clear()
        self._acked_index[tp].clear()  # type: ignore[attr-defined]
        return last + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no account of gaps: batches leave them by design."""

    def _records(self, found: Sequence[Any], plain: str) -> list[Record]:
        raise NotImplementedError

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield one message a partition and poll (several of a large poll)."""
        if not self.flow_active:  # type: ignore[attr-defined]
            await self.wait(self.can_resume_flow)  # type: ignore[attr-defined]
        if not self._get_active_partitions():  # type: ignore[attr-defined]
            await self.sleep(POLL_S)  # type: ignore[attr-defined]  # Faust would sleep a second
            return
        self._polls += 1
        epochs = dict(self.epochs)  # after that wait: the end of a recovery seeks just before it lets the flow go on
        polled, active = await self._wait_next_records(min(timeout, POLL_S))  # type: ignore[attr-defined]
        generation = self.app.consumer_generation_id
        self._heard.update(tp for tp, found in (polled or {}).items() if found)
        if polled is None or self.should_stop:  # type: ignore[attr-defined]
            return
        if not self.flow_active:  # type: ignore[attr-defined]
            await self.perform_seek()  # type: ignore[attr-defined]
            return
        for tp, message in self._messages(polled, active, epochs, generation):
            if not self.flow_active or self.app.consumer_generation_id != generation:  # type: ignore[attr-defined]
                return
            yield tp, message

    def _messages(
        self, polled: Mapping[TP, Sequence[Any]], active: Set[TP] | None, epochs: Mapping[TP, int], generation: int
    ) -> Iterable[tuple[TP, ConsumerMessage]]:
        for tp, found in polled.items():
            plain = self.owner.plain_names.get(tp.topic)
            wanted = active is None or tp in active or tp in self._buffered_partitions  # type: ignore[attr-defined]
            if plain is None or not wanted:
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))  # type: ignore[attr-defined]
            self._read_offset[tp] = None  # type: ignore[attr-defined]  # else Faust drops what it thinks it has seen
            for start in range(0, len(found), BATCH_RECORDS):
                records = self._records(found[start : start + BATCH_RECORDS], plain)
                batch: Any = RecordBatch(tp, records, epochs.get(tp, 0), generation)
                offset, stamp = records[-1].offset, records[-1].timestamp / 1000
                # Acknowledging the message commits the offset behind its last record.
                self._delivered[tp] = offset + 1
                place = (tp.topic, tp.partition, offset, stamp, 0, None, None)
                yield tp, ConsumerMessage(*place, batch, None, 0, 0, tp, generation_id=generation)
