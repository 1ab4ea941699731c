"""The front's asyncio side of a model: requests in, events out, whatever happens to its worker.

    worker = launch(config)                   # engine/launch.py: before asyncio or aiohttp is imported
    client = EngineClient(config, worker)     # no loop needed yet; without a worker: unloaded
    await client.start()                      # attach to the running loop
    facts = await client.wait_ready()         # or look at client.state
    async with aclosing(client.generate(request)) as events:
        async for event in events: ...
    vectors = await client.ask(Embed(…))

Does not know: HTTP, dialects, the model.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import overload

from runtime.engine.config import WorkerConfig
from runtime.engine.death import Death
from runtime.engine.inflight import Inflight, Pending
from runtime.engine.launch import Worker
from runtime.engine.protocol import (
    Answer,
    Cancel,
    Detokenize,
    Detokenized,
    Embed,
    Embedded,
    Event,
    Failed,
    Generate,
    Inspect,
    ModelFacts,
    Question,
    Ranked,
    Render,
    Rendered,
    Request,
    Rerank,
    SlotAction,
    SlotDone,
    State,
    Terminal,
    Tokenize,
    Tokenized,
)
from runtime.engine.restarts import DEFAULT_MAX_DEATHS
from runtime.engine.supervisor import Hooks, Phase, Supervisor
from runtime.engine.suspects import Suspects
from runtime.errors import LmfileError

GRACE_S = 5.0
TOO_GREAT = "a whole number in the request is beyond 64 bits"
POISON = "the engine crashed twice over a request like this one, so it is not tried again; change the request"


class EngineClient:
    """One model, its worker and its requests; all methods belong to the loop that called `start`."""

    def __init__(
        self, config: WorkerConfig, worker: Worker | None = None, max_deaths: int = DEFAULT_MAX_DEATHS
    ) -> None:
        self._requests = Inflight()
        self._suspects = Suspects()
        self._last_id = 0
        hooks = Hooks(self._receive, self._resend, self._bereaved, self._gave_up)
        self._supervisor = Supervisor(config, worker, hooks, max_deaths)

    @property
    def state(self) -> Phase:
        """Whether requests can be answered now; while loading they wait."""
        return self._supervisor.phase

    @property
    def progress(self) -> float:
        """How much of the model is loaded, 0 to 1."""
        return self._supervisor.progress

    @property
    def facts(self) -> ModelFacts | None:
        """Of the last worker that became ready."""
        return self._supervisor.facts

    @property
    def failure(self) -> LmfileError | None:
        """Why the state is failed: the sentence for the user, and the exit code."""
        return self._supervisor.failure

    @property
    def n_deaths(self) -> int:
        """Workers that died since the start."""
        return self._supervisor.n_deaths

    @property
    def pid(self) -> int:
        """Of the worker; 0 when there was none yet."""
        return self._supervisor.pid

    @property
    def can_load(self) -> bool:
        """Whether `load` may help: the model is unloaded, or its last load failed some time ago."""
        return self._supervisor.can_load

    async def start(self) -> None:
        """Begin to read the worker's events."""
        await self._supervisor.start()

    async def load(self) -> None:
        """Start a worker for an unloaded model; `wait_ready` waits for it."""
        await self._supervisor.load()

    async def unload(self) -> None:
        """End the worker of a model that nobody uses; `load` brings it back."""
        await self._supervisor.unload(GRACE_S)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """End the worker for good: ask, wait at most `grace_s` seconds, then kill. Idempotent."""
        await self._supervisor.stop(grace_s)

    async def wait_ready(self) -> ModelFacts:
        """Wait until the model is loaded. Raises: the `failure` when it cannot be."""
        return await self._supervisor.wait_ready()

    def new_id(self) -> int:
        """Return an id for the next request."""
        self._last_id += 1
        return self._last_id

    def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Yield `Started`, any number of `Delta`, then exactly one `Finished` or `Failed`.

        Closing the iterator, or cancelling the task that waits in it, cancels the request
        in the worker: use `contextlib.aclosing`. While the state is loading the request waits;
        a refused or dead worker is a `Failed(kind="died")`, never raised.
        At most one event per token waits for a slow reader, so the context bounds the memory.
        """
        return self._events(request)

    @overload
    async def ask(self, request: Embed) -> Embedded | Failed: ...
    @overload
    async def ask(self, request: Rerank) -> Ranked | Failed: ...
    @overload
    async def ask(self, request: SlotAction) -> SlotDone | Failed: ...
    @overload
    async def ask(self, request: Inspect) -> State | Failed: ...
    @overload
    async def ask(self, request: Render) -> Rendered | Failed: ...
    @overload
    async def ask(self, request: Tokenize) -> Tokenized | Failed: ...
    @overload
    async def ask(self, request: Detokenize) -> Detokenized | Failed: ...
    async def ask(self, request: Question) -> Answer | Failed:
        """Return the one event that answers the request; cancelling the task cancels it in the worker."""
        async with aclosing(self._events(request)) as events:
            async for event in events:
                if isinstance(event, Answer | Failed):
                    return event
        return self._died(request, "it answered something else")

    async def _events(self, request: Request) -> AsyncGenerator[Event, None]:
        if self._suspects.refuses(request):
            yield Failed(id=request.id, kind="poison", message=POISON)
            return
        if self.state not in ("loading", "ready"):
            yield self._died(request, "the model is not loaded" if self.state == "unloaded" else "it was stopped")
            return
        pending = self._requests.add(request)
        self._send(pending)
        try:
            while True:
                event = await pending.events.get()
                yield event
                if isinstance(event, Terminal):
                    return
        finally:
            if self._requests.remove(request):
                self._supervisor.send(Cancel(request.id))

    def _send(self, pending: Pending) -> None:
        try:
            if self._supervisor.send(pending.request):
                pending.n_sends += 1
        except OverflowError:  # msgpack has no such numbers; variables of a template may hold any JSON
            self._requests.take(Failed(id=pending.request.id, kind="invalid", message=TOO_GREAT))

    def _receive(self, event: Event) -> None:
        ended = self._requests.take(event)
        if ended and not isinstance(event, Failed):
            self._supervisor.restarts.answered()
            self._suspects.clear(ended)

    def _resend(self) -> None:
        for pending in self._requests.waiting():
            self._send(pending)

    def _bereaved(self, death: Death) -> None:
        suspect = self._requests.suspect()
        if death.is_fault and suspect:
            self._suspects.blame(suspect)
        self._requests.orphan(_ended(death.text))

    def _gave_up(self) -> None:
        self._requests.fail(str(self.failure or _ended("it was stopped")))

    def _died(self, request: Request, how: str) -> Failed:
        return Failed(id=request.id, kind="died", message=str(self.failure or _ended(how)))


def _ended(how: str) -> str:
    return f"the engine ended before it had answered: {how}"
