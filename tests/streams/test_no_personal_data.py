"""Nobody who is watched can be read off anything the monitor writes: markers planted in every input are looked for in every output."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from redis import Redis as Client

from governance.config import load_config
from reporting.view import canonical, html, markdown, terminal
from streams.app import work
from streams.cli.policy_files import policies_of
from streams.cli.report import request_of
from streams.event_file import read_events
from streams.file_replay import FileReplay
from streams.kernel.bulletin import SIGNALS
from streams.kernel.record import Outgoing
from streams.producing import Producing
from streams.pulse import Pulse
from streams.read_model.redis import RedisModel
from streams.settings import read_settings
from streams.shards import Ground
from streams.topics import OUTPUTS, prepare
from streams.transport.bus import Bus
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.brokers.redis import Redis
from tests.governance.message.examples import COMMAND, CONSENT, EXPOSURE, RULE
from tests.streams.test_worker import KEY, PARTITIONS, caught_up

NOON = 1_795_348_800_000
MINUTE = 60_000
MARK = "Zaphod.Beeblebrox"  # in every planted text, whole
WHO = f"{MARK}@example.org"
CONFIG = """
version: 1
timing: {window: 1m, tick: 10s, settle: 1m}
initiatives:
  home:
    owners: {testing_lead: {person: ana}, personalization_architect: {person: chi}, data_privacy_lead: {person: dee}}
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.5, window: 1m, reason: few}]
    experiments: {exp-7: {control: a, allocation: {a: 0.5, b: 0.5}, goals: [converted_subjects]}}
