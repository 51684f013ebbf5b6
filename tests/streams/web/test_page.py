"""The page in a real Chromium: it opens, is live without reload, answers the keyboard, and reads without script."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import orjson
import pytest

from detectors.window import HOUR
from reporting.report import build
from streams.event_line import Line
from streams.kernel.publishing import kpi_window, publish
from streams.read_model.memory import MemoryModel
from streams.web.server import serving
from tests.brokers.fixtures import leave_out
from tests.reporting.builders import fortnight
from tests.streams.read_model.outputs import HOME, incident_step
from tests.streams.web.chromium import Tab, chromium, missing
from tests.streams.web.sites import NOW, TOKEN, filled, site

pytestmark = pytest.mark.integration

OVER = """[...document.querySelectorAll('svg.chart')].filter((chart) => {
  const [own, frame] = [chart, chart.parentElement].map((one) => one.getBoundingClientRect().right);
  return chart.checkVisibility() && own > frame + 1;
}).map((chart) => chart.textContent.slice(0, 40))"""
REFUSED = {"code": "forbidden", "field": "requested_by", "message": "must hold a role"}
Script = Callable[[Tab, MemoryModel, str], Awaitable[None]]


def browse(folder: Path, script: Script, ask: Callable[[MemoryModel, Line], None] = lambda model, line: None) -> None:
    """Run a script in a browser beside a served page; whatever the browser complains about fails the test. `ask` hears what is asked."""
    if reason := missing():
        leave_out(reason)

    async def whole() -> None:
        model = filled()

        async def asked(line: Line) -> None:
            ask(model, line)

        async with asyncio.timeout(100), serving(site(model, ask=asked), "127.0.0.1", 0) as port, chromium(folder) as tab:
            await script(tab, model, f"http://127.0.0.1:{port}/")
            assert tab.said == []

    asyncio.run(whole())


def test_an_incident_shows_without_reload_and_the_keyboard_opens_it(tmp_path: Path) -> None:
    """Opened, escalated, resolved: each shows on the page as it stands; Tab reaches the row, Enter opens and closes it, focus stays."""

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        await tab.size(1440, 1000)
        await tab.open(url)
        assert "Nothing is open." in await tab.evaluate("document.querySelector('h1').textContent")
        await tab.evaluate("window.mark = 'same page'")
        model.take(0, 2, [incident_step("opened", 1, NOW)])
        await tab.until("document.querySelector('h1').textContent.includes('CTR below 2.00')")
        await tab.until("document.querySelector('#open').textContent.includes('1 open')")
        assert "Opened, level 1" in await tab.evaluate("document.querySelector('#said').textContent")
        model.take(0, 3, [incident_step("escalated", 2, NOW, level=2)])
        await tab.until("document.querySelector('#row-i-1').textContent.includes('L2')")
        for _ in range(20):
            if await tab.evaluate("document.activeElement.id") == "row-i-1":
                break
            await tab.press("Tab")
        assert await tab.evaluate("document.activeElement.id") == "row-i-1"
        assert await tab.evaluate("getComputedStyle(document.activeElement).outline.includes('solid 2px')")
        for expanded in ("false", "true"):
            await tab.press("Enter")
            await tab.until(f"document.querySelector('#row-i-1').getAttribute('aria-expanded') === '{expanded}'")
            assert await tab.evaluate("document.activeElement.id") == "row-i-1"
        assert await tab.evaluate("!!document.querySelector('#detail-i-1 svg[role=img] title')")
        model.take(0, 4, [incident_step("resolved", 3, NOW, level=2, state="resolved")])
        await tab.until("document.querySelector('#row-i-1').textContent.includes('Resolved')")
        assert await tab.evaluate("window.mark") == "same page"

    browse(tmp_path, script)


def test_nothing_is_scrolled_sideways(tmp_path: Path) -> None:
    """At every width and in both colours all fits, no title is squeezed; what is touched is large enough on a phone, paper is white."""

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        report = build(fortnight()) | {"initiative": HOME}
        verdicts = {"exposures": 43, "consent.valid": 40, "consent.withdrawn": 3}
        seen = kpi_window(HOME, ("p1", "email", "-", "a"), NOW - HOUR, NOW, verdicts, {}, verdicts, "consent")
        steps = [incident_step("opened", 1, NOW), incident_step("escalated", 2, NOW, level=2)]
        model.take(0, 2, [*steps, seen, publish("reports", "report", "q-7", "id", HOME, NOW, report)])
        for width in (1440, 1240, 1000, 720, 390, 320):  # 720 is 1440 at 200 %
            await tab.size(width, 900, dark=width < 700)
            await tab.open(url)
            assert await tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
            assert await tab.evaluate("document.querySelector('.what').offsetWidth") >= 150, width
            assert width < 390 or await tab.evaluate(OVER) == [], width  # narrower, the evidence scrolls in its own frame
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 16, 21)"
        assert await tab.evaluate("Math.min(...[...document.querySelectorAll('button.irow,select')].map(x => x.offsetHeight))") >= 44
        await tab.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    browse(tmp_path, script)


def test_it_reads_without_script(tmp_path: Path) -> None:
    """Rows open by a form, the program is chosen by a button; nothing waits for script."""

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        model.take(0, 2, [incident_step("opened", 1, NOW)])
        await tab.size(1440, 900, script=False)
        await tab.open(url)
        assert await tab.evaluate("getComputedStyle(document.querySelector('.pick button')).display") != "none"
        await tab.evaluate("document.querySelector('#row-i-1').click()")
        await tab.until("document.querySelector('#row-i-1').getAttribute('aria-expanded') === 'false'")

    browse(tmp_path, script)


@pytest.mark.parametrize("scripted", [True, False])
def test_somebody_signs_in_acknowledges_and_reads_the_answer(tmp_path: Path, scripted: bool) -> None:
    """With script nothing is loaded anew, and what is being typed survives what happens meanwhile; without script forms do all of it."""

    commits = count(5)

    def ask(model: MemoryModel, line: Line) -> None:
        command = orjson.loads(line.value or b"")
        error = None if command["command"] == "acknowledge" else REFUSED
        data = {"request_id": command["request_id"], "command": command["command"], "ok": error is None, "error": error}
        state = "acknowledged" if error is None else "open"
        answer = publish("reports", "answer", command["request_id"], "id", HOME, NOW, data)
        model.take(0, next(commits), [answer, *([incident_step("acknowledged", 3, NOW, state=state)] if error is None else [])])

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        model.take(0, 2, [incident_step("opened", 1, NOW)])
        await tab.size(1440, 900, script=scripted)
        await tab.open(url)
        await tab.evaluate("window.mark = 'same page'")
        await tab.evaluate("document.querySelector('#sign-in-i-1').open = true")
        fill = "(id, text) => { const field = document.getElementById(id); field.focus(); field.value = text; }"
        await tab.evaluate(f"({fill})('name-i-1', 'ana'); ({fill})('token-i-1', '{TOKEN}')")
        if scripted:
            model.take(0, 3, [incident_step("occurrence", 2, NOW, occurrences=3, level=2)])
            await tab.until("document.querySelector('#row-i-1').textContent.includes('L2')")
            assert await tab.evaluate("[document.activeElement.id, document.activeElement.value]") == ["token-i-1", TOKEN]
        await tab.evaluate("document.querySelector('#sign-in-i-1 button').click()")
        await tab.until("document.querySelector('footer').textContent.includes('signed in as Ana')")
        await tab.evaluate("document.querySelector('#ack-i-1').click()")
        await tab.until("document.querySelector('.told')?.textContent.includes('Acknowledged.')")
        assert "Acknowledged" in await tab.evaluate("document.querySelector('#row-i-1').textContent")
        assert not await tab.evaluate("!!document.querySelector('#ack-i-1')")
        await tab.evaluate(f"document.querySelector('#log-i-1').open = true; ({fill})('note-i-1', 'back to v6')")
        await tab.evaluate("document.querySelector('#log-i-1 button').click()")
        await tab.until("document.querySelector('.told')?.textContent.includes('must hold a role')")
        assert await tab.evaluate("window.mark") == ("same page" if scripted else None)

    browse(tmp_path, script, ask)


def test_from_an_incident_on_to_the_report_that_holds_it(tmp_path: Path) -> None:
    """The latest report opens as a page of its own, its policy lets no script run, and it fits a phone, the dark and paper."""

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        report = build(fortnight()) | {"initiative": HOME}
        model.take(0, 2, [publish("reports", "report", "q-7", "id", HOME, NOW, report)])
        await tab.size(1440, 900)
        await tab.open(url)
        await tab.evaluate("document.querySelector('#report a').click()")
        await tab.until("location.pathname === '/reports/q-7' && document.readyState === 'complete'")
        assert report["title"] in await tab.evaluate("document.querySelector('h1').textContent")
        assert await tab.evaluate("document.scripts.length") == 0
        for width in (900, 390, 320):
            await tab.size(width, 900, dark=width < 900)
            assert await tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 25, 32)"
        scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
        await tab.call("Emulation.setEmulatedMedia", media="print", features=scheme)
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    browse(tmp_path, script)
