"""The live verbs against a worker whose bus is in its memory, each in a process of its own."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from governance.config import load_config
from streams.cli import main
from streams.event_file import read_events
from streams.producing import Producing
from streams.replay import FILE_KEY
from streams.settings import read_settings
from streams.transport.http_bus import HttpBus
from tests.brokers.fixtures import leave_out
from tests.integration.history import CONFIG, write
from tests.integration.memory_worker import MemoryWorker
from tests.integration.outcome import COMPARED, difference, outcome, replayed
from tests.streams.web.chromium import chromium, missing

EVENTS, MINUTES = 2_000, 60
HOME_COUNTS = ("home", "counts")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[MemoryWorker]:
    """A worker that has been sent a history."""
    history, config = write(tmp_path, events=EVENTS, minutes=MINUTES)
    made = MemoryWorker(tmp_path, config)
    made.start()
    try:
        sent = made.pmon("produce", "--input", str(history), "--config", str(config))
        assert (sent.returncode, sent.stderr) == (0, b"")
        asyncio.run(made.done())
        yield made
    finally:
        made.end(signal.SIGKILL)


def lines(worker: MemoryWorker, *topics: str) -> list[dict[str, object]]:
    """Return what stands on topics."""
    shown = worker.pmon("tail", *topics, "--from-start", "--idle", "1s")
    assert (shown.returncode, shown.stderr) == (0, b"")
    return [orjson.loads(line) for line in shown.stdout.splitlines()]


@pytest.mark.timeout(300)
def test_verbs_reach_a_worker_by_its_address(worker: MemoryWorker) -> None:
    """produce and tail: what live comes to is what a replay comes to; report, incidents and their commands are answered."""
    history, config = worker.log.with_name("history-1.jsonl"), worker.log.with_name("config.yaml")
    found = outcome((str(line["topic"]), orjson.dumps(line["value"])) for line in lines(worker, *COMPARED))
    assert difference(replayed(history, config, 2, FILE_KEY), found) == []

    listed = worker.pmon("incidents", "--json")
    document = orjson.loads(listed.stdout)
    assert {one["incident_id"] for one in document["incidents"]} == found["incidents"].keys()
    states = {one["incident_id"]: one["state"] for one in document["incidents"]}
    assert listed.returncode == int(any(state in ("open", "acknowledged") for state in states.values()))
    id = next(one["incident_id"] for one in document["incidents"] if one["initiative"] == "home")
    logged = worker.pmon("incidents", "log", id, "--by", "ana", "--note", "looked at it")
    assert (logged.returncode, logged.stderr) == (0, b"")
    shown = orjson.loads(worker.pmon("incidents", "show", id, "--json").stdout)
    assert "looked at it" in shown["incident"]["remediation"][-1].values()
    refused = worker.pmon("incidents", "ack", id, "--by", "nobody")
    assert (refused.returncode, b"--by: must hold a role" in refused.stderr) == (2, True)
    said = [
        worker.pmon("incidents", "sign-off", id, "--by", "ana"),
        worker.pmon("incidents", "away", "ben", "--by", "ana", "--until", "2090-01-01T00:00:00Z"),
        worker.pmon("incidents", "back", "ben", "--by", "ana", "--initiative", "home"),
    ]
    assert [(one.returncode, one.stderr) for one in said] == [(0, b"")] * 3
    assert [one.stdout.decode().strip() for one in said] == [
        f"signed off {id}",
        "ben is away until 2090-01-01T00:00:00Z, for every initiative",
        "ben is there, for home",
    ]
    refused = worker.pmon("incidents", "away", "nobody", "--by", "ana")
    assert (refused.returncode, b"PERSON: must be an owner or a substitute" in refused.stderr) == (2, True)
    audited = [line["value"]["data"]["body"] for line in lines(worker, "audit-log") if line["value"]["data"]["kind"] == "command"]  # type: ignore[index]
    assert [one["ok"] for one in audited if one["command"] == "set_availability"].count(False) == 1
    assert [one["ok"] for one in audited if one["command"] in ("set_availability", "sign_off")].count(True) == 3

    report = worker.pmon("report", "--initiative", "home", "--window", "1d", "--json")
    totals = orjson.loads(report.stdout)["performance"]["totals"]["counts"]
    windows = [data for data in found["windows"].values() if (data["initiative"], data["revision"]) == HOME_COUNTS]
    counted = sum(data["counts"]["exposures"] for data in windows)
    assert totals["exposures"] - totals["late"] <= counted <= totals["exposures"] + totals["late"]
    unknown = worker.pmon("report", "--initiative", "nowhere")
    assert (unknown.returncode, b"home" in unknown.stderr) == (2, True)
    identity = str(orjson.loads(report.stdout)["report_id"])
    signed = worker.pmon("report", "--initiative", "home", "--sign-off", identity, "--by", "ben")
    assert (signed.returncode, signed.stdout.split()) == (0, [b"signed", identity.encode(), b"by", b"ben"])
    refused = worker.pmon("report", "--initiative", "home", "--sign-off", "no-such-report", "--by", "ben")
    assert (refused.returncode, b"--sign-off: names no report" in refused.stderr) == (2, True)


VERBS = [["tail", "incidents"], ["report", "--initiative", "home"], ["incidents"], ["incidents", "ack", "7c1e", "--by", "ana"]]


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_there_is_exit_3_with_a_hint(verb: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PMON_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PMON_BROKER", "mem://")
    assert main(verb) == 3
    out, err = capfd.readouterr()
    assert (out, "pmon run" in err) == ("", True)


async def send(worker: MemoryWorker, path: Path, *, drain: bool) -> None:
    """Send an event file to the worker's bus, each batch acknowledged."""
    bus = HttpBus(worker.url)
    await bus.open()
    settings, config = read_settings(clock="log", partitions=2), load_config(CONFIG, "config")
    await Producing(bus, settings, config).run(read_events([path], 2), drain=drain)
    await bus.close()


