"""GET /health: llama.cpp's answer first, then where each model is and why."""

from collections.abc import Callable

import pytest

from runtime.errors import EngineFailed
from tests.runtime.server.live import Live, ScriptedEngine


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
def test_a_model_that_answers(server: Live, path: str) -> None:
    reply = server.get(path)
    assert reply.status == 200
    assert reply.body.startswith(b'{"status":"ok",')
    assert reply.json()["models"] == [{"name": "tiny", "state": "loaded"}]


def test_how_far_the_loading_is(start: Callable[..., Live]) -> None:
    reply = start(ScriptedEngine(state="loading", facts=None, progress=0.25)).get("/health")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert reply.json() == {
        "error": {"code": 503, "message": "Loading model", "type": "unavailable_error"},
        "models": [{"name": "tiny", "state": "loading", "progress": 0.25}],
    }


def test_why_it_failed_and_how_often(start: Callable[..., Live]) -> None:
    why = "Starting the engine: there is no memory; close something."
    engine = ScriptedEngine(state="failed", failure=EngineFailed(why), n_deaths=5)
    reply = start(engine).get("/health")
    assert (reply.status, reply.json()["error"]["message"]) == (503, why)
    assert reply.json()["models"] == [{"name": "tiny", "state": "failed", "reason": why, "restarts": 5}]


def test_it_needs_no_key_and_wakes_nobody(start: Callable[..., Live]) -> None:
    asleep = start(ScriptedEngine(state="unloaded"), keys=("secret",))
    reply = asleep.get("/health")
    assert (reply.status, reply.json()["models"]) == (200, [{"name": "tiny", "state": "unloaded"}])
    assert asleep.engine.singles == []
    assert asleep.get("/metrics").status == 401
