"""How long a model may think, where the prompt is no conversation: the marks are the model's or the request's own."""

from collections.abc import Callable

import msgspec
import pytest

from runtime.engine.protocol import Thought
from tests.runtime.server.live import FACTS, Live, ScriptedEngine

PATHS = ["/completion", "/v1/completions"]
MARKS = {"reasoning_budget_start_tag": "<t>", "reasoning_budget_end_tags": ["</t>", "<call>"]}
PROMPT = {"prompt": "x"}


def server_of(start: Callable[..., Live], template: str) -> Live:
    facts = msgspec.structs.replace(FACTS, chat_template=template)
    return start(ScriptedEngine(facts=facts))


@pytest.fixture
def thinker(start: Callable[..., Live]) -> Live:
    return server_of(start, "<tool_call> tools <think></think>")


@pytest.fixture
def talker(start: Callable[..., Live]) -> Live:
    return server_of(start, "{{ messages }}")


def asked(server: Live, path: str = "/completion", **fields: object) -> Thought | None:
    reply = server.post(path, {**PROMPT, **fields})
    assert reply.status == 200, reply.body
    return server.engine.asked[-1].thought


@pytest.mark.parametrize("path", PATHS)
def test_the_marks_are_those_of_the_model(thinker: Live, path: str) -> None:
    assert asked(thinker, path) is None
    wanted = Thought(begin="<think>", ends=["</think>"], budget_tokens=5)
    assert asked(thinker, path, reasoning_budget_tokens=5) == wanted
    assert asked(thinker, path, thinking_budget_tokens=5) == wanted


@pytest.mark.parametrize("path", PATHS)
def test_or_those_that_the_request_names(thinker: Live, talker: Live, path: str) -> None:
    wanted = Thought(begin="<t>", ends=["</t>", "<call>"], budget_tokens=0, message="So:")
    for server in (thinker, talker):
        assert asked(server, path, reasoning_budget_tokens=0, reasoning_budget_message="So:", **MARKS) == wanted
    for field in ("reasoning_budget_end_tag", "reasoning_budget_end_tags"):
        alone = {"reasoning_budget_start_tag": "<t>", field: "</t>"}
        expected = Thought(begin="<t>", ends=["</t>"], budget_tokens=1)
        assert asked(talker, path, reasoning_budget_tokens=1, **alone) == expected


def test_one_mark_may_be_the_models_and_the_other_not(thinker: Live) -> None:
    wanted = Thought(begin="<think>", ends=["<call>"], budget_tokens=1)
    assert asked(thinker, reasoning_budget_tokens=1, reasoning_budget_end_tags=["", "<call>"]) == wanted


def test_a_model_that_does_not_think_has_nothing_to_limit(talker: Live) -> None:
    assert asked(talker, reasoning_budget_tokens=5) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reasoning_budget_tokens", -2),
        ("thinking_budget_tokens", "5"),
        ("reasoning_budget_tokens", (1 << 24) + 1),
        ("reasoning_budget_start_tag", "x" * 257),
        ("reasoning_budget_end_tags", ["x"] * 17),
        ("reasoning_budget_message", "x" * 4097),
    ],
)
def test_what_is_out_of_range_is_named(server: Live, field: str, value: object) -> None:
    reply = server.post("/completion", {"prompt": "x", field: value})
    assert reply.status == 400
    assert field in reply.json()["error"]["message"]
