"""Runs the server from open sockets to a clean end.

    sockets = listen(host, port, has_key=...)     # sockets.py, before anything slow
    stop = Stop()
    with stop.on_signals():
        await serve(sockets, options, fleet, stop, announce)

The end, once asked: no new connections; running answers go on for `grace_s` or until
asked again; then each gets its last words and the connection is closed. The models belong
to the caller.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial

from aiohttp import web

from runtime.engine.fleet import Fleet
from runtime.server.accept import accept
from runtime.server.app import create_app
from runtime.server.connections import CONNECTIONS, Connections
from runtime.server.cors import Origins
from runtime.server.guard import Guard, own_hosts
from runtime.server.http1 import Http1
from runtime.server.inflight import INFLIGHT, Inflight
from runtime.server.options import ServerOptions
from runtime.server.sockets import ports
from runtime.server.stop import Stop

LAST_WORDS_S = 1.0


async def serve(
    sockets: Sequence[socket.socket],
    options: ServerOptions,
    fleet: Fleet,
    stop: Stop,
    announce: Callable[[], None],
) -> None:
    """Serve `fleet` on `sockets` until `stop` is asked; `announce` is called when connections are accepted."""
    server = Server(sockets, options, fleet)
    await server.start()
    try:
        announce()
        await stop.asked()
    finally:
        await server.close(stop)


class Server:
    """One application on open sockets; it owns and closes them."""

    def __init__(self, sockets: Sequence[socket.socket], options: ServerOptions, fleet: Fleet) -> None:
        self._sockets = sockets
        self._grace_s = options.grace_s
        self._build = options.build
        self._tls = options.tls
        app = create_app(options, fleet, _guard(sockets, options))
        self._connections: Connections = app[CONNECTIONS]
        self._inflight: Inflight = app[INFLIGHT]
        self._accepting: list[asyncio.Task[None]] = []
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=LAST_WORDS_S)

    async def start(self) -> None:
        """Accept connections."""
        await self._runner.setup()
        server = self._runner.server
        if server is not None:
            protocol = partial(Http1, server, self._build, _quiet_logger())
            accepting = [accept(sock, protocol, self._connections, self._tls) for sock in self._sockets]
            self._accepting = [asyncio.create_task(work) for work in [*accepting, self._connections.watch()]]

    async def close(self, stop: Stop) -> None:
        """Stop accepting, let running answers finish within the grace, end the rest."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for sock in self._sockets:
            sock.close()
        drained = asyncio.create_task(self._inflight.drained())
        hurried = asyncio.create_task(stop.now())
        await asyncio.wait({drained, hurried}, timeout=self._grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        self._inflight.end()
        await asyncio.wait({drained}, timeout=LAST_WORDS_S)
        drained.cancel()
        await self._runner.cleanup()


def _guard(sockets: Sequence[socket.socket], options: ServerOptions) -> Guard:
    scheme = "https" if options.tls else "http"
    return Guard(
        own_hosts(ports(sockets), options.allow_hosts, scheme),
        schemes=("https",) if options.tls else ("http", "https"),
        page=f"{options.prefix}/",
        origins=Origins(options.cors_origins),
    )


def _quiet_logger() -> logging.Logger:
    """Where aiohttp reports malformed requests; silent unless somebody sets logging up."""
    logger = logging.getLogger("lmfile.http")
    parent = logging.getLogger("lmfile")
    if not parent.handlers:
        parent.addHandler(logging.NullHandler())
        parent.propagate = False
    return logger
