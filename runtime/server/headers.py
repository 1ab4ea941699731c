"""The headers that every response carries, whoever made it."""

import secrets

from aiohttp import web

REQUEST_ID = web.RequestKey("request_id", str)

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SERVER = web.AppKey("server_header", str)


def request_id(request: web.BaseRequest) -> str:
    """The name under which a client and the log speak of this request."""
    if REQUEST_ID not in request:
        request[REQUEST_ID] = secrets.token_hex(8)
    return request[REQUEST_ID]


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: name the server and the request, and keep browsers strict."""
    response.headers.update(standard(request, request.app[SERVER]))
    response.headers.setdefault("Cache-Control", "no-store")


def standard(request: web.BaseRequest, build: str) -> dict[str, str]:
    """The headers themselves; `build` names the server."""
    name = request_id(request)
    return {**ALWAYS, "Server": build, "X-Request-Id": name, "Request-Id": name}  # the last is Anthropic's
