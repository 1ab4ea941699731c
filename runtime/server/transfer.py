"""Takes bodies in and sends answers out, within the limits of `limits.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server import limits
from runtime.server.connections import CONNECTION, CONNECTIONS
from runtime.server.problem import Problem


@web.middleware
async def sent_in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send the response here, where the wait for a client that does not read can be cut."""
    response = await handler(request)
    async with write_limit(request):
        await response.prepare(request)
        await response.write_eof()
    return response


@asynccontextmanager
async def write_limit(request: web.Request) -> AsyncIterator[None]:
    """Write inside: the connection is cut when that takes too long. Raises: ConnectionResetError, CancelledError."""
    connection = request[CONNECTION]
    connection.owe("reading")
    try:
        yield
    finally:
        connection.owe(None)


async def read_body(request: web.Request) -> bytes:
    """Return the body. Raises: Problem when it is compressed, too large (413) or too slow (408)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "invalid_request_error", "A compressed body is not accepted; send plain JSON.")
    if (request.content_length or 0) > limits.MAX_BODY_BYTES:
        raise _too_large()
    connection = request[CONNECTION]
    connection.owe("body")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.BODY_S):
            while chunk := await _next_chunk(request):
                body += chunk
                if len(body) > limits.MAX_BODY_BYTES:
                    raise _too_large()
                if len(body) > limits.SMALL_BODY_BYTES:
                    connection.n_body = len(body)
                    request.app[CONNECTIONS].make_room_for_body(connection)
    except TimeoutError:
        raise Problem(408, "invalid_request_error", "The request's body did not arrive in time.") from None
    finally:
        connection.owe(None)
        connection.n_body = 0
    return bytes(body)


async def _next_chunk(request: web.Request) -> bytes:
    async with asyncio.timeout(limits.BODY_SILENCE_S):
        return await request.content.readany()


def _too_large() -> Problem:
    return Problem(413, "invalid_request_error", f"The request's body is larger than {limits.MAX_BODY_BYTES} bytes.")
