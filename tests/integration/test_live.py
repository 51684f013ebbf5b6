"""On Apache Kafka, through `pmon` as people run it: live equals replay, with one worker, with two, and with one of two killed."""

import asyncio
import signal
import time
from itertools import count
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from governance.config import load_config
from streams.event_file import read_events
from streams.kernel.record import Record
from streams.producing import Producing
from streams.transport.kafka_bus import KafkaBus
from tests.brokers.kafka import Kafka
from tests.integration.fleet import Deployment, Worker
from tests.integration.history import write
from tests.integration.outcome import Outcome, difference, published, replayed
from tests.streams.sinks.servers import web_server

NAMES = count()
EVENTS, MINUTES = 6_000, 60
WITHIN_S = 90.0


@pytest.fixture
def deployment(kafka: Kafka, tmp_path: Path) -> Deployment:
    """A deployment nobody else uses, its topics made by the verb, its history written."""
    _, config = write(tmp_path, events=EVENTS, minutes=MINUTES)
    made = Deployment(kafka, tmp_path, f"live-{next(NAMES)}", config)
    ran = made.pmon("topics", "create")
    assert (ran.returncode, ran.stderr) == (0, b"")
    return made


def history(deployment: Deployment) -> Path:
    return deployment.folder / "history-1.jsonl"


async def all_done(deployment: Deployment) -> None:
    """Wait until everything is done."""
    bus = KafkaBus(deployment.settings.broker)
    await bus.open()
    try:
        await deployment.done(bus, WITHIN_S)
    finally:
        await bus.close()


async def outcome_of(deployment: Deployment) -> Outcome:
    """Return what was published: all of it, once the workers were ended."""
    bus = KafkaBus(deployment.settings.broker)
    await bus.open()
    try:
        return await published(bus, deployment.settings.topic_prefix, deployment.settings.partitions)
    finally:
        await bus.close()


