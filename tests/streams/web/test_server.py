"""The web server over real sockets on loopback: what it answers, and whom it does not."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from detectors.window import HOUR
from reporting.report import build
from reporting.view import csv, html
from streams.kernel.publishing import publish
from streams.read_model.memory import MemoryModel
from streams.web.metrics import METRICS
from streams.web.server import application, serving
from streams.web.site import Progress, ShardProgress, Site
from tests.reporting.builders import fortnight
from tests.streams.read_model.outputs import HOME, START, answer, incident_step, pending, window
from tests.streams.web.sites import NOW, filled, site

Client = TestClient[Any, Any]
EXPOSURE = {
    "event_id": "e-1",
    "occurred_at": "2026-11-22T10:00:00Z",
    "type": "exposure",
    "initiative": HOME,
    "subject_id": "u-1",
}
REPORT = {"request_id": "q-7", "command": "report", "requested_at": "2026-11-22T10:00:00Z", "requested_by": "ana", "initiative": HOME}


def run(subject: Site, script: Callable[[Client], Awaitable[None]]) -> None:
    """Run a script against a server on a socket of its own."""
    serve(application(subject), script)


def serve(served: web.Application, script: Callable[[Client], Awaitable[None]]) -> None:
    """Run a script against a web application."""

    async def whole() -> None:
        async with TestClient(TestServer(served)) as client:
            await asyncio.wait_for(script(client), 30)

    asyncio.run(whole())


def test_the_page_says_the_finding_first_and_works_without_script() -> None:
    """What is breached, its action, evidence as picture and table, timeline: all in one answer."""
    model = filled()
    model.take(0, 2, [incident_step("opened", 1, NOW), incident_step("escalated", 2, NOW, level=2)])

    async def script(client: Client) -> None:
        text = await (await client.get("/")).text()
        assert "<h1" in text
        assert re.search(r"<h1[^>]*>CTR below 2.00\s%, web since 01:00\.", text)
        assert 'aria-expanded="true"' in text
        for part in ("Roll it back.", "The numbers", "Timeline", "Escalated, L2", "Look at the segments.", "it costs more than it brings"):
            assert part in text
        closed = await (await client.get("/", params={"initiative": HOME, "open": "none"})).text()
        assert 'aria-expanded="false"' in closed
        assert "Roll it back." not in closed

    run(site(model), script)


def test_nothing_open_and_nothing_known_are_said() -> None:
    async def script(client: Client) -> None:
        assert "Nothing is open." in await (await client.get("/")).text()
        unknown = await client.get("/", params={"initiative": "nobody"})
        assert (unknown.status, "Nobody has published about this initiative" in await unknown.text()) == (404, True)

    run(site(filled()), script)

    async def empty(client: Client) -> None:
        assert "No window is closed yet." in await (await client.get("/")).text()

    run(site(MemoryModel()), empty)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e"


def test_hostile_names_are_shown_and_never_read() -> None:
    """Names, notes, reasons and ids from outside stand on the page as text; no tag, attribute or template comes of them."""
    model = filled()
    hostile: dict[str, Any] = {
        "check": f"threshold:{HOSTILE}",
        "initiative": HOSTILE,
        "key": {"channel": HOSTILE, "kpi": "ctr"},
        "owner": {"role": HOSTILE, "person": HOSTILE, "substitute_for": HOSTILE, "reason": HOSTILE},
        "recommended_action": HOSTILE,
        "playbook": {"id": "x", "title": HOSTILE, "steps": [HOSTILE], "runbook": "javascript:alert(1)", "sop": f"https://x/{HOSTILE}"},
        "remediation": [{"id": HOSTILE, "at": "2026-11-09T05:00:00Z", "actor": HOSTILE, "action": HOSTILE}],
        "explanation": {
            "global": False,
            "rate_effect": -0.1,
            "mix_effect": 0.0,
            "segments": [
                {"where": {"channel": HOSTILE}, "share_of_change": 0.8, "rate_ratio_ci": [0.1, None]}
                | {"k_before": 9, "n_before": 90, "k_after": 1, "n_after": 92}
            ],
            "suspects": [{"change_id": HOSTILE, "rule_id": HOSTILE, "version": HOSTILE, "action": HOSTILE, "at": "2026-11-09T05:00:00Z"}],
        },
    }
    hours = [window(START + number * HOUR, 500, 3, HOSTILE, HOSTILE, HOUR) for number in range(1, 7)]
    model.take(1, 1, [*hours, incident_step("opened", 1, NOW, name='"><b>i', **hostile)])

    async def script(client: Client) -> None:
        for query in ({"initiative": HOSTILE}, {"initiative": HOME}, {"initiative": HOSTILE + "2", "open": HOSTILE}):
            text = await (await client.get("/", params=query)).text()
            assert "&lt;script&gt;" in text
            for part in ("<script>alert", "<img", "onerror=alert(2)>", "<b>i", "javascript:", "{{7", "\u202e", ">49<"):
                assert part not in text.replace("&#123;&#123;7", "")

    run(site(model), script)


def test_every_answer_is_guarded_by_headers() -> None:
    async def script(client: Client) -> None:
        for path in ("/", "/page.css", "/page.js", "/icon.svg", "/healthz", "/metrics", "/reports/none", "/no/such"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert "Server" not in headers

    run(site(filled()), script)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("localhost:6066", 200), ("[::1]:6066", 200), ("10.0.0.7", 200)])
def test_addresses_and_localhost_are_served(host: str, status: int) -> None:
    async def script(client: Client) -> None:
        assert (await client.get("/", headers={"Host": host})).status == status

    run(site(filled()), script)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:6066", "localhost.evil.example", "127.0.0.1.nip.io", "a@127.0.0.1"])
def test_a_name_that_was_made_to_point_here_is_not_served(host: str) -> None:
    """DNS rebinding: the browser believes it talks to its own origin; only the Host header tells."""

    async def script(client: Client) -> None:
        assert (await client.get("/", headers={"Host": host})).status == 421
        assert (await client.post("/events", data=b"{}", headers={"Host": host})).status == 421
        assert (await client.get("/healthz", headers={"Host": host})).status == 200  # probes come by names of their own

    run(site(filled()), script)


def test_another_origins_page_cannot_send() -> None:
    async def script(client: Client) -> None:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            assert (await client.post("/events", data=b"{}", headers=headers)).status == 403

    run(site(filled()), script)


def lines(*values: object) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


async def told(response: ClientResponse) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (await response.read()).splitlines()]


def test_events_are_answered_line_by_line() -> None:
    """What is right is taken, what is broken is named by its line and with nothing of what it holds."""
    right = {"topic": "engagement-events", "key": "u-1", "value": EXPOSURE}
    wrong = {"topic": "ticks", "value": {"secret": "u-9"}}

    async def script(client: Client) -> None:
        answer = await client.post("/events", data=lines(right, wrong) + b"not json u-9\n\n" + lines(right))
        found = await told(answer)
        assert (answer.status, [one["line"] for one in found], [one["ok"] for one in found]) == (
            207,
            [1, 2, 3, 5],
            [True, False, False, True],
        )
        assert (found[0]["offset"], found[3]["offset"]) == (0, 1)
        assert "u-9" not in await answer.text()
        assert (await client.post("/events", data=lines(right))).status == 200
        assert (await client.post("/events", data=b"nothing\n")).status == 400
        assert (await client.post("/events", data=b"x" * (9 << 20))).status == 413

    run(site(filled()), script)


def test_commands_are_checked_and_say_where_the_answer_will_be() -> None:
    async def script(client: Client) -> None:
        taken = await client.post("/commands", json=REPORT)
        assert (taken.status, await taken.json()) == (202, {"request_id": "q-7", "answer": "/reports/q-7"})
        wrong = await client.post("/commands", json=REPORT | {"window": "soon"})
        assert (wrong.status, (await wrong.json())["error"]["field"]) == (400, "window")
        assert (await client.post("/commands", data=b"[", headers={"Content-Type": "application/json"})).status == 400
        assert (await client.post("/commands", data=orjson.dumps(REPORT))).status == 415
        assert (await client.post("/commands", json=REPORT | {"note": "x" * 70_000})).status == 413

    run(site(filled()), script)


def test_a_worker_on_a_broker_takes_nothing_here() -> None:
    async def script(client: Client) -> None:
        for path in ("/events", "/commands"):
            refused = await client.post(path, json=REPORT)
            assert (refused.status, "its topics" in (await refused.json())["error"]["message"]) == (405, True)

    run(site(filled(), append=False), script)


def test_an_answer_can_be_waited_for() -> None:
    model = filled()

    async def script(client: Client) -> None:
        assert (await client.get("/reports/q-1")).status == 404
        assert (await client.get("/reports/q-1?wait=soon")).status == 400
        waiting = asyncio.ensure_future(client.get("/reports/q-1?wait=20"))
        await asyncio.sleep(0.1)
        model.take(0, 2, [answer("q-1")])
        found = await waiting
        assert (found.status, (await found.json())["error"]["field"]) == (200, "command")

    run(site(model), script)


def test_health_is_commit_progress() -> None:
    """A shard that has not committed for too long is a fault; before the shards are loaded the worker is not ready, but healthy."""

    async def fine(client: Client) -> None:
        assert [(await client.get(path)).status for path in ("/healthz", "/readyz")] == [200, 200]

    async def loading(client: Client) -> None:
        assert [(await client.get(path)).status for path in ("/healthz", "/readyz")] == [200, 503]

    async def still(client: Client) -> None:
        answer = await client.get("/healthz")
        assert (answer.status, (await answer.json())["stalled"]) == (503, [{"stage": "monitor", "partition": 0, "idle_s": 300.0}])
        assert (await client.get("/readyz")).status == 503
        text = await (await client.get("/")).text()
        assert "Numbers stand still at 06:00:00." in text
        assert "within its bounds" not in text  # stale is never green

    run(site(filled()), fine)
    run(site(filled(), waiting="shards are being loaded"), loading)
    run(site(filled(), waiting="shards are being loaded", idle_s=300.0), loading)
    run(site(filled(), idle_s=300.0), still)


def test_a_silent_intake_shard_of_any_worker_makes_ours_not_ready() -> None:
    """It holds every watermark back: our own commits go on, so we are healthy; but what we say is old, so we are not ready."""
    heard = ShardProgress("monitor", 0, 7, 1.0, {0: 500_000, 1: 500_000, 2: 370_000})

    async def script(client: Client) -> None:
        assert (await client.get("/healthz")).status == 200
        answer = await client.get("/readyz")
        assert (answer.status, (await answer.json())["silent"]) == (503, [2])

    run(replace(site(filled()), progress=lambda: Progress(None, (heard,)), stalled_after_s=120.0), script)
    quicker = replace(heard, watermarks={0: 500_000, 1: 490_000, 2: 400_000})

    async def fine(client: Client) -> None:
        assert (await client.get("/readyz")).status == 200

    run(replace(site(filled()), progress=lambda: Progress(None, (quicker,)), stalled_after_s=120.0), fine)


def test_the_bus_in_memory_is_open_to_this_machine_only() -> None:
    """Its topics hold subject ids; a worker that serves its page to others does not serve them these."""

    async def script(client: Client) -> None:
        for ask in (client.get("/topics"), client.get("/records?from=incidents:0:0"), client.post("/events", data=b"{}")):
            assert (await ask).status == 403

    far = application(site(filled()))
    far._middlewares.insert(0, from_elsewhere)
    serve(far, script)


@web.middleware
async def from_elsewhere(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request look as if it came from another machine."""
    return await handler(request.clone(remote="192.0.2.7"))


