"""Several models behind one front: a worker for each, loaded on first use, unloaded when nobody asks.

    fleet = Fleet([Model(entry, EngineClient(entry.config, worker)), …])   # the first is the main one
    await fleet.start()                       # the main model's worker; the others wait for a request
    async with fleet.use(model) as engine:    # loads it if it has to; it stays loaded inside
        ...

A model that somebody uses is never unloaded. Does not know: HTTP, names.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from runtime.engine.client import EngineClient
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError, OutOfMemory

Status = Literal["unloaded", "loading", "loaded", "failed"]

IDLE_CHECK_S = 0.5


class Limits(NamedTuple):
    """max_loaded: models in memory at once; sleep_idle_s: unload after so long, negative for never;
    wait_s: how long a request waits for its model."""

    max_loaded: int = 4
    sleep_idle_s: float = -1.0
    wait_s: float = 120.0


class NotLoaded(Exception):
    """The model was not there in time: its load takes long, or all the others are busy. Trying again helps."""


class Model:
    """One model and its engine. used_at: monotonic seconds.

    kept_s: until it is unloaded the next time, this counts in place of `Limits.sleep_idle_s`.
    """

    def __init__(self, entry: ModelEntry, engine: EngineClient) -> None:
        self.entry = entry
        self.engine = engine
        self.n_users = 0
        self.used_at = time.monotonic()
        self.kept_s: float | None = None

    @property
    def status(self) -> Status:
        """Where it is between disk and memory."""
        state = self.engine.state
        if state == "ready":
            return "loaded"
        return "unloaded" if state == "stopped" else state

    @property
    def is_idle(self) -> bool:
        """Whether it takes memory that nobody uses."""
        return self.n_users == 0 and self.status == "loaded"


class Fleet:
    """The models of one server; the first is the main one."""

    def __init__(self, models: Sequence[Model], limits: Limits | None = None) -> None:
        self.models = list(models)
        self.main = self.models[0]
        self.entries = [model.entry for model in self.models]
        self._limits = limits or Limits()
        self._loading = asyncio.Lock()
        self._released = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Attach the main model's worker to the running loop."""
        await self.main.engine.start()
        if self._limits.sleep_idle_s >= 0:
            self._watch()

    async def stop(self) -> None:
        """End every worker. Idempotent."""
        if self._watching:
            self._watching.cancel()
        await asyncio.gather(*(model.engine.stop() for model in self.models))

    @asynccontextmanager
    async def use(self, model: Model) -> AsyncIterator[EngineClient]:
        """Give its engine, loaded, and keep it so. Raises: NotLoaded; LmfileError when it cannot be loaded."""
        model.n_users += 1
        try:
            await self._in_time(model)
            yield model.engine
        finally:
            model.n_users -= 1
            model.used_at = time.monotonic()
            self._released.set()

    def keep(self, model: Model, idle_s: float) -> None:
        """Unload it when nobody has used it for so long, 0 at once; negative for never. Of two the last counts."""
        model.kept_s = idle_s
        if idle_s >= 0:
            self._watch()

    def unloads_in_s(self, model: Model) -> float | None:
        """How long it stays loaded if nobody asks any more; None: for ever."""
        limit_s = self._limits.sleep_idle_s if model.kept_s is None else model.kept_s
        if limit_s < 0:
            return None
        return max(0.0, limit_s - (time.monotonic() - model.used_at)) if model.is_idle else limit_s

    async def unload(self, model: Model) -> None:
        """Give its memory back, now or when nobody uses it any more; the next request loads it again."""
        await self._unload(model)
        if model.status != "unloaded":
            self.keep(model, 0)

    async def _in_time(self, model: Model) -> None:
        if model.engine.state == "ready":
            return
        limit_s = self._limits.wait_s
        try:
            async with asyncio.timeout(limit_s):
                await self._load(model)
        except TimeoutError as error:
            message = f"The model `{model.entry.name}` was not loaded within {limit_s:.0f} seconds; try again."
            raise NotLoaded(message) from error

    async def _load(self, model: Model) -> None:
        if model.engine.can_load:
            async with self._loading:  # one at a time: each looks at the memory that is free
                if model.engine.can_load:  # nobody else did it meanwhile
                    await self._make_room()
                    await self._load_into_memory(model.engine)
        await model.engine.wait_ready()

    async def _load_into_memory(self, engine: EngineClient) -> None:
        """Load, and give up idle models as long as memory is what it lacks."""
        while True:
            await engine.load()
            try:
                await engine.wait_ready()
                return
            except LmfileError as failure:
                if failure.exit_code != OutOfMemory.exit_code or not await self._unload_oldest():
                    raise

    async def _unload_oldest(self) -> bool:
        """Unload the idle model that was used longest ago; False when none is idle."""
        idle = [model for model in self.models if model.is_idle]
        if idle:
            await min(idle, key=lambda model: model.used_at).engine.unload()
        return bool(idle)

    async def _make_room(self) -> None:
        """Return when one more model may be loaded."""
        while sum(model.status in ("loading", "loaded") for model in self.models) >= self._limits.max_loaded:
            if not await self._unload_oldest():
                self._released.clear()
                await self._released.wait()

    def _watch(self) -> None:
        self._watching = self._watching or asyncio.create_task(self._unload_idle())

    async def _unload_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            for model in self.models:
                if not model.is_idle:
                    model.used_at = time.monotonic()
                elif self.unloads_in_s(model) == 0:
                    await self._unload(model)

    async def _unload(self, model: Model) -> None:
        async with self._loading:
            if model.is_idle:
                model.kept_s = None
                await model.engine.unload()
