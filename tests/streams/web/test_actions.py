"""Acting from the page: who is let in, what is sent in whose name, and what is not sent."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from governance.message.command import Command
from governance.message.instant import format_instant
from governance.message.reading import read
from streams.event_line import Line
from streams.kernel.publishing import publish
from streams.read_model.memory import MemoryModel
from streams.settings import SettingsError
from streams.web.operators import SESSION_S, Operators, read_operators
from streams.web.page.desk import offered
from streams.web.server import application
from streams.web.site import Site
from tests.streams.read_model.outputs import HOME, incident_step
from tests.streams.web.sites import NOW, TOKEN, filled, site

Client = TestClient[Any, Any]
ANA = {"name": "Ana", "token": TOKEN}


def run(subject: Site, script: Callable[[Client], Awaitable[None]]) -> None:
    """Run a script against a server on a socket of its own."""

    async def whole() -> None:
        async with TestClient(TestServer(application(subject))) as client:
            await asyncio.wait_for(script(client), 30)

    asyncio.run(whole())


def opened() -> MemoryModel:
    """Return a model with one open incident."""
    model = filled()
    model.take(0, 2, [incident_step("opened", 1, NOW)])
    return model


def form_token(page: str) -> str:
    """Return what the forms of a page carry."""
    return page.partition('name="form_token" value="')[2].partition('"')[0]


def asking(page: str, **fields: str) -> dict[str, str]:
    """Return the fields of a form of a page."""
    fixed = {"form_token": form_token(page), "initiative": HOME, "incident_id": "i-1", "open": "i-1"}
    return fixed | fields


def test_who_has_a_token_acts_in_their_own_name() -> None:
    """The form becomes one command of the person signed in; the page shows the answer to it when it comes."""
    model, sent = opened(), list[Line]()

    async def ask(line: Line) -> None:
        sent.append(line)

    async def script(client: Client) -> None:
        page = await (await client.get("/")).text()
        assert "Sign in to act" in page
        assert "/actions" not in page
        page = await (await client.post("/sign-in", data=ANA)).text()
        assert "signed in as Ana" in page
        answer = await client.post("/actions", data=asking(page, command="log_remediation", note="back to v6", requested_by="chi"))
        assert "Sent. The monitor answers" in await answer.text()
        command = read("monitor-commands", sent[0].key, sent[0].value or b"")
        assert isinstance(command, Command)
        assert (command.command, command.requested_by, command.note, command.incident_id) == ("log_remediation", "ana", "back to v6", "i-1")
        done = {"request_id": command.request_id, "command": command.command, "ok": True, "error": None}
        model.take(0, 3, [publish("reports", "answer", command.request_id, "id", HOME, NOW, done)])
        assert "Written into the remediation log." in await (await client.get(answer.url.path_qs)).text()

    run(site(model, ask=ask), script)
    assert len(sent) == 1


def test_a_step_of_the_playbook_is_taken_once_somebody_says_so() -> None:
    """The form names the step, the note begins with it, and the page shows who took it and when; the others are open."""
    model, sent = filled(), list[Line]()
    book = {"id": "rate", "title": "A rate fell", "steps": ["Look at the segments.", "Roll it back."], "runbook": None, "sop": None}
    model.take(0, 2, [incident_step("opened", 1, NOW, playbook=book)])

    async def ask(line: Line) -> None:
        sent.append(line)

    async def script(client: Client) -> None:
        page = await (await client.post("/sign-in", data=ANA)).text()
        assert '<option value="2">2 Roll it back.</option>' in page
        assert "taken:" not in page
        await client.post("/actions", data=asking(page, command="log_remediation", step="2", note="rule-42 is on v6"))
        entry = {"id": "r-1", "at": format_instant(NOW), "actor": "ana", "action": orjson.loads(sent[0].value or b"")["note"]}
        model.take(0, 3, [incident_step("remediation_logged", 2, NOW, playbook=book, remediation=[entry])])
        steps = (await (await client.get("/")).text()).partition('<ol class="playbook">')[2].partition("</ol>")[0]
        assert re.findall(r"<li( class=\"taken\")?>.*?<span>(.*?)</span></li>", steps) == [
            ("", "Look at the segments."),
            (' class="taken"', f"Roll it back.<small>taken: Ana, {format_instant(NOW)[11:16]}</small>"),
        ]

    run(site(model, ask=ask), script)


def test_nothing_is_sent_for_anybody_else() -> None:
    """No session, a form no page of ours wrote, another origin's page, a wrong token, no command of the page: nothing reaches the bus."""
    sent = list[Line]()

    async def ask(line: Line) -> None:
        sent.append(line)

    async def script(client: Client) -> None:
        acknowledge = {"initiative": HOME, "incident_id": "i-1", "open": "i-1", "command": "acknowledge"}
        assert "Nobody is signed in" in await (await client.post("/actions", data=acknowledge)).text()
        wrong = await (await client.post("/sign-in", data={"name": "ana", "token": "ana-0123456789abcdeX", "open": "i-1"})).text()
        assert "No operator has that name and token." in wrong
        assert "No operator" in await (await client.post("/sign-in", data={"name": "chi", "token": TOKEN, "open": "i-1"})).text()
        page = await (await client.post("/sign-in", data=ANA)).text()
        await client.post("/actions", data=acknowledge)
        await client.post("/actions", data=asking(page, command="acknowledge", form_token="0" * 64))
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            assert (await client.post("/actions", data=asking(page, command="acknowledge"), headers=headers)).status == 403
        for fields in (
            {"command": "set_availability"},
            {"command": "report"},
            {"command": "log_remediation"},
            {"command": "silence", "incident_id": " "},
        ):
            await client.post("/actions", data=asking(page, **fields))
        assert (await client.post("/actions", json=asking(page, command="acknowledge"))).status == 415
        assert sent == []
        await client.post("/sign-out", data=asking(page))
        await client.post("/actions", data=asking(page, command="acknowledge"))

    run(site(opened(), ask=ask), script)
    assert sent == []


