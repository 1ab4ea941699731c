"""OpenAI's client takes each refusal for what it is, and repeats only what may work the next time."""

from collections.abc import Callable
from typing import Any, cast

import openai
import pytest

from runtime.engine.protocol import Failed
from runtime.server import problem
from tests.runtime.server.live import Live, ScriptedEngine, say

REFUSALS: list[tuple[str, type[openai.APIStatusError], bool]] = [
    ("invalid", openai.BadRequestError, False),
    ("missing", openai.BadRequestError, False),
    ("context", openai.BadRequestError, False),
    ("poison", openai.BadRequestError, False),
    ("busy", openai.RateLimitError, True),
    ("died", openai.InternalServerError, True),
]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits as long as `Retry-After` says."""
    monkeypatch.setattr(problem, "RETRY_SOON_S", 0.05)


def ask(server: Live, max_retries: int, **fields: Any) -> Any:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=max_retries)
    with client:
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], **fields)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("kind", "expected", "repeated"), REFUSALS)
def test_refusals(server: Live, stream: bool, kind: str, expected: type[openai.APIStatusError], repeated: bool) -> None:
    server.engine.script = lambda request: [Failed(id=request.id, kind=cast(Any, kind), message="It is so.")]
    with pytest.raises(expected) as caught:
        ask(server, 1, stream=stream)
    assert cast(Any, caught.value.body)["message"] == "It is so."
    assert len(server.engine.asked) == 1 + repeated


def test_a_full_queue_is_asked_again(start: Callable[..., Live]) -> None:
    server = start()

    def full_once(request: Any) -> Any:
        if len(server.engine.asked) == 1:
            return [Failed(id=request.id, kind="busy", message="Full.")]
        return say("Hello")(request)

    server.engine.script = full_once
    assert ask(server, 1).choices[0].message.content == "Hello"


def test_a_wrong_schema_names_its_field(server: Live) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": "x" * 70_000}}}
    with pytest.raises(openai.BadRequestError, match=r"`response_format.json_schema.schema`: expected at most"):
        ask(server, 0, response_format=form)


def client_of(server: Live, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key, max_retries=0)


def test_keys(start: Callable[..., Live]) -> None:
    server = start(keys=("sesame",))
    with client_of(server) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
    with client_of(server, "sesame") as client:
        assert client.models.list().data[0].id == "tiny"


def test_what_is_not_there(server: Live) -> None:
    with client_of(server) as client:
        with pytest.raises(openai.NotFoundError, match="There is no model"):
            client.models.retrieve("another")
        with pytest.raises(openai.NotFoundError, match="There is no response"):
            client.responses.retrieve("resp_0")


def test_what_is_too_large(server: Live) -> None:
    with client_of(server) as client, pytest.raises(openai.APIStatusError) as caught:
        client.completions.create(model="m", prompt="x" * (5 << 20))
    assert caught.value.status_code == 413


def test_a_model_that_loads(start: Callable[..., Live]) -> None:
    server = start(ScriptedEngine(state="loading", facts=None))
    with client_of(server) as client, pytest.raises(openai.InternalServerError) as caught:
        client.completions.create(model="m", prompt="x")
    assert (caught.value.status_code, cast(Any, caught.value.body)["type"]) == (503, "unavailable_error")


@pytest.mark.parametrize("kind", ["died", "internal"])
def test_a_response_that_breaks(server: Live, kind: str) -> None:
    def broken(request: Any) -> Any:
        first, second, *_ = say("Hel")(request)
        return [first, second, Failed(id=request.id, kind=cast(Any, kind), message="It is so.")]

    server.engine.script = broken
    with client_of(server) as client:
        *_, last = client.responses.create(model="m", input="hi", stream=True)
        assert last.type == "response.failed"
        with pytest.raises(openai.APIError, match="It is so"):
            list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True))
