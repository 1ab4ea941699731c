"""How much and how long a connection may take: every number, and the two waits aiohttp leaves open.

Measured on aiohttp 3.14.5: without these a client that announces a body and sends one
byte is waited for without end, and so is one that never reads its answer; an unfinished
request head is cut after `keepalive_timeout`, which is 3,630 s by default.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import Problem

MAX_BODY_BYTES = 4 << 20
MAX_CONNECTIONS = 256
HEAD_S = 30.0
"""For the head of a request, and between two requests on one connection."""
BODY_S = 30.0
BODY_SILENCE_S = 10.0
WRITE_STALL_S = 30.0
LINGER_S = 1.0
"""How long the rest of a refused body is still read, so that the refusal can be read."""


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
    """Cut the connection when what is written inside takes too long. Raises: ConnectionResetError."""
    try:
        async with asyncio.timeout(WRITE_STALL_S):
            yield
    except TimeoutError:
        if request.transport is not None:
            _cut(request.transport)
        raise ConnectionResetError("the client does not read its answer") from None


async def read_body(request: web.Request) -> bytes:
    """Return the body. Raises: Problem when it is compressed, too large (413) or too slow (408)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "invalid_request_error", "A compressed body is not accepted; send plain JSON.")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while chunk := await _next_chunk(request):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise Problem(408, "invalid_request_error", "The request's body did not arrive in time.") from None
    return bytes(body)


async def _next_chunk(request: web.Request) -> bytes:
    async with asyncio.timeout(BODY_SILENCE_S):
        return await request.content.readany()


def _cut(transport: asyncio.Transport) -> None:
    # Without this the kernel keeps what was written, megabytes of it, for minutes after the close.
    now = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    transport.abort()


def _too_large() -> Problem:
    return Problem(413, "invalid_request_error", f"The request's body is larger than {MAX_BODY_BYTES} bytes.")