def test_metrics_are_documented_and_bounded() -> None:
    """Every sample's name is in the table, with help and type; no label grows with traffic or names anybody."""
    model = filled()
    model.take(
        0, 2, [incident_step("opened", 1, NOW, level=2), pending(NOW), answer(), *(window(NOW, 1, initiative=f"i{n}") for n in range(50))]
    )

    async def script(client: Client) -> None:
        for number in range(30):
            await client.get(f"/no/such/{number}")
            await client.get(f"/reports/{number}")
        text = await (await client.get("/metrics")).text()
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        assert {re.match(r"[a-z_]+", line)[0] for line in samples} <= set(METRICS)  # type: ignore[index]
        assert all(f"# HELP {name} " in text and f"# TYPE {name} " in text for name in METRICS)
        assert 'pmon_incidents_active{level="2"} 1' in samples
        assert 'pmon_web_requests_total{route="/reports/{request_id}",status="404"} 30' in samples
        assert 'pmon_web_requests_total{route="other",status="404"} 30' in samples
        assert "pmon_initiatives 51" in samples
        assert len(samples) < 40
        assert "home" not in text

    run(site(model), script)


def test_the_page_is_told_of_changes() -> None:
    model = filled()

    async def script(client: Client) -> None:
        async with client.get("/live") as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            first = await stream.content.readuntil(b"\n\n")
            assert b"event: changed" in first
            model.take(0, 3, [incident_step("opened", 1, NOW)])
            assert b"event: changed" in await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 10)

    run(site(model), script)


