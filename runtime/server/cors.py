"""Lets the pages of `--cors-origin` use this server from a browser; no other page, and without the flag none at all.

An origin is compared as a whole string, as browsers write it: `https://app.example`, `null`.
`*` means every page and therefore wants an API key: a page has to be given that by somebody,
while a cookie or an address would be at every page's disposal. Credentials are never allowed.
What these pages may do is decided here and nowhere else; `guard.py` asks `Origins.allow`.
"""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

ANY = "*"
METHODS = "GET, HEAD, POST, DELETE"
EXPOSED = "X-Request-Id, Retry-After"
MAX_AGE_S = 600


class Origins:
    """The origins whose pages may use this server."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def allow(self, origin: str | None) -> bool:
        """Whether a page of this origin may use the server."""
        return origin is not None and (origin in self._allowed or ANY in self._allowed)


ORIGINS = web.AppKey("origins", Origins)


@web.middleware
async def shared(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the question that a browser asks before a page's request; it carries no key."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or not request.app[ORIGINS].allow(request.headers.get("Origin")):
        return await handler(request)
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
    if "Access-Control-Request-Private-Network" in request.headers:
        headers["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=headers)


async def add_origin(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: let an allowed page read the answer, whoever made it."""
    origins = request.app[ORIGINS]
    if not origins:
        return
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin is not None and origins.allow(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
