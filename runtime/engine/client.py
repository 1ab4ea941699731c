"""The front's asyncio side of a worker: requests in, events out, and a new worker when one dies.

    worker = launch(config)              # engine/launch.py: before asyncio or aiohttp is imported
    client = EngineClient(config, worker)   # no loop needed yet
    await client.start()                 # attach to the running loop
    facts = await client.wait_ready()    # or look at client.state
    async with aclosing(client.generate(request)) as events:
        async for event in events: ...

A dead worker is replaced after 0, 1, 2, then 5 seconds; five deaths within a minute, or one
before the model was ever loaded, are the end: the state is failed, and the front stays to
say why. A worker that does not read a command for 30 seconds is taken for dead.

Does not know: HTTP, dialects, the model.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal

from runtime.engine.config import WorkerConfig
from runtime.engine.connection import Connection
from runtime.engine.launch import Worker, launch
from runtime.engine.protocol import (
    Cancel,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    ModelFacts,
    Ready,
    Refused,
    Shutdown,
)
from runtime.errors import EngineDied, EngineFailed, EngineRefused, LmfileError

State = Literal["unloaded", "loading", "ready", "failed", "stopped"]
"""unloaded: no worker is wanted; loading: also while a dead worker is being replaced; failed: for good, `failure` says why."""

BACK_OFF_S = (0.0, 1.0, 2.0, 5.0)
MAX_DEATHS = 5
DEATHS_WITHIN_S = 60.0
REAP_S = 2.0
REAP_INTERVAL_S = 0.01


class EngineClient:
    """One worker and its requests; all methods belong to the loop that called `start`."""

    state: State
    progress: float
    """How much of the model is loaded, 0 to 1."""
    facts: ModelFacts | None
    """Of the last worker that became ready."""
    failure: LmfileError | None
    """Why the state is failed: the sentence for the user, and the exit code."""
    n_deaths: int
    """Workers that died since the start."""

    def __init__(self, config: WorkerConfig, worker: Worker | None = None) -> None:
        self.state = "loading" if worker else "unloaded"
        self.progress = 0.0
        self.facts = None
        self.failure = None
        self.n_deaths = 0
        self._config = config
        self._worker = worker
        self._connection: Connection | None = None
        self._requests: dict[int, asyncio.Queue[Event]] = {}
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        self._settled = asyncio.Event()
        self._replacing: asyncio.Task[None] | None = None
        self._last_id = 0

    @property
    def can_load(self) -> bool:
        """Whether `load` would help."""
        return self.state == "unloaded"

    async def start(self) -> None:
        """Begin to read the worker's events."""
        if self._worker:
            self._connection = await Connection.open(self._worker, self._receive, self._lost)

    async def load(self) -> None:
        """Start a worker for an unloaded model; `wait_ready` waits for it."""
        self.state = "loading"
        try:
            self._worker = launch(self._config)
            await self.start()
        except EngineFailed as failure:
            self._give_up(failure)

    async def unload(self) -> None:
        """End the worker of a model that nobody uses; `load` brings it back."""
        await self.stop()
        self.state = "unloaded"
        self._settled.clear()

    async def wait_ready(self) -> ModelFacts:
        """Wait until the model is loaded. Raises: the `failure` when it cannot be."""
        await self._settled.wait()
        if self.state == "ready" and self.facts:
            return self.facts
        raise self.failure or EngineFailed("Running the engine: it was stopped; start it again.")

    def new_id(self) -> int:
        """Return an id for the next `Generate`."""
        self._last_id += 1
        return self._last_id

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Yield `Started`, any number of `Delta`, then exactly one `Finished` or `Failed`.

        Closing the iterator, or cancelling the task that waits in it, cancels the request
        in the worker: use `contextlib.aclosing`. While the state is loading the request waits
        in the worker's queue; a refused or dead worker is a `Failed(kind="died")`, never raised.
        At most one event per token waits for a slow reader, so the context bounds the memory.
        """
        if self._connection is None:
            yield self._died(request.id, "it is being started again; try again")
            return
        events = self._requests[request.id] = asyncio.Queue()
        self._connection.send(request)
        try:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, Finished | Failed):
                    return
        finally:
            if self._requests.pop(request.id, None) and self._connection:
                self._connection.send(Cancel(request.id))

    async def stop(self, grace_s: float = 5.0) -> None:
        """End the worker: ask, wait at most `grace_s` seconds, then kill. Idempotent."""
        self.state = "stopped"
        self._settled.set()
        if self._replacing:
            self._replacing.cancel()
        if self._connection:
            self._connection.send(Shutdown())
        if self._worker and not await self._ended(grace_s):
            self._worker.kill()
            await self._ended(REAP_S)
        self._disconnect()
        self._fail_all()

    def _receive(self, event: Event) -> None:
        if isinstance(event, Loading):
            self.progress = event.fraction
        elif isinstance(event, Ready):
            self.facts, self.progress = event.facts, 1.0
            if self.state == "loading":
                self.state = "ready"
                self._settled.set()
        elif isinstance(event, Refused):
            self._give_up(EngineRefused(event.message, event.exit_code))
        elif queue := self._requests.get(event.id):
            queue.put_nowait(event)
            if isinstance(event, Finished | Failed):
                del self._requests[event.id]

    def _lost(self) -> None:
        """The worker closed its end: it has died, was refused its model, or was stopped."""
        if self.state in ("loading", "ready"):
            self.state = "loading"
            self.progress = 0.0
            self._settled.clear()
            self._replacing = asyncio.get_running_loop().create_task(self._replace())
        else:
            self._disconnect()
            self._fail_all()

    async def _replace(self) -> None:
        self.n_deaths += 1
        self._deaths.append(time.monotonic())
        if self._worker and not await self._ended(REAP_S):
            self._worker.kill()
            await self._ended(REAP_S)
        death = self._worker.death() if self._worker else ""
        self._disconnect()
        self._fail_all(death)
        if self.facts is None:
            self._give_up(EngineDied(f"Loading the model: the engine died, {death}; try another model."))
            return
        if len(self._deaths) == MAX_DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_WITHIN_S:
            self._give_up(EngineDied(f"Running the engine: it died {MAX_DEATHS} times within a minute, {death}."))
            return
        await asyncio.sleep(BACK_OFF_S[min(len(self._deaths), len(BACK_OFF_S)) - 1])
        try:
            # From this thread: a worker ends with the thread that started it.
            self._worker = launch(self._config)
            await self.start()
        except EngineFailed as failure:
            self._give_up(failure)

    async def _ended(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self._worker and self._worker.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(REAP_INTERVAL_S)
        return True

    def _give_up(self, failure: LmfileError) -> None:
        self.state = "failed"
        self.failure = failure
        self._settled.set()

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._worker:
            self._worker.close()

    def _fail_all(self, death: str = "") -> None:
        requests, self._requests = self._requests, {}
        for request_id, queue in requests.items():
            queue.put_nowait(self._died(request_id, death))

    def _died(self, request_id: int, death: str = "") -> Failed:
        ended = f"the engine ended before it had answered: {death or 'it was stopped'}"
        return Failed(id=request_id, kind="died", message=str(self.failure or ended))