def test_it_serves_on_loopback_and_lets_go() -> None:
    async def script() -> None:
        async with serving(site(filled()), "127.0.0.1", 0) as port, ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/healthz") as found:
                assert found.status == 200
            with pytest.raises(OSError, match="in use"):
                async with serving(site(filled()), "127.0.0.1", port):
                    pass
        async with serving(site(filled()), "127.0.0.1", port):
            pass

    asyncio.run(script())


def test_a_report_is_shown_under_its_own_policy() -> None:
    """The HTML report brings its own style and no script; only there may style stand inside."""
    model, report = filled(), build(fortnight())
    model.take(0, 2, [publish("reports", "report", "q-9", "id", HOME, NOW, report)])

    async def script(client: Client) -> None:
        shown = await client.get("/reports/q-9?format=html")
        assert await shown.text() == html.render(report)
        assert "script-src" not in shown.headers["Content-Security-Policy"]
        assert (await (await client.get("/reports/q-9")).json())["report_id"] == report["report_id"]
        page = await (await client.get("/", params={"initiative": report["initiative"]})).text()
        assert "/reports/q-9?format=html" in page
        table = await client.get("/reports/q-9?format=csv&table=backlog")
        assert (await table.read()).decode() == csv.render(report, "backlog")
        assert "attachment" in table.headers["Content-Disposition"]
        assert (await client.get("/reports/q-9?format=csv&table=secrets")).status == 400

    run(site(model), script)


