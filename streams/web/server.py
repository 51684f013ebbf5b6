"""The server: which path is answered by what, and on which address it listens."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streams.web import actions, answers, entry, health, metrics
from streams.web.guard import HOSTS, add_headers, guard
from streams.web.live import Live
from streams.web.page.page import asked_of, render
from streams.web.site import Site

OURS: Final = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
STOP_S = 2.0  # pages that listen are let go after this
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(site: Site) -> web.Application:
    """Return the web application of a worker."""
    requests: Counter[tuple[str, int]] = Counter()
    app = web.Application(middlewares=[counted(requests), guard], client_max_size=entry.BODY_BYTES)
    app[HOSTS] = site.hosts
    live = Live(site.model)

    async def page(request: web.Request) -> web.Response:
        status, text = await render(site, asked_of(request.query), actions.viewer(request, site))
        return web.Response(text=text, status=status, content_type="text/html")

    async def measured(_: web.Request) -> web.Response:
        return web.Response(text=metrics.render(site, requests, live.pages), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def answered(request: web.Request) -> web.Response:
        return await answers.answer(request, site.model)

    async def events(request: web.Request) -> web.Response:
        return await entry.events(request, site)

    async def topics(request: web.Request) -> web.Response:
        return await entry.topics(request, site)

    async def records(request: web.Request) -> web.Response:
        return await entry.records(request, site)

    async def commands(request: web.Request) -> web.Response:
        return await entry.commands(request, site)

    async def sign_in(request: web.Request) -> web.Response:
        return await actions.sign_in(request, site)

    async def sign_out(request: web.Request) -> web.Response:
        return await actions.sign_out(request, site)

    async def act(request: web.Request) -> web.Response:
        return await actions.act(request, site)

    app.router.add_get("/", page)
    app.router.add_get("/live", live.answer)
    app.router.add_get("/healthz", _judged(lambda: health.healthz(site)))
    app.router.add_get("/readyz", _judged(lambda: health.readyz(site)))
    app.router.add_get("/metrics", measured)
    app.router.add_get("/reports/{request_id:.+}", answered)
    app.router.add_post("/events", events)
    app.router.add_post("/commands", commands)
    app.router.add_post("/sign-in", sign_in)
    app.router.add_post("/sign-out", sign_out)
    app.router.add_post("/actions", act)
    app.router.add_get("/topics", topics)
    app.router.add_get("/records", records)
    for name, kind in OURS.items():
        app.router.add_get(f"/{name}", _file(name, kind))
    app.on_response_prepare.append(add_headers)
    return app


@asynccontextmanager
async def serving(site: Site, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; give the port (`port` 0: any). Raises OSError where the address cannot be had."""
    runner = web.AppRunner(application(site), access_log=None, handle_signals=False, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, host, port)
        await listening.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def counted(requests: Counter[tuple[str, int]]) -> Middleware:
    """Return what counts answers by route and status; what has no route of ours is one line."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        requests["other" if resource is None else resource.canonical, response.status] += 1
        return response

    return count


def _judged(judge: Callable[[], tuple[int, object]]) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        status, body = judge()
        return web.json_response(body, status=status)

    return answer


def _file(name: str, kind: str) -> Answer:
    body = (files("streams.web.page") / "template" / name).read_bytes()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer
