"""The page in a real Chromium: it opens, is live without reload, answers the keyboard, and reads without script."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from streams.read_model.memory import MemoryModel
from streams.web.server import serving
from tests.brokers.fixtures import leave_out
from tests.streams.read_model.outputs import incident_step
from tests.streams.web.chromium import Tab, chromium, missing
from tests.streams.web.sites import NOW, filled, site

pytestmark = pytest.mark.integration

Script = Callable[[Tab, MemoryModel, str], Awaitable[None]]


def browse(folder: Path, script: Script) -> None:
    """Run a script in a browser beside a served page; whatever the browser complains about fails the test."""
    if reason := missing():
        leave_out(reason)

    async def whole() -> None:
        model = filled()
        async with asyncio.timeout(100), serving(site(model), "127.0.0.1", 0) as port, chromium(folder) as tab:
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
    """At every width and in both colours all fits; what is touched is large enough on a phone."""

    async def script(tab: Tab, model: MemoryModel, url: str) -> None:
        model.take(0, 2, [incident_step("opened", 1, NOW), incident_step("escalated", 2, NOW, level=2)])
        for width in (1440, 1000, 700, 390, 320):
            await tab.size(width, 900, dark=width < 700)
            await tab.open(url)
            assert await tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        assert await tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 16, 21)"
        assert await tab.evaluate("Math.min(...[...document.querySelectorAll('button.irow,select')].map(x => x.offsetHeight))") >= 44

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
