"""Couriers: everything new is told once, to whom it is for; a replay pages nobody; what cannot be told is left behind and climbs."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from governance.config import load_config
from streams.jobs import Jobs
from streams.kernel.record import Record
from streams.sinks import Channel, UndeliveredError
from streams.sinks.channel import EVENT_ID, channel_of
from streams.sinks.notice import Notice
from streams.transport.memory_bus import MemoryBus
from tests.streams.sinks.deployment import Sent, outputs, publish, tell
from tests.streams.sinks.servers import mail_server, web_server
from tests.streams.test_commands import HOUR, MINUTE, NOON, Acted, minutes
from tests.streams.test_storm import CONFIG as STORM_CONFIG
from tests.streams.test_storm import storm

SINKS = "version: 1\nsinks: {team: {url: 'http://127.0.0.1:9/', max_age: 1h, for: [ROLES]}}\n"
NOW = NOON + 5 * MINUTE


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """What a deployment said: an incident that climbed to the top and was resolved."""
    return outputs(Acted(minutes(bad=range(8), good=range(8, 40)), tmp_path_factory.mktemp("said")).out)


class Heard:
    """A way out that remembers; `fails` says which tries do not arrive, `dies` after which notice the worker is killed."""

    def __init__(self, fails: Callable[[int], bool] = lambda number: False, dies: int = -1) -> None:
        self.notices: list[Notice] = []
        self.tries = 0
        self._fails, self._dies = fails, dies

    async def send(self, notice: Notice) -> None:
        self.tries += 1
        if self._fails(self.tries):
            raise UndeliveredError("not now")
        self.notices.append(notice)
        if len(self.notices) == self._dies:
            raise Killed


class Killed(BaseException):
    """The worker is gone between the notice and its bookmark."""


def ids(records: list[Record], topic: str = "escalations") -> list[str]:
    """Return the ids of the events of a topic."""
    return [orjson.loads(record.value or b"")["id"] for record in records if record.topic == topic]


def sent(now: int = NOW, roles: str = "", jobs: Jobs | None = None) -> Sent:
    return Sent(load_config(SINKS.replace("ROLES", roles)), now, jobs or Jobs())


def on_a_bus(use: Callable[[MemoryBus], Awaitable[Any]], folder: Path | None = None) -> Any:
    """Return what `use` makes of a bus."""

    async def go() -> Any:
        bus = MemoryBus("mem://sinks" if folder is None else f"mem://sinks?dir={folder}")
        await bus.open()
        try:
            return await use(bus)
        finally:
            await bus.close()

    return asyncio.run(go())


def heard(records: list[Record], channel: Channel, one: Sent) -> None:
    """Let one courier tell what stands on the bus."""

    async def use(bus: MemoryBus) -> None:
        await publish(bus, records)
        await tell(bus, "team", channel, one)

    on_a_bus(use)


def test_every_escalation_is_told_once_and_the_end_to_whom_the_beginning_was(said: list[Record]) -> None:
    """Three levels, then that it is resolved; in words: who, why, where, what to do."""
    team = Heard()
    heard(said, team, sent())

    assert [one.id for one in team.notices if not one.title.startswith("[resolved]")] == ids(said)
    assert team.notices[-1].title.startswith("[resolved] ")
    first = team.notices[0]
    assert first.title == "[warning L1] Threshold low-ctr breached, web: home"
    assert "To act: ana (testing lead)" in first.body
    assert "Where: web;" in first.body
    assert "1. Look at which profile" in first.body
    assert f"pmon incidents ack {first.about}" in first.body


@pytest.mark.parametrize(
    ("role", "levels"), [("testing_lead", [1]), ("data_privacy_lead", [3]), ("testing_lead, data_privacy_lead", [1, 3])]
)
def test_a_sink_hears_what_its_roles_are_asked(said: list[Record], role: str, levels: list[int]) -> None:
    team = Heard()
    heard(said, team, sent(roles=role))

    asked = [orjson.loads(one.event)["data"] for one in team.notices]
    assert [data["level"] for data in asked if "kind" in data] == levels


@pytest.mark.parametrize(("later", "told"), [(2 * HOUR, 0), (65 * MINUTE, 2), (5 * MINUTE, 4)])
def test_nothing_older_than_max_age_is_told(said: list[Record], later: int, told: int) -> None:
    """A first run over a backlog, or a replay of history on a live bus, pages nobody; escalations came after 2, 4 and 6 minutes."""
    team = Heard()
    heard(said, team, sent(now=NOON + later))

    assert len(team.notices) == told


def test_a_courier_that_comes_back_tells_nothing_again_and_goes_on(said: list[Record], tmp_path: Path) -> None:
    """Its place is kept on the bus, not in the worker."""
    first, second = Heard(), Heard()

    async def begin(bus: MemoryBus) -> None:
        await publish(bus, said[:3])
        await tell(bus, "team", first, sent())

    async def again(bus: MemoryBus) -> None:
        await publish(bus, said[3:])
        await tell(bus, "team", second, sent())

    on_a_bus(begin, tmp_path)
    on_a_bus(again, tmp_path)

    told = [one.id for one in (*first.notices, *second.notices)]
    assert len(told) == len(set(told)) == len(ids(said)) + 1
    assert first.notices


@pytest.mark.parametrize("dies", [1, 2, 3, 4])
def test_killed_between_notice_and_bookmark_it_tells_that_one_again_under_the_same_id(
    said: list[Record], tmp_path: Path, dies: int
) -> None:
    """At least once is what can be had without the receiver; the id lets it drop the copy."""
    first, second = Heard(dies=dies), Heard()

    async def begin(bus: MemoryBus) -> None:
        await publish(bus, said)
        with pytest.raises(Killed):
            await tell(bus, "team", first, sent())

    async def again(bus: MemoryBus) -> None:
        await tell(bus, "team", second, sent())

    on_a_bus(begin, tmp_path)
    on_a_bus(again, tmp_path)
    told = Counter(one.id for one in (*first.notices, *second.notices))

    assert sorted(told.values()) == [1, 1, 1, 2]
    assert told[first.notices[-1].id] == 2


def test_an_event_that_stands_twice_on_the_bus_is_told_once(said: list[Record]) -> None:
    """A worker that died after its outbox was half sent sends it again."""
    team = Heard()
    heard([record for record in said for _ in range(2)], team, sent())

    assert len(team.notices) == len({one.id for one in team.notices}) == len(ids(said)) + 1


def test_an_end_that_is_read_before_the_last_escalation_takes_nothing_from_it(said: list[Record]) -> None:
    """Topics are read side by side; what was told is by topic."""
    team = Heard()
    first, *later = [record for record in said if record.topic == "escalations"]
    ended = [record for record in said if record.topic == "incidents"]

    async def use(bus: MemoryBus) -> None:
        for records in ([first], ended, later):
            await publish(bus, records)
            await tell(bus, "team", team, sent())

    on_a_bus(use)
    assert {one.id for one in team.notices} >= set(ids(said))


def test_what_fails_is_tried_again_and_no_more_than_allowed(said: list[Record]) -> None:
    """Two retries: what still fails becomes a dead letter without content, its job has failed, the next is told all the same."""
    team, jobs = Heard(fails=lambda number: number <= 3 or number == 4), Jobs()
    letters: list[dict[str, Any]] = []

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        await tell(bus, "team", team, sent(jobs=jobs))
        for number in range(2):
            async for batch in bus.read("dead-letters", number, 0, 10):
                letters.extend(orjson.loads(record.value or b"") for record in batch)

    on_a_bus(use)

    assert [one.id for one in team.notices][:2] == ids(said)[1:3]
    assert team.tries == 3 + 2 + len(team.notices) - 1
    (letter,) = letters
    assert (letter["data"]["reason_code"], letter["data"]["error_path"]) == ("undelivered", "sinks.team")
    assert "ana" not in orjson.dumps(letter).decode()
    assert jobs.take() == {"sink:team": {"ok": len(team.notices), "failed": 1}}


def test_a_sink_that_hangs_holds_up_nobody_else(said: list[Record]) -> None:
    class Hanging:
        async def send(self, notice: Notice) -> None:
            await asyncio.Event().wait()

    config = load_config("version: 1\nsinks: {team: {url: 'http://127.0.0.1:9/'}, stuck: {url: 'http://127.0.0.1:9/'}}")
    team = Heard()

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        stuck = asyncio.create_task(tell(bus, "stuck", Hanging(), Sent(config, NOW, Jobs())))
        await tell(bus, "team", team, Sent(config, NOW, Jobs()))
        assert not stuck.done()
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)

    on_a_bus(use)
    assert len(team.notices) == len(ids(said)) + 1


def test_what_says_that_a_sink_fails_is_not_told_through_that_sink(said: list[Record]) -> None:
    """Else each failure would make the next."""
    failing = []
    for record in said:
        event = orjson.loads(record.value or b"")
        data = event["data"].get("incident", event["data"])
        data |= {"check": "job_failed", "key": {"feed": "sink:team"}, "initiative": "_system"}
        failing.append(Record(record.topic, record.partition, record.offset, record.timestamp, record.key, orjson.dumps(event)))
    team = Heard()
    heard(failing, team, sent())

    assert team.notices == []


def test_only_owned_partitions_are_read(said: list[Record]) -> None:
    """Two workers with half the partitions each tell everything once between them."""
    one, other = Heard(), Heard()

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        for owned, channel in (([0], one), ([1], other)):
            await tell(bus, "team", channel, Sent(sent().config, NOW, Jobs(), owned=owned))

    on_a_bus(use)
    assert sorted(notice.id for notice in (*one.notices, *other.notices)) == sorted({n.id for n in (*one.notices, *other.notices)})
    assert len(one.notices) + len(other.notices) == len(ids(said)) + 1


def test_over_real_mail_with_refusals_everything_arrives_once(said: list[Record]) -> None:
    with mail_server(refuses=2) as letters:
        heard(said, channel_of(letters.url), sent())

    assert len(letters.taken) == len({letter[EVENT_ID] for letter in letters.taken}) == len(ids(said)) + 1


@pytest.mark.timeout(110)
@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_killed_again_and_again_it_loses_nothing_and_repeats_one_notice_a_kill_at_most(tmp_path: Path, kills: int) -> None:
    """A process of its own, SIGKILL in the middle of its work, a real web server: every id arrives, copies only where it was killed."""
    records = outputs(Acted(storm(20), tmp_path / "storm", STORM_CONFIG.replace("CAP", "1000")).out)
    expected = set(ids(records))
    assert len(expected) >= 40

    async def go() -> list[str]:
        async with web_server() as posted:
            config = tmp_path / "config.yaml"
            config.write_text(SINKS.replace("ROLES", "").replace("http://127.0.0.1:9/", posted.url))
            bus = MemoryBus(f"mem://sinks?dir={tmp_path / 'bus'}")
            await bus.open()
            await publish(bus, records)
            await bus.close()
            command = [sys.executable, "-m", "tests.streams.sinks.deployment", str(tmp_path / "bus"), str(config), str(NOW)]
            for number in range(kills + 1):
                wanted = len(expected) * (number + 1) // (kills + 1)
                worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                try:
                    while len(expected & set(posted.ids)) < wanted:
                        await asyncio.sleep(0.001)
                finally:
                    worker.kill()
                    worker.wait()
            return posted.ids

    told = [one for one in asyncio.run(go()) if one in expected]
    assert set(told) == expected
    assert len(told) - len(expected) <= kills
