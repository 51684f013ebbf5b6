"""Who may write: two owners of one shard on every bus, and the log alone decides between them."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from streams.kernel.record import Commit, Outgoing
from streams.outlet import Outlet
from streams.seat import LostSeatError, Seat, read_changelog
from streams.transport.bus import Bus, Topic
from tests.streams.transport.conftest import Make

Sit = Callable[[], Awaitable[Seat]]


def commit(number: int, rows: dict[bytes, bytes | None], *outbox: str) -> Commit:
    return Commit(rows, b"stamp %d" % number, tuple(Outgoing("out", 1, b"k", text.encode(), 5) for text in outbox))


def with_seats(make: Make, use: Callable[[Bus, str, Sit], Awaitable[None]]) -> None:
    """Open a bus with a changelog and an output topic; `sit` loads the shard and takes its seat."""

    async def go() -> None:
        bus, name = make(), uuid4().hex[:12]
        await bus.open()
        try:
            await bus.create([Topic(f"{name}.log", 1, compacted=True), Topic(f"{name}.out", 2)])

            async def sit() -> Seat:
                loaded = await read_changelog(bus, f"{name}.log", 0)
                return Seat(bus, Outlet(bus, ["out"], f"{name}.", 2), f"{name}.log", 0, loaded, lambda: None)

            await use(bus, name, sit)
        finally:
            await bus.close()

    asyncio.run(go())


async def sent(bus: Bus, name: str) -> list[bytes | None]:
    place = (f"{name}.out", 1)
    end = (await bus.ends([place]))[place]
    return [record.value async for batch in bus.read(*place, 0, end) for record in batch]


def test_what_was_committed_is_loaded_again(make: Make) -> None:
    async def use(bus: Bus, name: str, sit: Sit) -> None:
        seat = await sit()
        await seat.commit(commit(1, {b"aa": b"1", b"ab": b"2"}))
        await seat.commit(commit(2, {b"aa": b"3", b"ab": None}))
        again = await sit()
        assert dict(again.rows.items()) == {b"@stamp": b"stamp 2", b"aa": b"3"}
        assert again.place == seat.place

    with_seats(make, use)


def test_the_next_owner_sends_the_last_outbox_again(make: Make) -> None:
    """The one before may have died between its commit and its messages."""

    async def use(bus: Bus, name: str, sit: Sit) -> None:
        seat = await sit()
        await seat.commit(commit(1, {b"aa": b"1"}, "first"))
        await seat.commit(commit(2, {b"aa": b"2"}, "second", "third"))
        await seat.settle()
        await (await sit()).settle()
        assert await sent(bus, name) == [b"first", b"second", b"third", b"second", b"third"]

    with_seats(make, use)


def test_who_does_not_know_the_end_of_the_log_loses_the_seat_and_leaves_no_trace(make: Make) -> None:
    async def use(bus: Bus, name: str, sit: Sit) -> None:
        stale, owner = await sit(), await sit()
        await owner.commit(commit(1, {b"aa": b"owner"}))
        with pytest.raises(LostSeatError):
            await stale.commit(commit(1, {b"aa": b"stale", b"ab": b"stale"}, "never said"))
        assert dict(stale.rows.items()) == {}
        assert dict((await sit()).rows.items()) == {b"@stamp": b"stamp 1", b"aa": b"owner"}
        assert await sent(bus, name) == []

    with_seats(make, use)


def test_the_owner_goes_on_over_void_batches_and_writes_their_keys_again(make: Make) -> None:
    """A frozen process that wakes makes the owner append twice, nothing else; compaction keeps the owner's rows."""

    async def use(bus: Bus, name: str, sit: Sit) -> None:
        owner = await sit()
        await owner.commit(commit(1, {b"aa": b"1", b"ab": b"1"}))
        stale = await sit()
        await owner.commit(commit(2, {b"aa": b"2"}))
        with pytest.raises(LostSeatError):
            await stale.commit(commit(2, {b"ab": b"stale", b"ac": b"stale"}))
        await owner.commit(commit(3, {b"aa": b"3"}, "said once"))
        await owner.settle()
        expected = {b"@stamp": b"stamp 3", b"aa": b"3", b"ab": b"1"}
        assert dict((await sit()).rows.items()) == dict(owner.rows.items()) == expected
        place = (f"{name}.log", 0)
        end = (await bus.ends([place]))[place]
        last = {one.key: one.value async for batch in bus.read(*place, 0, end) for one in batch}
        assert {key: last[key] for key in (b"aa", b"ab", b"ac")} == {b"aa": b"3", b"ab": b"1", b"ac": None}

    with_seats(make, use)
