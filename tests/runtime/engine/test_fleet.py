"""Several models: loaded once on first use, unloaded when idle, never while somebody uses them."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from runtime.engine import fleet as fleets
from runtime.engine import supervisor
from runtime.engine.client import EngineClient
from runtime.engine.config import WorkerConfig
from runtime.engine.fleet import Fleet, Limits, Model, NotLoaded
from runtime.engine.launch import launch
from runtime.engine.protocol import Generate
from runtime.engine.routing import ModelEntry
from runtime.errors import EngineRefused, LmfileError
from tests.runtime.engine.workers import fake, is_alive, text

LIMIT_S = 60.0
LOAD_S = 0.05


class Sleeper:
    """The seam of `EngineClient` that a fleet uses, without a worker; a load takes 50 ms."""

    def __init__(self, state: str = "unloaded", failure: LmfileError | None = None) -> None:
        self.state = state
        self.failure = failure
        self.history: list[str] = []

    @property
    def can_load(self) -> bool:
        return self.state in ("unloaded", "failed")

    async def start(self) -> None:
        self.history.append("start")

    async def load(self) -> None:
        self.history.append("load")
        self.state = "loading"

    async def wait_ready(self) -> None:
        await asyncio.sleep(LOAD_S)
        if self.failure:
            self.state = "failed"
            raise self.failure
        self.state = "ready"

    async def unload(self) -> None:
        self.history.append("unload")
        self.state = "unloaded"
        await asyncio.sleep(LOAD_S)

    async def stop(self) -> None:
        self.history.append("stop")


def run(steps: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await steps

    asyncio.run(limited())


def fleet(engines: Sequence[Sleeper], **limits: float) -> Fleet:
    entries = [ModelEntry(f"m{number}", WorkerConfig(model_path="")) for number in range(len(engines))]
    models = [Model(entry, cast(EngineClient, engine)) for entry, engine in zip(entries, engines, strict=True)]
    return Fleet(models, Limits()._replace(**limits))


async def touch(models: Fleet, place: int) -> None:
    async with models.use(models.models[place]):
        pass


def test_many_first_users_load_it_once() -> None:
    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper()]
        models = fleet(engines)
        await asyncio.gather(*(touch(models, 1) for _ in range(20)))
        assert engines[1].history == ["load"]
        assert engines[0].history == []

    run(steps())


def test_room_is_made_by_the_one_unused_for_longest() -> None:
    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper(), Sleeper()]
        models = fleet(engines, max_loaded=2)
        await touch(models, 1)
        await touch(models, 0)
        await touch(models, 2)
        assert [engine.state for engine in engines] == ["ready", "unloaded", "ready"]
        await touch(models, 1)
        assert [engine.state for engine in engines] == ["unloaded", "ready", "ready"]

    run(steps())


def test_a_used_model_stays_and_the_other_request_waits_for_it() -> None:
    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper()]
        models = fleet(engines, max_loaded=1)
        async with models.use(models.main):
            waiting = asyncio.create_task(touch(models, 1))
            await asyncio.sleep(0.2)
            assert [engine.state for engine in engines] == ["ready", "unloaded"]
            await touch(models, 0)  # what is loaded answers meanwhile
            assert not waiting.done()
        await waiting
        assert [engine.state for engine in engines] == ["unloaded", "ready"]

    run(steps())


def test_nobody_waits_for_ever() -> None:
    async def steps() -> None:
        models = fleet([Sleeper("ready"), Sleeper()], max_loaded=1, wait_s=0.2)
        async with models.use(models.main):
            with pytest.raises(NotLoaded, match="`m1` was not loaded within"):
                await touch(models, 1)
        await touch(models, 1)

    run(steps())


def test_a_user_who_leaves_while_it_loads_harms_nobody() -> None:
    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper()]
        models = fleet(engines)
        first = asyncio.create_task(touch(models, 1))
        await asyncio.sleep(LOAD_S / 2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await touch(models, 1)
        assert engines[1].history == ["load"]
        assert [model.n_users for model in models.models] == [0, 0]

    run(steps())


def test_a_model_is_kept_as_long_as_a_client_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "IDLE_CHECK_S", 0.01)

    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper("ready")]
        models = fleet(engines)
        first, second = models.models
        assert models.unloads_in_s(first) is None
        models.keep(first, 0.1)
        async with models.use(second):
            await models.unload(second)
            assert 0 < (models.unloads_in_s(first) or 0) <= 0.1
            await asyncio.sleep(0.3)
            assert (first.status, second.status) == ("unloaded", "loaded"), "one in use stays"
        await asyncio.sleep(0.1)
        assert second.status == "unloaded"
        await touch(models, 1)
        await asyncio.sleep(0.1)
        assert second.status == "loaded", "what a client said counts until the model is unloaded"
        models.keep(second, 0)
        models.keep(second, -1)
        await asyncio.sleep(0.1)
        assert second.status == "loaded"
        await models.stop()

    run(steps())


def test_idle_models_are_unloaded_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engine.fleet.IDLE_CHECK_S", 0.02)

    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper("ready")]
        models = fleet(engines, sleep_idle_s=0.3)
        await models.start()
        async with models.use(models.models[1]):
            await asyncio.sleep(0.7)
            assert [engine.state for engine in engines] == ["unloaded", "ready"]
        await asyncio.sleep(0.7)
        assert [engine.state for engine in engines] == ["unloaded", "unloaded"]
        await touch(models, 0)
        assert engines[0].history == ["start", "unload", "load"]
        await models.stop()

    run(steps())


def test_memory_is_given_up_for_a_model_that_lacks_it() -> None:
    async def steps() -> None:
        engines = [Sleeper("ready"), Sleeper("ready"), Sleeper(failure=EngineRefused("it does not fit", 41))]
        models = fleet(engines)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(models.use(models.main))
            with pytest.raises(EngineRefused, match="does not fit"):
                await touch(models, 2)
        assert engines[0].history == []
        assert engines[1].history == ["unload"]
        assert engines[2].history == ["load", "load"]

    run(steps())


def test_real_workers_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []

    def counted(config: WorkerConfig) -> Any:
        launched.append(config.model_path)
        return launch(config)

    monkeypatch.setattr(supervisor, "launch", counted)

    async def answer(models: Fleet, place: int) -> str:
        async with models.use(models.models[place]) as engine:
            return text([event async for event in engine.generate(Generate(id=engine.new_id(), prompt="Hi"))])

    async def steps() -> None:
        configs = [fake("one"), fake("two"), fake("three")]
        engines = [EngineClient(configs[0], launch(configs[0])), *(EngineClient(config) for config in configs[1:])]
        pairs = zip(configs, engines, strict=True)
        models = Fleet([Model(ModelEntry(config.model_path, config), engine) for config, engine in pairs], Limits(2))
        await models.start()
        assert await asyncio.gather(*(answer(models, place) for place in (1, 0, 1, 1))) == ["two", "one", "two", "two"]
        assert launched == ["two"]
        pid = engines[0].pid
        await answer(models, 1)
        assert await answer(models, 2) == "three"
        assert [model.status for model in models.models] == ["unloaded", "loaded", "loaded"]
        assert not is_alive(pid)
        assert await answer(models, 0) == "one"
        await models.stop()
        assert not any(is_alive(engine.pid) for engine in engines)

    run(steps())
