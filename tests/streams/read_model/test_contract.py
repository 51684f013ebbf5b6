"""What every read model promises, held against both: in process, and a real Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from detectors.window import HOUR, MINUTE
from streams.read_model.document import digest
from streams.read_model.memory import MemoryModel
from streams.read_model.model import ReadModel
from streams.read_model.redis import RedisModel
from streams.read_model.situation import Situation
from tests.brokers.redis import Redis
from tests.streams.read_model.outputs import HOME, START, answer, incident_step, pending, window

Make = Callable[[], ReadModel]
END = START + HOUR


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Return what makes a model; each test has keys of its own."""
    if request.param == "memory":
        yield MemoryModel
        return
    server: Redis = request.getfixturevalue("redis")
    name = uuid4().hex
    yield lambda: RedisModel(server.url, name)


def run(make: Make, script: Callable[[ReadModel], Awaitable[Any]]) -> Any:
    """Run a script against a model that does its background work."""

    async def whole() -> Any:
        model = make()
        background = asyncio.create_task(model.run())
        try:
            return await asyncio.wait_for(script(model), 20)
        finally:
            background.cancel()
            with suppress(asyncio.CancelledError):
                await background

    return asyncio.run(whole())


async def seen(model: ReadModel) -> Situation:
    found = await model.situation(HOME)
    assert found is not None
    return found


def test_keeps_hours_incidents_and_answers(make: Make) -> None:
    """Windows add up by hour and cell, an incident has its timeline, an answer is found by its request."""

    async def script(model: ReadModel) -> None:
        model.take(0, 1, [window(START + 5 * MINUTE, 100, 4), window(START + 10 * MINUTE, 50, 2), window(END, 10, 1, "email")])
        model.take(0, 2, [pending(END), answer()])
        assert [one["check"] for one in (await seen(model)).overview.pending] == ["threshold:low-ctr"]
        model.take(0, 3, [incident_step("opened", 1, END), incident_step("escalated", 2, END + MINUTE, level=2)])
        found = await seen(model)
        assert [(row.end, row.total()["exposures"], row.total()["revenue_minor.EUR"]) for row in found.hours] == [(END, 160, 70)]
        assert found.hours[0].total(lambda cell: cell[1] == "email") == {"exposures": 10, "clicks": 1, "revenue_minor.EUR": 10}
        (story,) = found.incidents
        assert (story.now["level"], [step["step"] for step in story.steps]) == (2, ["opened", "escalated"])
        assert found.overview.pending == ()
        assert (found.overview.closed, found.overview.active) == (END, 1)
        assert [one.initiative for one in await model.overviews()] == [HOME]
        told = await model.answer("q-1")
        assert told is not None
        assert told["error"]["field"] == "command"
        assert await model.answer("q-2") is None
        assert await model.situation("nobody") is None

    run(make, script)


def test_an_older_commit_loses_and_the_same_again_changes_nothing(make: Make) -> None:
    async def script(model: ReadModel) -> None:
        model.take(0, 5, [window(END, 100), incident_step("resolved", 3, END, state="resolved")])
        model.take(0, 4, [window(END, 7), window(END, 9, channel="email"), incident_step("opened", 4, END)])
        model.take(0, 5, [window(END, 100), incident_step("resolved", 3, END, state="resolved")])
        found = await seen(model)
        assert found.hours[0].total()["exposures"] == 100
        assert [step["sequence"] for step in found.incidents[0].steps] == [3]

    run(make, script)


def test_a_consent_revision_replaces_the_counts_of_its_window(make: Make) -> None:
    async def script(model: ReadModel) -> None:
        model.take(0, 1, [window(END, 100)])
        model.take(0, 2, [window(END, 100, 3)])
        assert (await seen(model)).hours[0].total() == {"exposures": 100, "clicks": 3, "revenue_minor.EUR": 30}

    run(make, script)


def test_is_bounded(make: Make) -> None:
    """Two days of hours, a hundred incidents that are over, eighty steps: what runs for a year needs no more than for a week."""

    async def script(model: ReadModel) -> None:
        model.take(0, 1, [window(START + number * HOUR, 1, size=HOUR) for number in range(1, 200)])
        steps = [incident_step("resolved", 1, START + number, state="resolved", name=f"i-{number}") for number in range(150)]
        model.take(0, 2, steps)
        model.take(0, 3, [incident_step("occurrence", number, START + number, name="long") for number in range(1, 300)])
        found = await seen(model)
        assert [row.end for row in found.hours][:: len(found.hours) - 1] == [START + 152 * HOUR, START + 199 * HOUR]
        assert len(found.incidents) == 101
        assert (found.incidents[0].now["incident_id"], len(found.incidents[0].steps)) == ("long", 20)

    run(make, script)


def test_many_cells_share_one_row(make: Make) -> None:
    async def script(model: ReadModel) -> None:
        model.take(0, 1, [window(END, number, channel=f"c{number}") for number in range(1, 200)])
        (row,) = (await seen(model)).hours
        assert len(row.cells) == 64
        assert row.total()["exposures"] == sum(range(200))

    run(make, script)


def test_listeners_hear_what_changes(make: Make) -> None:
    async def script(model: ReadModel) -> None:
        changes = model.changes()
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        model.take(0, 1, [window(END, 1)])
        model.take(0, 2, [window(END, 1, initiative="other")])
        heard = await first
        assert heard == {digest(HOME), digest("other")}
        await changes.aclose()

    run(make, script)


def test_a_rebuild_replaces_what_a_shard_had(make: Make) -> None:
    """Started over from its tables a shard has what they hold and nothing else; other shards keep theirs."""

    async def script(model: ReadModel) -> None:
        model.take(0, 9, [window(END, 100), window(END, 5, channel="email"), incident_step("opened", 1, END)])
        model.take(1, 1, [window(END, 3, initiative="other")])
        model.rebuild(0, 10)
        model.restore(0, [window(END, 40, size=HOUR)])
        found = await seen(model)
        assert (found.hours[0].total()["exposures"], found.incidents) == (40, ())
        assert [one.initiative for one in await model.overviews()] == [HOME, "other"]
        model.take(0, 9, [window(END, 77)])
        assert (await seen(model)).hours[0].total()["exposures"] == 40

    run(make, script)
