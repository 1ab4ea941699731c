"""Accepts connections while there are places for them; who gets none is told to come back, and closed.

asyncio's own listener calls for the protocol of every waiting connection before the
first of them is open, so a count made there comes too late: this one opens one by one.
"""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtime.server import limits
from runtime.server.connections import Connection, Connections

if TYPE_CHECKING:
    import ssl

PAUSE_S = 0.5
"""After the system had no file or memory for a connection."""

_BODY = b'{"error":{"code":503,"message":"There are too many connections.","type":"unavailable_error"}}'
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


async def accept(
    listener: socket.socket,
    protocol: Callable[[], asyncio.BaseProtocol],
    connections: Connections,
    tls: "ssl.SSLContext | None",
) -> None:
    """Let a new `protocol` speak on every connection until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        # sock_accept does not wait while somebody is in the queue, and a flood must not stop the loop.
        await asyncio.sleep(0)
        try:
            sock, _ = await loop.sock_accept(listener)
        except ConnectionError:
            continue
        except OSError:
            await asyncio.sleep(PAUSE_S)
            continue
        connection = connections.take(sock)
        if connection is None:
            _refuse(sock, answer=tls is None)
        else:
            connection.opening = asyncio.create_task(_open(connection, protocol, connections, tls))
            connection.opening.add_done_callback(functools.partial(_close_unopened, connection))


async def _open(
    connection: Connection,
    protocol: Callable[[], asyncio.BaseProtocol],
    connections: Connections,
    tls: "ssl.SSLContext | None",
) -> None:
    """Make a transport of it, after the handshake if it has one; in a task, since clients may take long for that."""

    def opened() -> asyncio.BaseProtocol:
        made = protocol()
        connections.opened(made, connection)
        return made

    loop = asyncio.get_running_loop()
    handshake_s = None if tls is None else limits.HEAD_S
    with contextlib.suppress(OSError):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.KEPT_BYTES)
        connection.transport, _ = await loop.connect_accepted_socket(
            opened, connection.sock, ssl=tls, ssl_handshake_timeout=handshake_s, ssl_shutdown_timeout=handshake_s
        )


def _close_unopened(connection: Connection, _opening: object) -> None:
    if connection.transport is None:
        connection.sock.close()


def _refuse(sock: socket.socket, *, answer: bool) -> None:
    with sock, contextlib.suppress(OSError):
        sock.setblocking(False)
        # A request that already lies there unread would make the close a reset, and the answer lost.
        if answer:
            sock.send(BUSY)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)
