"""Keeps one model's worker alive: starts it, looks after it, and replaces it when it dies.

A worker is dead when its process has ended, when it has read no command for 30 seconds, or when
somebody has suspended it. One that dies before its model was ever loaded is not replaced.

Does not know: requests.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from runtime.engine.config import WorkerConfig
from runtime.engine.connection import Connection
from runtime.engine.death import Death
from runtime.engine.launch import Worker, launch
from runtime.engine.protocol import Command, Event, Loading, ModelFacts, Ready, Refused, Shutdown
from runtime.engine.restarts import DEFAULT_MAX_DEATHS, WITHIN_S, Restarts
from runtime.engine.vigil import ended, kill_when_suspended
from runtime.errors import EngineDied, EngineFailed, EngineRefused, LmfileError

log = logging.getLogger("lmfile.server")

Phase = Literal["unloaded", "loading", "ready", "failed", "stopped"]
"""unloaded: no worker is wanted; loading: also while a dead worker is being replaced; failed: `failure` says why;
stopped: for good."""

REAP_S = 0.5
RETRY_LOAD_S = 10.0
"""A load that failed is tried again for a request that comes after this time: memory may be free by then."""


class Hooks(NamedTuple):
    """What the supervisor tells. receive: every event of a request; attached: a worker takes commands now;
    died: it does no longer, and another will come; gave_up: none will."""

    receive: Callable[[Event], None]
    attached: Callable[[], None]
    died: Callable[[Death], None]
    gave_up: Callable[[], None]


class Supervisor:
    """The worker of one model; all methods belong to the loop that called `start` or `load`."""

    def __init__(
        self, config: WorkerConfig, worker: Worker | None, hooks: Hooks, max_deaths: int = DEFAULT_MAX_DEATHS
    ) -> None:
        self.phase: Phase = "loading" if worker else "unloaded"
        self.progress = 0.0
        self.facts: ModelFacts | None = None
        self.failure: LmfileError | None = None
        self.n_deaths = 0
        self.restarts = Restarts(max_deaths)
        self._config = config
        self._worker = worker
        self._hooks = hooks
        self._connection: Connection | None = None
        self._settled = asyncio.Event()
        self._replacing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._retry_at: float | None = None

    @property
    def pid(self) -> int:
        """Of the last worker; 0 when there was none."""
        return self._worker.pid if self._worker else 0

    @property
    def can_load(self) -> bool:
        """Whether `load` may help: nothing is loaded, or the last load failed some time ago."""
        may_retry = self._retry_at is not None and time.monotonic() >= self._retry_at
        return self.phase == "unloaded" or (self.phase == "failed" and may_retry)

    async def start(self) -> None:
        """Attach the worker that was started already, if there is one."""
        if self._worker:
            await self._attach(self._worker)

    async def load(self) -> None:
        """Start a worker; `wait_ready` waits for its model."""
        self.phase, self.progress, self.failure = "loading", 0.0, None
        self._settled.clear()
        await self._launch()

    async def unload(self, grace_s: float) -> None:
        """End the worker; `load` brings the model back."""
        self.phase = "unloaded"
        await self._end(grace_s)

    async def stop(self, grace_s: float) -> None:
        """End the worker for good: ask, wait at most `grace_s` seconds, then kill. Idempotent."""
        self.phase = "stopped"
        self._settled.set()
        await self._end(grace_s)
        self._hooks.gave_up()

    async def wait_ready(self) -> ModelFacts:
        """Wait until the model is loaded. Raises: the `failure` when it cannot be."""
        await self._settled.wait()
        if self.phase == "ready" and self.facts:
            return self.facts
        raise self.failure or EngineFailed("Running the engine: it was stopped; start it again.")

    def send(self, command: Command) -> bool:
        """Send a command; False when there is no worker to take it now."""
        if self._connection is None:
            return False
        self._connection.send(command)
        return True

    async def _launch(self) -> None:
        if self._worker:
            await ended(self._worker, REAP_S)  # or a refused one would stay a zombie
        try:
            # From this thread: a worker ends with the thread that started it.
            self._worker = launch(self._config)
            await self._attach(self._worker)
        except EngineFailed as failure:
            self._give_up(failure, may_retry=True)

    async def _attach(self, worker: Worker) -> None:
        self._connection = await Connection.open(worker, self._receive, self._lost)
        self._looking = asyncio.get_running_loop().create_task(kill_when_suspended(worker))
        self._hooks.attached()

    def _receive(self, event: Event) -> None:
        if isinstance(event, Loading):
            self.progress = event.fraction
        elif isinstance(event, Ready):
            self.facts, self.progress = event.facts, 1.0
            if self.phase == "loading":
                self.phase = "ready"
                self._settled.set()
        elif isinstance(event, Refused):
            self._give_up(EngineRefused(event.message, event.exit_code), may_retry=True)
        else:
            self._hooks.receive(event)

    def _lost(self) -> None:
        """The worker closed its end: it has died, was refused its model, or was ended."""
        if self.phase in ("loading", "ready"):
            self.phase, self.progress = "loading", 0.0
            self._settled.clear()
            self._replacing = asyncio.get_running_loop().create_task(self._replace())
        else:
            self._disconnect()

    async def _replace(self) -> None:
        self.n_deaths += 1
        death = await self._reap()
        self._disconnect()
        if self.facts is None:
            message = f"Loading the model: the engine died, {death.text}; try another model."
            self._give_up(EngineDied(message), may_retry=True)
            return
        self._hooks.died(death)
        delay_s = self.restarts.delay_s()
        if delay_s is None:
            times = f"{self.restarts.max_deaths} times within {WITHIN_S:.0f} seconds"
            self._give_up(EngineDied(f"Running the engine: it died {times}, {death.text}; start the program again."))
            return
        log.warning("The engine of `%s` has died, %s; another one is started.", self._config.name, death.text)
        await asyncio.sleep(delay_s)
        await self._launch()

    async def _reap(self) -> Death:
        """Make sure that the worker has ended, and say how."""
        if self._worker is None:
            return Death("it was never started", is_fault=False)
        if not await ended(self._worker, REAP_S):
            self._worker.kill("it closed its connection")
            await ended(self._worker, REAP_S)
        return self._worker.death()

    async def _end(self, grace_s: float) -> None:
        if self._replacing:
            self._replacing.cancel()
        self.send(Shutdown())
        if self._worker and not await ended(self._worker, grace_s):
            self._worker.kill()
            await ended(self._worker, REAP_S)
        self._disconnect()
        if self.phase == "unloaded":
            self._settled.clear()

    def _give_up(self, failure: LmfileError, *, may_retry: bool = False) -> None:
        self.phase, self.failure = "failed", failure
        self._retry_at = time.monotonic() + RETRY_LOAD_S if may_retry else None
        self._settled.set()
        log.error("`%s` is not served any more. %s", self._config.name, failure)
        self._hooks.gave_up()

    def _disconnect(self) -> None:
        if self._looking:
            self._looking.cancel()
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._worker:
            self._worker.close()
