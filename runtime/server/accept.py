"""Accepts connections, up to `limits.MAX_CONNECTIONS` at a time; one more gets a 503 and is closed.

asyncio's own listener calls for the protocol of every waiting connection before the
first of them is open, so a count made there comes too late: this one opens one by one.
"""

import asyncio
import contextlib
import socket

from aiohttp import web

from runtime.server import limits

PAUSE_S = 0.5
"""After the system had no file or memory for a connection."""

_BODY = b'{"error":{"code":503,"message":"There are too many connections.","type":"unavailable_error"}}'
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


async def accept(listener: socket.socket, server: web.Server) -> None:
    """Hand every connection to `server` until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            sock, _ = await loop.sock_accept(listener)
        except ConnectionError:
            continue
        except OSError:
            await asyncio.sleep(PAUSE_S)
            continue
        if len(server.connections) < limits.MAX_CONNECTIONS:
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(server, sock)
        else:
            _refuse(sock)


def _refuse(sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        sock.setblocking(False)
        # A request that already lies there unread would make the close a reset, and the answer lost.
        sock.send(BUSY)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)
