"""Every answer of OpenAI's routes is the record that documents it: no field more, none less."""

import struct
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from runtime.engine.protocol import Embed, Embedded, Rendered, Terminal
from runtime.server import openai
from runtime.server.openai.response_answers import Response
from runtime.server.route import Route
from tests.runtime.server.live import FACTS, Live, ScriptedEngine, say
from tests.runtime.server.marked import Marked
from tests.runtime.server.test_openai import probable

CHAT, TEXT, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
HI: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
TOOL = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}
FLAT = {"type": "function", "name": "time", "parameters": {"type": "object"}}
FORMAT = {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}
CALLING = say("T:Hm.", "Look", "C:time", "A:{}")

GOOD: list[tuple[str, str, object]] = [
    ("POST", CHAT, HI),
    ("POST", CHAT, {**HI, "n": 2, "tools": [TOOL]}),
    ("POST", CHAT, {**HI, "functions": [TOOL["function"]]}),
    ("POST", CHAT, {**HI, "verbose": True}),
    ("POST", f"{CHAT}/input_tokens", HI),
    ("POST", TEXT, {"prompt": ["a", "b"], "n": 2}),
    ("POST", TEXT, {"prompt": "a", "verbose": True, "return_tokens": True}),
    ("POST", RESPONSES, {"input": "hi", "tools": [FLAT], "tool_choice": {"type": "function", "name": "time"}}),
    ("POST", RESPONSES, {"input": "hi", "text": FORMAT, "reasoning": {"effort": "low"}, "max_output_tokens": 5}),
    ("POST", f"{RESPONSES}/input_tokens", {"input": "hi"}),
    ("POST", "/v1/embeddings", {"input": ["a", "b"]}),
    ("POST", "/v1/embeddings", {"input": "a", "encoding_format": "base64"}),
    ("POST", "/v1/embeddings", {"content": ["a"]}),
    ("GET", "/v1/models", None),
    ("GET", "/v1/models/tiny", None),
]


def answers(request: Any) -> Terminal:
    """What the engine says to what has one answer."""
    if isinstance(request, Embed):
        vector = struct.pack("<64f", *[0.125] * 64)
        return Embedded(id=request.id, vectors=[[vector]] * len(request.inputs), n_tokens=[2] * len(request.inputs))
    return Rendered(id=request.id, prompt="<hi>", n_tokens=7)


@pytest.fixture
def server() -> Iterator[Live]:
    facts = msgspec.structs.replace(FACTS, pooling="mean", embeds=True)
    running = Live(ScriptedEngine(CALLING, answers=answers, facts=facts))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def form(monkeypatch: pytest.MonkeyPatch) -> Marked:
    marked = Marked()
    monkeypatch.setattr("runtime.server.conversing.form_of", lambda facts: marked)
    return marked


def route_of(method: str, path: str) -> Route:
    """The route that answers."""
    for route in openai.ROUTES:
        for pattern in route.paths:
            start, _, parameter = pattern.partition("{")
            if route.method == method and (path == pattern or (parameter and path.startswith(start))):
                return route
    raise LookupError(path)


@pytest.mark.parametrize(("method", "path", "body"), GOOD)
def test_whole_answers(server: Live, method: str, path: str, body: object) -> None:
    reply = server.request(method, path, body)
    assert reply.status == 200, reply.body
    check(reply.json(), route_of(method, path).answer)


def test_answers_with_probabilities(server: Live) -> None:
    server.engine.script = probable
    for path, body in (
        (CHAT, {**HI, "logprobs": True, "top_logprobs": 1}),
        (TEXT, {"prompt": "x", "logprobs": 1}),
        (RESPONSES, {"input": "x", "include": ["message.output_text.logprobs"], "top_logprobs": 1}),
    ):
        check(server.post(path, body).json(), route_of("POST", path).answer)


def test_responses_that_are_remembered(server: Live) -> None:
    name = server.post(RESPONSES, {"input": "hi"}).json()["id"]
    path = f"{RESPONSES}/{name}"
    check(server.get(path).json(), route_of("GET", path).answer)
    check(server.request("DELETE", path).json(), route_of("DELETE", path).answer)


def test_responses_in_events(server: Live) -> None:
    events = server.post(RESPONSES, {"input": "hi", "stream": True}).body.decode().split("\n\n")
    found = [msgspec.json.decode(event.split("data: ", 1)[1]) for event in events if event]
    responses = [event["response"] for event in found if "response" in event]
    assert len(responses) == 3
    for response in responses:
        check(response, Response)


def check(given: object, kind: object) -> None:
    """Hold an answer against its record: it must be that record, and written again it must be the answer."""
    assert kind is not None
    read = msgspec.convert(given, cast(Any, kind), strict=True)
    assert msgspec.to_builtins(read) == given
