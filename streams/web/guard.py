"""What every answer carries, and which requests are not answered at all.

A page open in the reader's browser may send requests to a server on loopback, and by a name that is made to point there (DNS rebinding) it
may read the answers. So the Host must be an address, localhost or a name we were told; and what changes anything must not come from a page
of another origin.
"""

from ipaddress import ip_address
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from yarl import URL

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # none at all would make a form of our own page come from the origin null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
OPEN_TO_ANY_NAME = frozenset({"/healthz", "/readyz", "/metrics"})  # they tell of no initiative, and probes come by names of their own
HOSTS = web.AppKey("hosts", frozenset[str])


def host_allowed(host: str | None, names: frozenset[str]) -> bool:
    """Return whether a Host header names us.

    >>> host_allowed("127.0.0.1:6066", frozenset()), host_allowed("[::1]:1", frozenset()), host_allowed("evil.example", frozenset())
    (True, True, False)
    """
    name = _name_of(host)
    if name is None:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _name_of(host: str | None) -> str | None:
    if not host or any(mark in host for mark in "/@\\ "):
        return None
    try:
        name = URL(f"http://{host}").host
    except ValueError:
        return None
    return None if name is None else name.rstrip(".").lower()


def same_origin(request: web.BaseRequest) -> bool:
    """Return whether no other origin's page sent this: programs send neither header."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get(hdrs.ORIGIN)
    if site not in (None, "same-origin", "none"):
        return False
    return origin is None or origin.partition("://")[2] == request.headers.get(hdrs.HOST)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only whom we serve."""
    if request.path not in OPEN_TO_ANY_NAME and not host_allowed(request.headers.get(hdrs.HOST), request.app[HOSTS]):
        return refused(421, "this server is reached by its address, by localhost, or by the name in PMON_WEB_HOST")
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD) and not same_origin(request):
        return refused(403, "requests that change something are taken from this server's own pages and from programs only")
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return refused(error.status, error.reason)


def refused(status: int, message: str) -> web.Response:
    """Return an error in the one form all of them have."""
    return web.json_response({"error": {"code": str(status), "field": None, "message": message}}, status=status)


async def add_headers(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """Put the headers on an answer before it is sent."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)
