"""`GET /reports/<request id>`: the answer to a command, as JSON or, for a report, as the HTML a person reads or a table as CSV."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from aiohttp import web
from jinja2 import UndefinedError

from reporting.view import canonical, csv, html
from streams.read_model.model import ReadModel
from streams.web.guard import refused

LONGEST_WAIT_S = 60.0
LOOK_AGAIN_S = 1.0  # an answer without a report changes no initiative, so nobody tells of it
# A report is one file with its own style inside; nothing else may load, and no script runs.
REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


async def answer(request: web.Request, model: ReadModel) -> web.Response:
    """Return the answer; with `?wait=SECONDS` wait for one. 404 while there is none."""
    request_id = request.match_info["request_id"]
    wait = _wait(request.query.get("wait"))
    if wait is None:
        return refused(400, f"wait must be seconds, 0 to {LONGEST_WAIT_S:.0f}")
    found = await _awaited(model, request_id, wait)
    if found is None:
        return refused(404, "no answer to a request of this id yet, or it is forgotten: answers are kept for two days")
    form, table = request.query.get("format"), request.query.get("table", "segments")
    if form == "csv" and table not in csv.TABLES:
        return refused(400, f"table must be one of {', '.join(csv.TABLES)}")
    if form in ("html", "csv") and "performance" in found:
        try:
            return await asyncio.to_thread(_page if form == "html" else partial(_table, table), found)
        except (KeyError, TypeError, UndefinedError):
            return refused(409, "this report was written by another version of pmon: read it as JSON, without a format")
    return web.Response(body=canonical.dumps(_plain(found)) + b"\n", content_type="application/json")


def _page(found: Mapping[str, Any]) -> web.Response:
    return web.Response(text=html.render(found), content_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


def _table(table: str, found: Mapping[str, Any]) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{table}.csv"'}
    return web.Response(text=csv.render(found, table), content_type="text/csv", charset="utf-8", headers=headers)


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(found)


def _wait(text: str | None) -> float | None:
    try:
        seconds = float(text or 0)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None


async def _awaited(model: ReadModel, request_id: str, wait_s: float) -> Mapping[str, Any] | None:
    found = await model.answer(request_id)
    if found is not None or not wait_s:
        return found
    until = asyncio.get_running_loop().time() + wait_s
    async with aclosing(model.changes()) as changes:
        waiting = asyncio.ensure_future(anext(changes))
        try:
            while found is None and (left := until - asyncio.get_running_loop().time()) > 0:
                done, _ = await asyncio.wait([waiting], timeout=min(left, LOOK_AGAIN_S))
                if done:
                    waiting = asyncio.ensure_future(anext(changes))
                found = await model.answer(request_id)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    return found
