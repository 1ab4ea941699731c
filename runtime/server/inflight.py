"""Knows the requests that are being answered, so that a shutdown can wait for them and then end them."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.server.problem import unavailable


class Inflight:
    """The tasks of the running requests.

    `ending` turns true when they are told to end; the task of a request is then cancelled
    once, which `errors.py` turns into the last words to its client. `n_begun` counts all that there ever were.
    """

    def __init__(self) -> None:
        self.ending = False
        self.n_begun = 0
        self._tasks: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return bool(self._tasks)

    async def drained(self) -> None:
        """Return when no request is being answered."""
        await self._idle.wait()

    def end(self) -> None:
        """Tell every running request to say its last words."""
        self.ending = True
        for task in self._tasks:
            task.cancel()

    def add(self, task: asyncio.Task[object]) -> None:
        """Count `task` until `remove`."""
        self.n_begun += 1
        self._tasks.add(task)
        self._idle.clear()

    def remove(self, task: asyncio.Task[object]) -> None:
        """Count `task` no more."""
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()


INFLIGHT = web.AppKey("inflight", Inflight)


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep the request among those a shutdown waits for."""
    inflight = request.app[INFLIGHT]
    task = asyncio.current_task()
    if task is None:
        return await handler(request)
    inflight.add(task)
    try:
        return await handler(request)
    finally:
        inflight.remove(task)


@web.middleware
async def while_open(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let no further request in once the running ones are told to end."""
    if request.app[INFLIGHT].ending:
        raise unavailable("The server is shutting down.")
    return await handler(request)
