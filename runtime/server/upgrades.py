"""Speaks HTTP/1.1 whatever a client would rather speak: a WebSocket is refused, h2c passed over.

A connection that was asked to change its protocol is closed after the answer: aiohttp 3.14.5 loses
what follows such a request in one packet, or waits for bytes of the other protocol. Java's HTTP
client asks for h2c with its first request, so passing that over is not enough.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import invalid


@web.middleware
async def plain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the request through unless it wants a WebSocket."""
    if request.headers.get("Upgrade", "").lower() == "websocket":
        raise invalid("There are no WebSockets here; streams are server-sent events.")
    return await handler(request)


async def close_after(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: make this the connection's last answer."""
    if "Upgrade" in request.headers:
        response.force_close()
        response.headers["Connection"] = "close"