"""
Line = dict[str, Any]
# What nobody publishes: left aside, or kept as a hash. Names of programs, channels, variants, rules and of people who work there are shown.
UNPUBLISHED: dict[str, Line] = {
    "engagement-events": {"pre_value": 4711.0, "propensity": 0.5},
    "consent-events": {"source": MARK, "notice_version": MARK},
}


def line(topic: str, at: int, key: str, **value: Any) -> Line:
    """Build a record with its time, and fields that no schema has, their names and values planted."""
    return {"topic": topic, "key": key, "timestamp": NOON + at, "value": {**value, MARK: MARK, "unknown": {WHO: [WHO]}}}


def planted() -> Iterator[Line]:
    """Yield an hour of a program in which everything that can be told of happens to people whose names are planted."""
    for minute in range(30):
        for number in range(4):
            subject, at = f"{WHO}-{number}", minute * MINUTE + number
            event: Line = {"event_id": f"e{minute}-{number}", "occurred_at": NOON + at, "type": "exposure", "initiative": "home"}
            shown: Line = {"channel": "web", "variant": "ab"[number % 2], "experiment_id": "exp-7", "consent_asserted": True}
            yield line("engagement-events", at, subject, **event, **shown, **UNPUBLISHED["engagement-events"], subject_id=subject)
    states = ("given", "withdrawn", "refused", "requested", "erased")
    for number, state in enumerate(states * 3):
        subject, at = f"{WHO}-{number % 4}", number * 2 * MINUTE
        said: Line = {"event_id": f"c{number}", "occurred_at": NOON + at, "subject_id": subject, "state": state, "jurisdiction": MARK}
        strings: Line = {"tcf": f"C{MARK}", "gpp": f"D{MARK}"} if number % 3 == 0 else {}
        yield line("consent-events", at, subject, **said, **UNPUBLISHED["consent-events"], **strings, purposes=["personalised_content"])
    late = {"event_id": "late", "occurred_at": NOON - MINUTE, "subject_id": WHO, "state": "given", "purposes": ["personalised_content"]}
    yield line("consent-events", 31 * MINUTE, WHO, **late)
    yield {**line("rule-changes", 5 * MINUTE, "home", **{**RULE, "initiative": "home", "occurred_at": NOON + 5 * MINUTE})}
    yield from refused()


def refused() -> Iterator[Line]:
    """Yield records that are refused, a marker in each field in turn, in the key, around the JSON and instead of it."""
    examples: dict[str, Line] = {"engagement-events": EXPOSURE, "consent-events": CONSENT}
    examples |= {"rule-changes": RULE, "monitor-commands": COMMAND}
    for topic, example in examples.items():
        for field in example:
            for value in (f"{WHO}\x00", {WHO: WHO}, [WHO, {WHO: 1}]):
                yield {"topic": topic, "key": WHO, "timestamp": NOON + MINUTE, "value": {**example, field: value}}
        yield {"topic": topic, "key": WHO, "timestamp": NOON + MINUTE, "value": example}
        for raw in (WHO, f'{{"{MARK}":1,"{MARK}":2}}', "[" * 40 + WHO):
            yield {"topic": topic, "key": WHO, "timestamp": NOON + MINUTE, "value_base64": base64.b64encode(raw.encode()).decode()}


def written(folder: Path) -> Path:
    """Write the history, with lines that are no records."""
    path = folder / "in.jsonl"
    lines = [json.dumps(one) for one in sorted(planted(), key=lambda one: int(one["timestamp"]))]
    path.write_text("\n".join([*lines, f'{{"topic": "{MARK}", "key": ', json.dumps({"topic": MARK}), WHO]) + "\n")
    return path


def shows(text: str | bytes) -> bool:
    """Return whether something planted, or its beginning, can be read in a text."""
    data = text.encode() if isinstance(text, str) else text
    return any(mark in data for mark in (MARK.encode(), b"Beeblebrox", base64.b64encode(MARK.encode())[:20]))


def test_no_output_report_plan_or_row_of_a_replay_shows_anybody(tmp_path: Path) -> None:
    """All topics and the signals between the stages, the rows that are kept, the report in every form with its plan."""
    said: dict[str, list[bytes]] = {}

    def take(message: Outgoing) -> None:
        said.setdefault(message.topic, []).append((message.key or b"") + message.value)

    run = FileReplay([str(written(tmp_path))], load_config(CONFIG), PARTITIONS, take, subject_key=KEY, verdicts=True)
    run.run()
    rows = [key + value for station in run.replay.stations for rows in (station.intake, station.monitor) for key, value in rows.items()]

    assert {*OUTPUTS, SIGNALS, "verdicts"} - said.keys() <= {"reports"}
    checks = {json.loads(one[one.index(b"{") :])["data"]["check"] for one in said["findings"]}
    assert {"consent_violation", "consent_assertion", "consent_string", "threshold:low-ctr"} <= checks
    assert [one for messages in said.values() for one in messages if shows(one)] == []
    assert [row for row in rows if shows(row)] == []


def test_no_log_line_page_metric_or_redis_key_of_a_worker_shows_anybody(
    tmp_path: Path, redis: Redis, capfd: pytest.CaptureFixture[str]
) -> None:
    """A worker on the bus in memory with its read model in Redis: everything it says anywhere while the history goes through."""
    config, name = load_config(CONFIG), uuid4().hex
    own = read_settings(clock="log", partitions=PARTITIONS, web_port=0, group=name)
    pages: dict[str, str] = {}

    async def go() -> list[bytes]:
        bus = MemoryBus(memory_url(own))
        await bus.open()
        await prepare(bus, own, config)
        await Producing(bus, own, config).run(read_events([str(written(tmp_path))], PARTITIONS), drain=True)
        ready, stop = asyncio.Event(), asyncio.Event()
        ground = Ground(own, config, MemoryBus(bus.url), KEY, Pulse(None), policies_of(config, None), RedisModel(redis.url, name))
        worker = asyncio.create_task(work(ground, ready, stop))
        await ready.wait()
        await caught_up(bus, own)
        pages.update(await visited(capfd))
        stop.set()
        await worker
        found = [one async for one in outputs(bus, name)]
        await bus.close()
        return found

    logged = asyncio.run(go())
    client: Any = Client.from_url(redis.url)
    keys: list[bytes] = list(client.scan_iter(f"*{name}*"))
    stored = [field + value for key in keys if client.type(key) == b"hash" for field, value in client.hgetall(key).items()]
    told = capfd.readouterr()

    assert keys
    assert stored
    assert [text for text in (told.out, told.err, *pages.values(), *logged, *keys, *stored) if shows(text)] == []
    assert {"/", "/?initiative=home", "/metrics", "/readyz"} <= pages.keys()


async def visited(capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return what the worker's pages say."""
    told = capfd.readouterr()
    assert not shows(told.out + told.err)
    url = next(json.loads(line)["url"] for line in told.err.splitlines() if '"event":"page"' in line)
    found = {}
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/?initiative=home", "/metrics", "/readyz", "/healthz", f"/?initiative={WHO}", f"/reports/{WHO}"):
            async with session.get(url.rstrip("/") + path) as answer:
                found[path] = (await answer.text()).replace(WHO, "") if WHO in path else await answer.text()
    return found


async def outputs(bus: Bus, group: str) -> AsyncIterator[bytes]:
    """Yield key and value of everything a worker wrote to the bus: outputs, signals and both changelogs."""
    for topic in (*OUTPUTS, SIGNALS, f"{group}-intake-changelog", f"{group}-monitor-changelog"):
        for partition in range(PARTITIONS):
            end = (await bus.ends([(topic, partition)]))[topic, partition]
            async for batch in bus.read(topic, partition, 0, end):
                for record in batch:
                    yield (record.key or b"") + (record.value or b"")


def test_no_report_shows_anybody(tmp_path: Path) -> None:
    """In any form, the plan in it included."""
    run = FileReplay([str(written(tmp_path))], load_config(CONFIG), PARTITIONS, lambda _: None, subject_key=KEY)
    report = run.report("home", request_of("home", {"window": "1d", "detail": "full", "alert_threshold": "ctr<0.9"}), None)

    assert report["plan"]
    assert report["issues"]
    views = [canonical.dumps(report).decode(), markdown.render(report), html.render(report), terminal.render(report)]
    assert [view for view in views if shows(view)] == []
