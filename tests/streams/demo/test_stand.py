"""The demo's page, as a program started by hand serves it."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from streams.cli.program import main
from tests.brokers.process import free_port

ROOT = Path(__file__).parents[3]


def test_the_address_is_printed_first_and_the_page_is_there(tmp_path: Path) -> None:
    """The page fills while the fortnight runs; Ctrl-C ends everything."""

    async def script() -> None:
        command = [sys.executable, "-m", "streams.cli", "demo", "--port", "0", "--speed", "max", "--out", str(tmp_path)]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            word, url = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()
            assert (word, url.startswith("http://127.0.0.1:")) == ("Page", True)
            async with ClientSession() as session, asyncio.timeout(60):
                while True:
                    async with session.get(url) as answer:
                        text = await answer.text()
                        assert answer.status == 200
                    if "per hour" in text and "Last closed hour" in text:
                        break
                    await asyncio.sleep(0.2)
                async with session.get(f"{url}metrics") as answer:
                    assert "pmon_initiatives 2" in await answer.text()
        finally:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 130

    asyncio.run(script())


def test_a_port_that_is_taken_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    async def script() -> None:
        port = free_port()
        async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port):
            assert await asyncio.to_thread(main, ["demo", "--port", str(port)]) == 2

    asyncio.run(script())
    assert "cannot be had" in capsys.readouterr().err
