"""The requests of one model that have not ended: how far each is, and what a worker's death means for it.

A request that native code has not seen yet survives the death and is sent to the next worker;
the others end with it.
"""

import asyncio
from typing import Literal

from runtime.engine.protocol import Admitting, Conversion, Event, Failed, Request, Terminal

Stage = Literal["waiting", "admitting", "running"]
"""waiting: in some queue; admitting: native code sees it for the first time; running: it was accepted, or
is answered beside the others, so that no more is known."""

MAX_SENDS = 3


class Pending:
    """One request on its way; `events` takes what comes for it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.stage: Stage = "waiting"
        self.n_sends = 0
        self.events: asyncio.Queue[Event] = asyncio.Queue()


class Inflight:
    """All of them, oldest first."""

    def __init__(self) -> None:
        self._pending: dict[int, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, request: Request) -> Pending:
        """Take in a new request."""
        pending = self._pending[request.id] = Pending(request)
        return pending

    def remove(self, request: Request) -> bool:
        """Forget a request; False when it had ended."""
        return self._pending.pop(request.id, None) is not None

    def waiting(self) -> list[Pending]:
        """Those that a new worker has to be sent."""
        return [pending for pending in self._pending.values() if pending.stage == "waiting"]

    def take(self, event: Event) -> Request | None:
        """Pass an event on; return the request if this was its end. Ignores what is for nobody."""
        pending = self._pending.get(getattr(event, "id", 0))
        if pending is None:
            return None
        if isinstance(event, Admitting):
            pending.stage = "running" if isinstance(pending.request, Conversion) else "admitting"
            return None
        pending.stage = "running"
        pending.events.put_nowait(event)
        if not isinstance(event, Terminal):
            return None
        del self._pending[pending.request.id]
        return pending.request

    def suspect(self) -> Request | None:
        """The one request that a fault just now can have come from, if it is only one."""
        seen = [pending for pending in self._pending.values() if pending.stage != "waiting"]
        admitting = [pending for pending in seen if pending.stage == "admitting"]
        possible = admitting or seen
        return possible[0].request if len(possible) == 1 else None

    def orphan(self, why: str) -> None:
        """The worker is gone: end what it was computing, and what was sent too often."""
        lost = [one for one in self._pending.values() if one.stage != "waiting" or one.n_sends >= MAX_SENDS]
        for pending in lost:
            self._end(pending, why)

    def fail(self, why: str) -> None:
        """No worker will come: end all of them."""
        for pending in list(self._pending.values()):
            self._end(pending, why)

    def _end(self, pending: Pending, why: str) -> None:
        del self._pending[pending.request.id]
        pending.events.put_nowait(Failed(id=pending.request.id, kind="died", message=why))