def expected(deployment: Deployment) -> Outcome:
    """Return what a replay comes to; it has something to say."""
    found = replayed(history(deployment), deployment.config, deployment.settings.partitions, deployment.key.read_bytes())
    assert len(found["windows"]) > 500
    assert len(found["incidents"]) >= 2
    return found


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_live_is_equal_to_replay(deployment: Deployment, workers: int) -> None:
    """Every window, incident, finding and escalation by id and content; SIGTERM ends a worker with 0."""
    fleet = [Worker(deployment, number) for number in range(workers)]
    for worker in fleet:
        worker.start()
    try:
        ran = deployment.pmon("produce", "--input", str(history(deployment)), "--config", str(deployment.config))
        assert (ran.returncode, ran.stderr) == (0, b"")
        asyncio.run(all_done(deployment))
        shares = [worker.owns() for worker in fleet]
    finally:
        codes = [worker.end() for worker in fleet]
    found = asyncio.run(outcome_of(deployment))
    assert difference(expected(deployment), found) == []
    assert codes == [0] * workers
    assert sorted(number for share in shares for number in share) == ["0", "1", "2", "3"]  # each partition once, all of them
    assert {len(share) for share in shares} == {4 // workers}
    shown = deployment.pmon("tail", "incidents", "--from-start", "--idle", "1s").stdout.splitlines()
    assert {orjson.loads(line)["value"]["data"]["incident_id"] for line in shown} >= found["incidents"].keys()


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_what_people_say_is_answered_over_the_broker(deployment: Deployment) -> None:
    """Signed off, away and back by who may, refused by name of the flag for who may not; all of it in the audit chain."""
    worker = Worker(deployment, 0)
    worker.start()
    try:
        ran = deployment.pmon("produce", "--input", str(history(deployment)), "--config", str(deployment.config))
        assert ran.returncode == 0
        asyncio.run(all_done(deployment))
        id = next(one["incident_id"] for one in orjson.loads(deployment.pmon("incidents", "--json").stdout)["incidents"])
        who = ("--by", "ana") if deployment.pmon("incidents", "sign-off", id, "--by", "ana").returncode == 0 else ("--by", "chi")
        said = [deployment.pmon("incidents", *verb, *who) for verb in (("sign-off", id), ("away", "ben"), ("back", "ben"))]
        refused = deployment.pmon("incidents", "away", "ben", "--by", "mallory")
        audited = deployment.pmon("tail", "audit-log", "--from-start", "--idle", "1s").stdout.splitlines()
    finally:
        worker.end()
    assert [(one.returncode, one.stderr) for one in said] == [(0, b"")] * 3
    assert (refused.returncode, b"--by: must hold a role" in refused.stderr) == (2, True)
    bodies = [entry["body"] for entry in (orjson.loads(line)["value"]["data"] for line in audited) if entry["kind"] == "command"]
    assert [one["ok"] for one in bodies if one["command"] == "set_availability"] == [True, True, False]


async def send_in_a_transaction(deployment: Deployment, path: Path) -> None:
    """Send an event file as a transaction: behind its records stand markers that are no records."""
    own = deployment.settings
    producer = AIOKafkaProducer(bootstrap_servers=own.broker.removeprefix("kafka://"), transactional_id=own.group)
    await producer.start()
    async with producer.transaction():
        for record in read_events([path], own.partitions):
            assert isinstance(record, Record)
            topic = own.topic_prefix + record.topic
            await producer.send(topic, record.value, record.key, record.partition, record.timestamp)
    await producer.stop()


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_the_clock_does_not_wait_for_what_is_no_record(deployment: Deployment) -> None:
    """Ticks name ends; a transaction's marker takes an offset at the end of an input and can never be read."""
    first, middle, last = (deployment.folder / f"{name}.jsonl" for name in ("first", "middle", "last"))
    lines = history(deployment).read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:3_000]))
    middle.write_bytes(b"".join(lines[3_000:3_400]))
    last.write_bytes(lines[3_400])
    worker = Worker(deployment, 0)

    async def go() -> list[str]:
        bus = KafkaBus(deployment.settings.broker)
        await bus.open()
        config = load_config(deployment.config.read_text(), "config")
        partitions = deployment.settings.partitions
        await Producing(bus, deployment.settings, config).run(read_events([first], partitions), drain=False)
        await send_in_a_transaction(deployment, middle)
        await Producing(bus, deployment.settings, config).run(read_events([last], partitions), drain=True)
        while worker.says("nothing_there") < partitions - 1:  # the last record stands behind one of the markers
            await asyncio.sleep(0.2)
        history(deployment).write_bytes(b"".join(lines[:3_401]))
        awaited = replayed(history(deployment), deployment.config, partitions, deployment.key.read_bytes())
        until = time.monotonic() + WITHIN_S
        while differs := difference(awaited, await published(bus, deployment.settings.topic_prefix, partitions)):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.5)
        await bus.close()
        return differs

    worker.start()
    try:
        assert asyncio.run(go()) == []
    finally:
        worker.end()


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_killed_worker_loses_and_doubles_nothing(deployment: Deployment) -> None:
    """SIGKILL in the middle of the load: the other one takes over, the killed one comes back, the outcome is the same.

    Its sink is told every escalation; twice, under the same id, at most what was on its way when the worker died.
    """
    fleet = [Worker(deployment, number) for number in range(2)]

    async def go() -> tuple[Outcome, list[str]]:
        async with web_server() as posted:
            with deployment.config.open("a") as config:
                config.write(f"sinks: {{hook: {{url: '{posted.url}', max_age: 3660d}}}}\n")
            for worker in fleet:
                worker.start()
            await load()
            await all_done(deployment)
            async with asyncio.timeout(WITHIN_S):
                while not set((await outcome_of(deployment))["escalations"]) <= set(posted.ids):
                    await asyncio.sleep(0.5)
            for worker in fleet:
                await asyncio.to_thread(worker.end)
            return await outcome_of(deployment), posted.ids

    async def load() -> None:
        bus = KafkaBus(deployment.settings.broker)
        await bus.open()
        config = load_config(deployment.config.read_text(), "config")
        producing = Producing(bus, deployment.settings, config, speed=MINUTES * 60 / 12)
        load = asyncio.create_task(producing.run(read_events([history(deployment)], deployment.settings.partitions), drain=True))
        while not all(worker.says("ready") for worker in fleet):
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        fleet[0].end(signal.SIGKILL)
        await asyncio.sleep(2)
        fleet[0].start()
        await load
        await bus.close()

    try:
        found, told = asyncio.run(go())
    finally:
        for worker in fleet:
            worker.end()
    assert difference(expected(deployment), found) == []
    asked = [one for one in told if one in found["escalations"]]
    assert len(asked) - len(found["escalations"]) <= 1
