"""A worker with sinks on the wall clock: an incident reaches people, and a sink that does not answer is an incident of its own."""

import asyncio
from itertools import count

import orjson
import pytest

from governance.config import Config, load_config
from streams.app import work
from streams.config_event import now_ms
from streams.event_file import partition_of
from streams.kernel.record import Record
from streams.producing import Producing
from streams.pulse import Pulse
from streams.settings import Settings, read_settings
from streams.shards import Ground
from streams.transport.memory_bus import MemoryBus
from streams.transport.opening import memory_url
from tests.streams.sinks.servers import Posted, web_server

PARTITIONS = 2
GROUPS = count()
CONFIG = """
version: 1
timing: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s}
incidents: {retry_limit: 0}
initiatives:
  home:
    owners: {testing_lead: {person: ana}, data_privacy_lead: {person: dee}}
    detectors: {dip: false, freshness: false, suppression: false, drift: false}
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.5, window: 1s}]
sinks:
  team: {url: 'URL'}
  gone: {url: 'http://127.0.0.1:9/', for: [testing_lead]}
"""


async def exposures(bus: MemoryBus, own: Settings, config: Config) -> None:
    """Send exposures that nobody clicks, second by second, for ever."""
    for number in count():
        now, key = now_ms(), f"u-{number}".encode()
        event = {"event_id": f"e-{number}", "occurred_at": now, "type": "exposure", "initiative": "home", "subject_id": f"u-{number}"}
        event["consent_asserted"] = None
        record = Record("engagement-events", partition_of(key, PARTITIONS), 0, now, key, orjson.dumps(event))
        await Producing(bus, own, config).run([record], drain=True)
        await asyncio.sleep(0.3)


def told(posted: Posted) -> dict[str, str]:
    """Return what was told: for each check asked about, what its incident is about."""
    events = [orjson.loads(body)["data"] for body in posted.bodies]
    return {data["incident"]["check"]: data["incident"]["key"].get("feed", "") for data in events if "kind" in data}


@pytest.mark.timeout(110)
def test_an_incident_is_told_and_a_sink_that_fails_is_told_through_the_others() -> None:
    """Breach, breach, told; the other sink fails, its worker's tick says so, `job_failed` opens and the first owner hears of it."""
    own = read_settings(partitions=PARTITIONS, group=f"sinks-{next(GROUPS)}", web_port=0)

    async def go() -> dict[str, str]:
        async with web_server() as posted:
            config = load_config(CONFIG.replace("URL", posted.url))
            bus = MemoryBus(memory_url(own))
            await bus.open()
            ready, stop = asyncio.Event(), asyncio.Event()
            worker = asyncio.create_task(work(Ground(own, config, MemoryBus(bus.url), b"a key of the tests", Pulse(None)), ready, stop))
            await ready.wait()
            load = asyncio.create_task(exposures(bus, own, config))
            while not {"threshold:low-ctr", "job_failed"} <= told(posted).keys():
                assert not load.done()
                assert not worker.done()
                await asyncio.sleep(0.2)
            load.cancel()
            stop.set()
            await worker
            await bus.close()
            return told(posted)

    assert asyncio.run(go())["job_failed"] == "sink:gone"
