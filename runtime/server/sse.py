"""An answer as a stream: server-sent events, or lines of JSON.

The status line goes out with the first event: until then a failure is an ordinary HTTP
error. During a silence a comment line tells proxies and dead peers apart; dialects whose
clients cannot read comments do without.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

import msgspec
from aiohttp import web

from runtime.server.dialect import error_of
from runtime.server.problem import Problem
from runtime.server.replies import ascii_json
from runtime.server.transfer import write_limit

HEARTBEAT_S = 15.0
PING = b": waiting\n\n"

Chunk = Mapping[str, object]


def data_line(chunk: Chunk) -> bytes:
    """An event without a name."""
    return b"data: " + ascii_json(chunk) + b"\n\n"


def named_event(chunk: Chunk) -> bytes:
    """An event that is named as its `type`, as in OpenAI's responses and Anthropic's messages."""
    return f"event: {chunk['type']}\n".encode() + data_line(chunk)


def json_line(chunk: Chunk) -> bytes:
    """A line of NDJSON."""
    return ascii_json(chunk) + b"\n"


class Style(msgspec.Struct, frozen=True):
    """How a dialect writes its streams.

    write: the bytes of a chunk. done: the bytes after the last chunk. error: the chunk that tells of a failure, made
    of its body; None: the body itself. ping: what is sent in a silence; None: nothing.
    """

    write: Callable[[Chunk], bytes] = data_line
    done: bytes = b""
    error: Callable[[Chunk], Chunk] | None = None
    ping: bytes | None = None
    content_type: str = "text/event-stream"


class EventStream:
    """The events of one answer; `response` is open from the first one on."""

    def __init__(self, request: web.Request, style: Style, headers: Mapping[str, str] | None = None) -> None:
        self._request = request
        self._style = style
        self._silent = True
        self._beat: asyncio.Task[None] | None = None
        always = {"Content-Type": style.content_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self.response = web.StreamResponse(headers={**(headers or {}), **always})

    async def __aenter__(self) -> "EventStream":
        if self._style.ping is not None:
            self._beat = asyncio.create_task(self._heartbeat(self._style.ping))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.wait({self._beat})

    async def send(self, chunk: Chunk) -> None:
        """Write one event."""
        await self._write(self._style.write(chunk))

    async def finish(self) -> web.StreamResponse:
        """Write what ends a complete answer."""
        await self._write(self._style.done)
        return self.response

    async def fail(self, problem: Problem) -> web.StreamResponse:
        """Write the error as the last event."""
        _, body = error_of(self._request, problem)
        await self.send(self._style.error(body) if self._style.error else body)
        return self.response

    async def _write(self, data: bytes) -> None:
        self._silent = False
        async with write_limit(self._request):
            if not self.response.prepared:
                self._request[_OPEN] = self
                await self.response.prepare(self._request)
            if data:
                await self.response.write(data)

    async def _heartbeat(self, ping: bytes) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                if self._silent:
                    await self._write(ping)
                self._silent = True


_OPEN = web.RequestKey("open_stream", EventStream)


def open_stream(request: web.Request) -> EventStream | None:
    """The stream whose first event has gone out, if there is one."""
    return request.get(_OPEN)


async def respond(
    request: web.Request,
    chunks: AsyncGenerator[Chunk, None],
    style: Style,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Send `chunks` one by one; closes the generator whatever happens."""
    async with aclosing(chunks), EventStream(request, style, headers) as stream:
        async for chunk in chunks:
            await stream.send(chunk)
        return await stream.finish()