def test_with_a_folder_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Killed as soon as the first half is acknowledged, mostly not folded yet: with the second half it comes to what a replay comes to."""
    history, config = write(tmp_path, events=EVENTS, minutes=MINUTES)
    halves = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    told = history.read_bytes().splitlines(keepends=True)
    halves[0].write_bytes(b"".join(told[: len(told) // 2]))
    halves[1].write_bytes(b"".join(told[len(told) // 2 :]))
    worker = MemoryWorker(tmp_path, config, state=tmp_path / "state")
    worker.start()
    try:
        asyncio.run(send(worker, halves[0], drain=False))
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
        worker.start()
        asyncio.run(send(worker, halves[1], drain=True))
        asyncio.run(worker.done())
        found = outcome((str(line["topic"]), orjson.dumps(line["value"])) for line in lines(worker, *COMPARED))
    finally:
        worker.end()
    assert difference(replayed(history, config, 2, FILE_KEY), found) == []


@pytest.mark.integration
def test_the_page_of_a_worker_shows_an_incident_without_reload_and_again_after_a_restart(tmp_path: Path) -> None:
    """In Chromium, fed through POST /events: a rate falls, its incident shows, and a worker started anew knows it from its tables."""
    if reason := missing():
        leave_out(reason)
    history, config = write(tmp_path, events=EVENTS, minutes=MINUTES)
    told = history.read_bytes().splitlines(keepends=True)
    parts = [tmp_path / "before.jsonl", tmp_path / "broken.jsonl"]
    parts[0].write_bytes(b"".join(told[: len(told) // 4]))
    parts[1].write_bytes(b"".join(told[len(told) // 4 : len(told) * 2 // 3]))
    worker = MemoryWorker(tmp_path, config, state=tmp_path / "state")

    async def script() -> None:
        async with chromium(tmp_path / "browser") as tab:
            await tab.size(1440, 1000)
            await send(worker, parts[0], drain=False)
            await worker.done()
            await tab.open(f"{worker.url}/?initiative=home")
            assert "Personalised without a consent record" in await tab.evaluate("document.querySelector('h1').textContent")
            assert not await tab.evaluate(SHOWS)
            await tab.evaluate("window.mark = 'same page'")
            await send(worker, parts[1], drain=False)
            await tab.until(SHOWS, 60)
            assert await tab.evaluate("window.mark") == "same page"
            await tab.picture(tmp_path / "live.png")
            assert tab.said == []
            await tab.call("Page.navigate", url="about:blank")
            await asyncio.to_thread(worker.end)
            await asyncio.to_thread(worker.start)
            await tab.open(f"{worker.url}/?initiative=home")
            await tab.until(SHOWS, 60)
            await tab.picture(tmp_path / "restarted.png")

    worker.start()
    try:
        asyncio.run(script())
    finally:
        worker.end()


SHOWS = "document.body.textContent.includes('CTR below 5.00')"
