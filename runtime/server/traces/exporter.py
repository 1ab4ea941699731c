"""Sends spans to a collector, in batches and beside the requests: OTLP over HTTP, as JSON.

Not OpenTelemetry's own SDK (1.45.2 with its exporter for HTTP), not even as a part that a build may add: it is 6.1 MB
(1.1 MB packed), its 101 modules take 95 ms to import, and it wants a thread, requests and protobuf to send what is
written here in four functions. What it offers beyond, sampling by share and gRPC, is for a collector to do.

A collector that is away costs nothing but its spans: `MAX_SPANS` of them wait, then new ones are dropped.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import islice

import msgspec
from aiohttp import web

from runtime.server.observing import Watched
from runtime.server.traces.context import parent_of
from runtime.server.traces.post import Refused, post
from runtime.server.traces.settings import TraceSettings
from runtime.server.traces.spans import Span, attributes, spans_of
from runtime.version import VERSION

log = logging.getLogger("lmfile.server")

BATCH = 512
MAX_SPANS = 4096
RETRY_S = 30.0
LAST_S = 2.0
"""For what is left when the server ends."""


class Exporter:
    """The spans that wait to be sent."""

    def __init__(self, settings: TraceSettings) -> None:
        self._settings = settings
        self._waiting: deque[Span] = deque()
        self._enough = asyncio.Event()
        self._is_away = False
        self._resource = attributes({**dict(settings.resource), "service.version": VERSION})

    def observe(self, watched: Watched) -> None:
        """Take the spans of a request, unless who sent it wants no trace of it."""
        parent = parent_of(watched.request.headers)
        if parent is not None and not parent.is_sampled:
            return
        spans = list(spans_of(watched, parent))
        if len(self._waiting) + len(spans) <= MAX_SPANS:
            self._waiting.extend(spans)
        if len(self._waiting) >= BATCH:
            self._enough.set()

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """A context of the application: send while it runs, and what is left when it ends."""
        sending = asyncio.create_task(self._send_all())
        yield
        sending.cancel()
        await asyncio.wait({sending})
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                while self._waiting and await self._send():
                    pass

    async def _send_all(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.every_s):
                    await self._enough.wait()
            self._enough.clear()
            while self._waiting:
                if not await self._send():
                    await asyncio.sleep(RETRY_S)

    async def _send(self) -> bool:
        """Send the oldest batch; False when the collector cannot take it now."""
        batch = list(islice(self._waiting, BATCH))
        try:
            await post(self._settings, self._written(batch))
        except Refused as refused:
            self._report(str(refused))
            if refused.again:
                return False
        except (OSError, TimeoutError) as away:
            self._report(str(away) or "it does not answer")
            return False
        else:
            self._is_away = False
        for _ in batch:
            self._waiting.popleft()
        return True

    def _report(self, happened: str) -> None:
        """Say it once, until the collector is back."""
        if not self._is_away:
            log.warning("Sending traces to `%s`: %s; check --otlp-endpoint.", self._settings.url, happened)
        self._is_away = True

    def _written(self, batch: list[Span]) -> bytes:
        scope = {"scope": {"name": "lmfile", "version": VERSION}, "spans": batch}
        return msgspec.json.encode(
            {"resourceSpans": [{"resource": {"attributes": self._resource}, "scopeSpans": [scope]}]}
        )