def test_a_cookie_is_kept_from_scripts_and_other_sites() -> None:
    async def script(client: Client) -> None:
        answer = await client.post("/sign-in", data=ANA, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/?")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie

    run(site(opened()), script)


def test_what_the_address_says_is_not_shown_again() -> None:
    async def script(client: Client) -> None:
        for query in ({"problem": "<b>you"}, {"asked": "<b>you"}):
            assert "<b>you" not in await (await client.get("/", params=query)).text()

    run(site(opened()), script)


def test_a_worker_that_cannot_send_offers_nothing() -> None:
    async def script(client: Client) -> None:
        assert "Sign in" not in await (await client.get("/")).text()
        assert (await client.post("/actions", data={"command": "acknowledge"})).status == 405

    run(site(opened(), ask=None), script)


def test_a_refused_command_says_why() -> None:
    model = opened()
    error = {"code": "forbidden", "field": "requested_by", "message": "must hold a role of the initiative"}
    data = {"request_id": "q-9", "command": "acknowledge", "ok": False, "error": error}
    model.take(0, 3, [publish("reports", "answer", "q-9", "id", HOME, NOW, data)])

    async def script(client: Client) -> None:
        assert "Refused: requested_by must hold a role of the initiative." in await (await client.get("/", params={"asked": "q-9"})).text()

    run(site(model), script)


def test_a_session_ends_by_time_and_with_the_token() -> None:
    now = 1_800_000_000
    old, new = Operators({"ana": TOKEN, "ben": TOKEN[::-1]}), Operators({"ana": TOKEN + "2"})
    cookie = old.session("ana", now)
    found = old.viewer(cookie, now)
    assert found is not None
    assert found.person == "ana"
    assert old.viewer(cookie, now + SESSION_S) is None
    assert new.viewer(cookie, now) is None
    mine, _, mac = cookie.rpartition(".")
    other = old.session("ben", now).rpartition(".")[0]
    for forged in (f"{other}.{mac}", f"{mine}.", mine, "", "é.9.x", f"{mine}0.{mac}", None):
        assert old.viewer(forged, now) is None


def test_the_token_file_says_what_is_wrong_and_never_a_token(tmp_path: Path) -> None:
    path = tmp_path / "operators"
    path.write_text(f"# who may act\nana {TOKEN}\n\nmaría josé {TOKEN}2\n", encoding="utf-8")
    assert read_operators(path).admitted("María José", f"{TOKEN}2") == "maría josé"
    for text in ("ana short", TOKEN, f"ana {TOKEN}\nben {TOKEN}", f"ana {TOKEN}\nana {TOKEN}3"):
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"line [12] ") as told:
            read_operators(path)
        assert TOKEN not in str(told.value)
    with pytest.raises(SettingsError, match="PMON_OPERATORS_FILE"):
        read_operators(tmp_path / "none")
    assert not read_operators(None)


@pytest.mark.parametrize(
    ("state", "check", "expected"),
    [
        ("open", "dip", ["acknowledge", "log_remediation", "silence", "resolve"]),
        ("acknowledged", "dip", ["log_remediation", "silence", "resolve"]),
        ("open", "consent_violation", ["acknowledge", "log_remediation", "silence"]),
        ("closed", "dip", []),
        ("retracted", "consent_violation", []),
    ],
)
def test_only_what_would_be_done_is_offered(state: str, check: str, expected: list[str]) -> None:
    assert offered({"state": state, "check": check, "remediation": []}) == expected
