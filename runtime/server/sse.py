"""An answer as server-sent events.

The status line goes out with the first event: until then a failure is an ordinary HTTP
error. During a silence a comment line tells proxies and dead peers apart; dialects whose
clients cannot read comments do without.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

from aiohttp import web

from runtime.server.limits import write_limit
from runtime.server.problem import Problem
from runtime.server.replies import ascii_json

HEARTBEAT_S = 15.0
PING = b": waiting\n\n"

Chunk = Mapping[str, object]


@dataclass(frozen=True)
class Style:
    """How a dialect ends its streams.

    done: the bytes after the last chunk. with_error: what an error event holds besides the
    error. heartbeat: whether comment lines are sent.
    """

    done: bytes = b""
    with_error: Chunk | None = None
    heartbeat: bool = False


class EventStream:
    """The events of one answer; `response` is open from the first one on."""

    def __init__(self, request: web.Request, style: Style) -> None:
        self._request = request
        self._style = style
        self._silent = True
        self._beat: asyncio.Task[None] | None = None
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    async def __aenter__(self) -> "EventStream":
        if self._style.heartbeat:
            self._beat = asyncio.create_task(self._heartbeat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.wait({self._beat})

    async def send(self, chunk: Chunk) -> None:
        """Write one event."""
        await self._write(b"data: " + ascii_json(chunk) + b"\n\n")

    async def finish(self) -> web.StreamResponse:
        """Write what ends a complete answer."""
        await self._write(self._style.done)
        return self.response

    async def fail(self, problem: Problem) -> web.StreamResponse:
        """Write the error as the last event."""
        await self.send({**problem.body(), **(self._style.with_error or {})})
        return self.response

    async def _write(self, data: bytes) -> None:
        self._silent = False
        async with write_limit(self._request):
            if not self.response.prepared:
                self._request[_OPEN] = self
                await self.response.prepare(self._request)
            if data:
                await self.response.write(data)

    async def _heartbeat(self) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                if self._silent:
                    await self._write(PING)
                self._silent = True


_OPEN = web.RequestKey("open_stream", EventStream)


def open_stream(request: web.Request) -> EventStream | None:
    """The stream whose first event has gone out, if there is one."""
    return request.get(_OPEN)


async def respond(request: web.Request, chunks: AsyncGenerator[Chunk, None], style: Style) -> web.StreamResponse:
    """Send `chunks` one by one; closes the generator whatever happens."""
    async with aclosing(chunks), EventStream(request, style) as stream:
        async for chunk in chunks:
            await stream.send(chunk)
        return await stream.finish()