def test_a_report_of_another_version_is_still_there_as_json() -> None:
    model, report = filled(), build(fortnight())
    del report["coverage"]
    model.take(0, 2, [publish("reports", "report", "q-9", "id", HOME, NOW, report)])

    async def script(client: Client) -> None:
        assert (await client.get("/reports/q-9?format=html")).status == 409
        assert (await (await client.get("/reports/q-9")).json())["report_id"] == report["report_id"]

    run(site(model), script)


def test_a_feed_that_stopped_and_a_violation_are_drawn_as_counts() -> None:
    """Silence and violations have no rate to draw: their evidence is bars from zero, with the same numbers as a table."""
    model = filled()
    silent: dict[str, Any] = {"check": "threshold:stale-feed", "key": {"channel": "web", "kpi": "freshness_s"}}
    refused: dict[str, Any] = {"check": "consent_violation", "key": {"channel": "web", "verdict": "withdrawn"}, "level": 3}
    model.take(0, 2, [incident_step("opened", 1, NOW, name="i-2", **silent), incident_step("opened", 1, NOW, name="i-3", **refused)])

    async def script(client: Client) -> None:
        shown = await (await client.get("/", params={"open": "i-2"})).text()
        assert "Exposures of web: 1,000 in the last closed hour." in shown
        shown = await (await client.get("/", params={"open": "i-3"})).text()
        assert "Violations of web: 0 in the last closed hour." in shown
        assert "Personalised after withdrawal, web" in shown

    run(site(model), script)
