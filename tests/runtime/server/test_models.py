"""Several models over HTTP: which one answers, what is listed, and what a client is told when it cannot."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.fleet import Fleet, Limits, Model
from runtime.engine.protocol import ModelFacts
from runtime.engine.routing import ModelEntry, Role
from runtime.errors import EngineFailed
from tests.runtime.server.live import FACTS, Live, ScriptedEngine, fail, say

CHAT = "/v1/chat/completions"
LOAD_S = 0.2


class Sleeper(ScriptedEngine):
    """A scripted engine that has to be loaded, which takes 0.2 s."""

    def __init__(self, *words: str, state: str = "unloaded", fails: str = "") -> None:
        super().__init__(script=say(*words), state=state, facts=FACTS if state == "ready" else None)
        self.can_load = state == "unloaded"
        self.n_loads = 0
        self._fails = fails

    async def load(self) -> None:
        self.n_loads += 1
        self.state, self.can_load = "loading", False

    async def wait_ready(self) -> ModelFacts:
        await asyncio.sleep(LOAD_S)
        if self._fails:
            self.state, self.failure = "failed", EngineFailed(self._fails)
            raise self.failure
        self.state, self.facts = "ready", FACTS
        return FACTS

    async def unload(self) -> None:
        self.state, self.can_load = "unloaded", True


class LiveFleet(Live):
    """A server of several models, the first of which is the main one."""

    def __init__(self, engines: dict[tuple[str, Role], ScriptedEngine], limits: Limits | None = None) -> None:
        self._engines = engines
        self._limits = limits
        super().__init__(next(iter(engines.values())), alias=next(iter(engines))[0])

    def _fleet(self) -> Fleet:
        models = [
            Model(ModelEntry(name, WorkerConfig(model_path=f"/{name}"), role, (f"{name}-latest",)), cast(Any, engine))
            for (name, role), engine in self._engines.items()
        ]
        return Fleet(models, self._limits)

    def ask(self, model: str | None) -> Any:
        body: dict[str, object] = {"messages": [{"role": "user", "content": "hi"}]}
        return self.post(CHAT, body if model is None else {**body, "model": model})

    def statuses(self) -> dict[str, str]:
        return {one["id"]: one["status"]["value"] for one in self.get("/v1/models").json()["data"]}


@pytest.fixture
def serve() -> Iterator[Callable[..., LiveFleet]]:
    running: list[LiveFleet] = []

    def starter(engines: dict[tuple[str, Role], ScriptedEngine], limits: Limits | None = None) -> LiveFleet:
        running.append(LiveFleet(engines, limits))
        return running[-1]

    yield starter
    for server in running:
        server.close()


def said(reply: Any) -> tuple[str, str]:
    assert reply.status == 200, reply.body
    return reply.json()["model"], reply.json()["choices"][0]["message"]["content"]


def test_the_name_decides_who_answers(serve: Callable[..., LiveFleet]) -> None:
    server = serve({("ada", "chat"): Sleeper("I am Ada", state="ready"), ("bob", "chat"): Sleeper("I am Bob")})
    assert server.statuses() == {"ada": "loaded", "bob": "unloaded"}
    assert said(server.ask("bob")) == ("bob", "I am Bob")
    assert said(server.ask("bob-latest")) == ("bob", "I am Bob")
    for name in (None, "", "default", "ada"):
        assert said(server.ask(name)) == ("ada", "I am Ada")
    assert server.statuses() == {"ada": "loaded", "bob": "loaded"}
    assert server.get("/v1/models/bob-latest").json()["id"] == "bob"
    assert server.get("/v1/models/bob").json()["meta"]["n_vocab"] == 1000


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/completion"])
def test_an_unknown_name_among_several(serve: Callable[..., LiveFleet], path: str) -> None:
    server = serve({("ada", "chat"): Sleeper(state="ready"), ("bob", "chat"): Sleeper()})
    body = {"model": "gpt-4o", "prompt": "hi", "messages": [{"role": "user", "content": "hi"}]}
    reply = server.post(path, body)
    message = "There is no model `gpt-4o`; there are `ada`, `bob`."
    assert reply.json() == {"error": {"code": 404, "message": message, "type": "model_not_found"}}


def test_any_name_means_the_only_chat_model(serve: Callable[..., LiveFleet]) -> None:
    server = serve({("ada", "chat"): Sleeper("Ada", state="ready"), ("vectors", "embed"): Sleeper()})
    assert said(server.ask("gpt-4o")) == ("ada", "Ada")


def test_first_users_wait_for_one_load_while_the_front_answers(serve: Callable[..., LiveFleet]) -> None:
    bob = Sleeper("Bob")
    server = serve({("ada", "chat"): Sleeper("Ada", state="ready"), ("bob", "chat"): bob})
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.ask, "bob") for _ in range(6)]
        while bob.n_loads == 0:
            pass
        assert server.statuses()["bob"] == "loading"
        assert said(server.ask("ada")) == ("ada", "Ada")
        assert server.get("/health").status == 200
        assert [said(one.result()) for one in asked] == [("bob", "Bob")] * 6
    assert bob.n_loads == 1


def test_a_model_that_cannot_be_loaded_says_why(serve: Callable[..., LiveFleet]) -> None:
    why = "Opening the model `/bob`: it is a poem; check the path."
    server = serve({("ada", "chat"): Sleeper("Ada", state="ready"), ("bob", "chat"): Sleeper(fails=why)})
    for _ in range(2):
        reply = server.ask("bob")
        assert (reply.status, reply.json()["error"]["message"]) == (503, why)
        assert "Retry-After" not in reply.headers
    assert server.get("/v1/models/bob").json()["status"] == {"value": "failed", "failed": True, "message": why}
    assert said(server.ask("ada")) == ("ada", "Ada")


def test_when_all_are_busy_the_client_is_told_to_come_back(serve: Callable[..., LiveFleet]) -> None:
    ada = Sleeper("Ada", state="ready")
    ada.script = lambda request: [2.0, *say("Ada")(request)]
    server = serve({("ada", "chat"): ada, ("bob", "chat"): Sleeper("Bob")}, Limits(max_loaded=1, wait_s=1.0))
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(server.ask, "ada")
        while not ada.asked:
            pass
        reply = server.ask("bob")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert said(busy.result()) == ("ada", "Ada")
    assert said(server.ask("bob")) == ("bob", "Bob")
    assert server.statuses() == {"ada": "unloaded", "bob": "loaded"}


def test_a_sleeping_main_model_is_well_and_wakes_up(serve: Callable[..., LiveFleet]) -> None:
    ada = Sleeper("Ada", state="ready")
    server = serve({("ada", "chat"): ada})
    ada.state, ada.can_load = "unloaded", True
    assert server.get("/health").json()["status"] == "ok"
    assert server.get("/props").json()["is_sleeping"] is True
    assert said(server.ask(None)) == ("ada", "Ada")
    assert server.get("/props").json()["is_sleeping"] is False


def test_a_model_is_asked_while_the_main_one_is_still_loaded(serve: Callable[..., LiveFleet]) -> None:
    server = serve({("ada", "chat"): Sleeper(state="loading"), ("bob", "chat"): Sleeper("Bob")})
    assert server.ask("ada").status == 503
    assert said(server.ask("bob")) == ("bob", "Bob")


def test_a_poison_request_is_a_400_that_no_client_repeats(serve: Callable[..., LiveFleet]) -> None:
    ada = Sleeper(state="ready")
    ada.script = fail("poison", "the engine crashed twice over a request like this one")
    reply = serve({("ada", "chat"): ada}).ask(None)
    assert (reply.status, reply.json()["error"]["type"]) == (400, "invalid_request_error")
