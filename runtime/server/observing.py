"""What became of a request, told once at its end to everybody who counts, logs or traces.

    app[OBSERVATION] = Observation([metrics.finished, access_log, …])     # each takes one `Watched`
    with watching(service, generate) as work: …; work.end(event)          # around each request to the engine

What the engine was asked belongs to the HTTP request in whose task, or in a task of whose, it was asked. Nothing is
done for a token: the counts come with the engine's last event.
"""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType

from aiohttp import web
from aiohttp.typedefs import Handler

from runtime.engine.protocol import Failed, Finished, Generate, Question, Terminal
from runtime.server.service import Service

CLIENT_LEFT = 499
"""Stands for the status of an answer that nobody waited for; nginx's number."""

UNROUTED = "(none)"
"""Stands for the address of a request that no route takes: what people invent must not become a label."""
METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
OTHER_METHOD = "(other)"
"""Stands for all that are not in `METHODS`, for the same reason."""


class Work:
    """One request to the engine, from when it was asked (monotonic seconds) to its last event.

    event: None while there is none, and for ever when the client left before.
    """

    __slots__ = ("began_s", "ended_s", "event", "model", "request")

    def __init__(self, model: str, request: Generate | Question) -> None:
        self.model = model
        self.request = request
        self.began_s = time.monotonic()
        self.ended_s = self.began_s
        self.event: Terminal | None = None

    def __enter__(self) -> "Work":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self.event is None:
            self.ended_s = time.monotonic()
        watched = _WATCHED.get()
        if watched is not None:
            watched.works.append(self)

    def end(self, event: Terminal) -> None:
        """The engine has answered."""
        self.event = event
        self.ended_s = time.monotonic()

    @property
    def failure(self) -> str:
        """Why it failed: a kind of `Failed`, or `cancelled`; empty if it did not."""
        if isinstance(self.event, Failed):
            return self.event.kind
        is_cut = self.event is None or (isinstance(self.event, Finished) and self.event.reason == "cancelled")
        return "cancelled" if is_cut else ""

    @property
    def adapters(self) -> str:
        """The names of its adapters; empty for none, and for those that the server was started with."""
        named = self.request.adapters if isinstance(self.request, Generate) else None
        return "+".join(name for name, _ in named or [])

    @property
    def queued_s(self) -> float:
        """How long a complete answer waited before its prompt was read."""
        if not isinstance(self.event, Finished):
            return 0.0
        timings = self.event.timings
        return max(0.0, self.ended_s - self.began_s - (timings.prompt_ms + timings.predicted_ms) / 1000)


class Watched:
    """One HTTP request. Times are monotonic seconds, `began_ns` is nanoseconds since the epoch."""

    __slots__ = ("began_ns", "began_s", "ended_s", "n_bytes", "request", "status", "works")

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.began_ns = time.time_ns()
        self.began_s = time.monotonic()
        self.ended_s = self.began_s
        self.status = CLIENT_LEFT
        self.n_bytes = 0
        self.works: list[Work] = []

    @property
    def method(self) -> str:
        """How it was asked, as a word of `METHODS`."""
        return method_of(self.request)

    @property
    def route(self) -> str:
        """The pattern of its address, as in `/slots/{id}`."""
        return route_of(self.request)

    @property
    def took_s(self) -> float:
        """From its head to the last byte of the answer."""
        return self.ended_s - self.began_s

    def unix_ns(self, at_s: float) -> int:
        """A monotonic time as nanoseconds since the epoch."""
        return self.began_ns + round((at_s - self.began_s) * 1e9)


def method_of(request: web.Request) -> str:
    """How it was asked, as a word of `METHODS`."""
    return request.method if request.method in METHODS else OTHER_METHOD


def route_of(request: web.Request) -> str:
    """The pattern of its address, as in `/slots/{id}`."""
    resource = request.match_info.route.resource
    return UNROUTED if resource is None else resource.canonical


Observer = Callable[[Watched], None]


class Observation:
    """Who is told, and how many requests are being answered."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self.n_running = 0


OBSERVATION = web.AppKey("observation", Observation)
_WATCHED: ContextVar[Watched | None] = ContextVar("watched", default=None)


def watching(service: Service, request: Generate | Question) -> Work:
    """Return the record of a request to the engine; a context that it is asked in."""
    return Work(service.model.entry.name, request)


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Watch the request to its end, and tell of it."""
    observation = request.app[OBSERVATION]
    watched = Watched(request)
    _WATCHED.set(watched)
    observation.n_running += 1
    try:
        response = await handler(request)
        watched.status, watched.n_bytes = response.status, response.body_length
        return response
    finally:
        observation.n_running -= 1
        watched.ended_s = time.monotonic()
        for observe in observation.observers:
            observe(watched)
