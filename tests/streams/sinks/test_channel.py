"""Ways out, against real servers on this machine: a notice arrives with its event's id, or the fault is said without the address."""

import asyncio
import logging
from pathlib import Path

import orjson
import pytest

from governance.config import load_config
from streams.cli.program import main
from streams.sinks import AddressError, UndeliveredError, channels, send_test_alerts
from streams.sinks.channel import EVENT_ID, channel_of
from streams.sinks.notice import Notice
from tests.streams.sinks.servers import mail_server, web_server

NOTICE = Notice("5f0c", "incident", 1, 0, "[high L2] CTR below\r\nBcc: x@y.example", "To act: ana\n1. Look.", b'{"id":"5f0c"}', "high")
SECRET = "s3cret-t0ken"


def test_mail_arrives_with_the_id_of_its_event() -> None:
    """A line break in a title starts no header of its own."""
    with mail_server() as letters:
        asyncio.run(channel_of(letters.url).send(NOTICE))

    (letter,) = letters.taken
    assert letter[EVENT_ID] == "5f0c"
    assert letter["Subject"] == "[high L2] CTR below Bcc: x@y.example"
    assert letter["Bcc"] is None
    assert "1. Look." in letter.get_body(("plain", "html")).get_content()  # type: ignore[union-attr]


def test_a_web_address_is_posted_the_event_itself() -> None:
    async def go() -> tuple[list[str], list[bytes], list[str]]:
        async with web_server() as posted:
            await channel_of(posted.url).send(NOTICE)
            return posted.ids, posted.bodies, posted.types

    assert asyncio.run(go()) == (["5f0c"], [NOTICE.event], ["application/cloudevents+json"])


@pytest.mark.parametrize("status", [302, 400, 429, 500])
def test_any_answer_but_success_is_no_arrival(status: int) -> None:
    async def go() -> None:
        async with web_server(lambda number: status) as posted:
            await channel_of(posted.url).send(NOTICE)

    with pytest.raises(UndeliveredError, match=f"answered {status}"):
        asyncio.run(go())


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@127.0.0.1:9/{SECRET}",
        f"mailto://user:{SECRET}@127.0.0.1:9?from=pmon@shop.example&to=team@shop.example&mode=insecure",
        f"json://user:{SECRET}@127.0.0.1:9/{SECRET}",
    ],
)
def test_a_fault_says_its_kind_and_never_the_address(url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Not in the error, not on standard output or error, not in any library's log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(UndeliveredError) as found:
        asyncio.run(channel_of(url).send(NOTICE))

    shown = capfd.readouterr()
    logged = " ".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    assert SECRET not in f"{found.value} {shown.out} {shown.err} {logged}"
    assert found.value.__cause__ is None


def test_a_config_shows_no_address() -> None:
    """Neither what is published nor what a traceback would print."""
    config = load_config(f"version: 1\nsinks: {{team: {{url: 'mailto://user:{SECRET}@shop.example'}}}}")

    assert SECRET not in repr(config)
    assert SECRET not in str(config.sinks["team"])
    assert SECRET.encode() not in orjson.dumps(config.effective())


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", "mailto://", f"tgram://{SECRET}"])
def test_an_address_nobody_can_send_to_is_named_by_field(url: str) -> None:
    config = load_config(f"version: 1\nsinks: {{team: {{url: '{url}'}}}}")
    with pytest.raises(AddressError, match=r"^sinks\.team\.url: must be an address") as found:
        channels(config)

    assert SECRET not in str(found.value)


def test_pmon_check_names_an_address_nobody_can_send_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before a worker is started with it, and without repeating it."""
    path = tmp_path / "config.yaml"
    path.write_text(f"version: 1\nsinks: {{team: {{url: 'nonsense://{SECRET}'}}}}")

    assert main(["check", str(path)]) == 2
    told = capsys.readouterr().err
    assert f"{path}: sinks.team.url: must be an address" in told
    assert SECRET not in told


def test_a_test_alert_reaches_every_sink_and_says_which_it_does_not_reach() -> None:
    """One bad sink keeps nothing from the others."""

    async def go(mail: str) -> tuple[dict[str, str | None], list[bytes]]:
        async with web_server() as posted:
            sinks = f"sinks: {{mail: {{url: '{mail}'}}, hook: {{url: '{posted.url}'}}, gone: {{url: 'http://127.0.0.1:9/'}}}}"
            return await send_test_alerts(load_config(f"version: 1\n{sinks}")), posted.bodies

    with mail_server() as letters:
        found, bodies = asyncio.run(go(letters.url))

    assert (found["mail"], found["hook"]) == (None, None)
    assert found["gone"] == "ClientConnectorError"
    assert [letter["Subject"] for letter in letters.taken] == ["[test] Personalization Monitor"]
    assert orjson.loads(bodies[0])["type"] == "pmon.test-alert.v1"
