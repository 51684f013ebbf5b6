"""A made-up program of all streams, run live by two workers on Kafka and Redis: nothing it comes to differs from a replay of its file,
a replay of its signals gives the same bytes, and a Redis that is flushed and killed meanwhile costs nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

import orjson
import pytest
from redis import Redis as Client

from governance.config import load_config
from streams.event_file import read_events
from streams.kernel.record import Outgoing, Record
from streams.producing import Producing
from streams.read_model.fold import Fold
from streams.read_model.memory import situation
from streams.read_model.redis import RedisModel
from streams.read_model.situation import Situation
from streams.topics import OUTPUTS, on_bus
from streams.transport.kafka_bus import KafkaBus
from tests.brokers.kafka import Kafka
from tests.brokers.redis import Redis
from tests.integration.fleet import Deployment, Worker
from tests.integration.outcome import difference, outcome, replayed

NAMES = count()
WITHIN_S = 240.0
LOAD_S = 12.0
Published = dict[str, dict[str, bytes]]  # values by topic and id


async def live(deployment: Deployment, events: Path, fleet: list[Worker], redis: Redis) -> Published:
    """Run two workers over the events while Redis is flushed, killed and started again; return what was published."""
    own = deployment.settings
    bus = KafkaBus(own.broker)
    await bus.open()
    config = load_config(deployment.config.read_text(), "config")
    try:
        producing = Producing(bus, own, config, speed=26 * 3_600 / LOAD_S)
        load = asyncio.create_task(producing.run(read_events([events], own.partitions), drain=True))
        while not all(worker.says("ready") for worker in fleet):
            await asyncio.sleep(0.1)
        await asyncio.sleep(LOAD_S / 3)
        await asyncio.to_thread(Client.from_url(redis.url).flushall)
        await asyncio.sleep(1)
        await asyncio.to_thread(redis.kill)
        await asyncio.sleep(3)
        await asyncio.to_thread(redis.start)
        await load
        await deployment.done(bus, WITHIN_S)
        return await everything(bus, deployment)
    finally:
        await bus.close()


async def everything(bus: KafkaBus, deployment: Deployment) -> Published:
    """Return every output by topic and id; what was sent twice is the same bytes."""
    found: Published = {}
    for topic in OUTPUTS:
        name, values = on_bus(deployment.settings, topic), found.setdefault(topic, {})
        ends = await bus.ends([(name, number) for number in range(deployment.settings.partitions)])
        for place, end in ends.items():
            async for batch in bus.read(*place, 0, end):
                for record in batch:
                    id = orjson.loads(record.value or b"{}")["id"]
                    assert values.setdefault(id, record.value or b"") == record.value
    return found


def in_folder(folder: Path) -> Published:
    """Return what a replay wrote into a folder."""
    found: Published = {}
    for topic in OUTPUTS:
        records = [one for one in read_events([folder / f"{topic}.jsonl"], 1 << 30) if isinstance(one, Record)]
        found[topic] = {orjson.loads(one.value or b"{}")["id"]: one.value or b"" for one in records}
    return found


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_live_is_file_and_its_signals_are_the_same_bytes(kafka: Kafka, redis: Redis, tmp_path: Path) -> None:
    """Windows, verdict counts, incidents by id and final state, findings, escalations; then the dump of `pmon tail`, byte for byte."""
    events = tmp_path / "events.jsonl"
    plain = Deployment(kafka, tmp_path, f"whole-{next(NAMES)}", tmp_path / "events.jsonl.config.yaml", redis=redis.url)
    made = plain.pmon("simulate", "--out", str(events), "--days", "1", "--rate", "200", "--scenario", "ctr-drop")
    assert made.returncode == 0
    assert plain.pmon("topics", "create").returncode == 0
    fleet = [Worker(plain, number) for number in range(2)]
    for worker in fleet:
        worker.start()
    try:
        found = asyncio.run(live(plain, events, fleet, redis))
        expected = replayed(events, plain.config, plain.settings.partitions, plain.key.read_bytes())
        assert len(expected["incidents"]) >= 1
        assert difference(expected, outcome((topic, value) for topic, values in found.items() for value in values.values())) == []
        asyncio.run(pages_are_right(redis.url, plain, found))
    finally:
        codes = [worker.end() for worker in fleet]
    assert codes == [0, 0]

    dump, again = tmp_path / "signals.jsonl", tmp_path / "again"
    dump.write_bytes(plain.pmon("tail", "monitor-signals", "--from-start", "--idle", "2s").stdout)
    assert plain.pmon("replay", "--signals", str(dump), "--out", str(again)).returncode == 0
    replays = in_folder(again)
    assert {topic: replays[topic] == found[topic] for topic in OUTPUTS if topic != "dead-letters"} == dict.fromkeys(
        (topic for topic in OUTPUTS if topic != "dead-letters"), True
    )


async def pages_are_right(url: str, deployment: Deployment, found: Published) -> None:
    """What Redis holds in the end is what the outputs say, whatever became of it on the way."""
    fold = Fold()
    fold.take(0, 1, in_order(found))
    reader = RedisModel(url, f"{deployment.settings.topic_prefix}{deployment.settings.group}")
    watching = asyncio.create_task(reader.run())
    places = [place for place in fold.places() if place.name != "_system"]
    assert places
    try:
        async with asyncio.timeout(30):
            for place in places:
                while shown(await reader.situation(place.name)) != shown(situation(place)):
                    await asyncio.sleep(0.2)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def in_order(found: Mapping[str, Mapping[str, bytes]]) -> Iterable[Outgoing]:
    """Yield outputs as they were published, by event time; of one window the consent revision comes last, of an incident the last step."""
    values = [(topic, value, orjson.loads(value)) for topic in ("kpi-windows", "findings", "incidents") for value in found[topic].values()]
    values.sort(key=lambda one: (one[2]["time"], one[2]["data"].get("revision") == "consent", one[2]["data"].get("sequence", 0)))
    return [Outgoing(topic, None, None, value, 0) for topic, value, _ in values]


def shown(found: Situation | None) -> object:
    """Return what a page says of an initiative: exposures by hour, incidents as they stand."""
    if found is None:
        return None
    hours = {row.end: row.total().get("exposures", 0) for row in found.hours}
    incidents = {story.now["incident_id"]: (story.now["sequence"], story.now["state"]) for story in found.incidents}
    return found.overview.closed, hours, incidents
