"""Anthropic's dialect: what its requests ask of the engine, and its answers to the byte where clients depend on it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from runtime import chat
from runtime.chat import CallBegan, CallGrew, Piece, Prepared, Said, Thought
from runtime.engine.protocol import Chat, Failed, Grammar, ModelFacts, Question, Render, Rendered
from runtime.engine.protocol import Thought as Limit
from runtime.server import conversing
from tests.runtime.server.live import Live, Reply, ScriptedEngine, fail, say

PATH, COUNT = "/v1/messages", "/v1/messages/count_tokens"
HI: dict[str, Any] = {"model": "claude", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
USAGE = {
    "input_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 3,
    "output_tokens_details": {"thinking_tokens": 0},
}  # fmt: skip
WEATHER = {
    "name": "weather", "description": "of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip

PIECES: dict[str, list[Piece]] = {
    "T1": [Thought("Let me")],
    "T2": [Thought(" see.")],
    "S1": [Said("\n\n")],
    "S2": [Said("Here")],
    "C1": [CallBegan(0, "one", "weather"), CallGrew(0, '{"city":')],
    "C2": [CallGrew(0, ' "Rome"}')],
    "C3": [CallBegan(1, "two", "weather"), CallGrew(1, "{}")],
}


class Scripted:
    """A form whose models say `PIECES`, by their names."""

    name = "scripted"

    def __init__(self) -> None:
        self.conversations: list[chat.Conversation] = []

    def prepare(self, conversation: chat.Conversation, grammar: Grammar | None) -> Prepared:
        self.conversations.append(conversation)
        return Prepared(chat=Chat(messages=conversation.messages), grammar=grammar)

    def thought_marks(self, conversation: chat.Conversation) -> chat.ThoughtMarks:
        return chat.ThoughtMarks("T1", ["S2"])

    def reader(self, conversation: chat.Conversation, prompt: str) -> "Scripted":
        return self

    def push(self, text: str) -> list[Piece]:
        return PIECES[text]

    def finish(self) -> list[Piece]:
        return []


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()

    def form_of(facts: ModelFacts) -> chat.Form:
        return scripted

    monkeypatch.setattr(conversing, "form_of", form_of)
    return scripted


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def named(reply: Reply) -> list[dict[str, Any]]:
    """The events of a stream, each of which must be named as its type."""
    events = []
    for event in reply.body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def refused(reply: Reply, status: int = 400, kind: str = "invalid_request_error") -> str:
    body = reply.json()
    assert (reply.status, body["type"], body["error"]["type"]) == (status, "error", kind), body
    assert body["request_id"] == reply.headers["Request-Id"] == reply.headers["X-Request-Id"]
    return str(body["error"]["message"])


def test_a_whole_answer(server: Live) -> None:
    reply = server.post(PATH, HI)
    answer = reply.json()
    assert answer.pop("id").startswith("msg_")
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [{"type": "text", "text": "Hello there."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    }
    assert reply.headers["Request-Id"] == reply.headers["X-Request-Id"]


def test_a_streamed_answer(server: Live) -> None:
    reply = server.post(PATH, {**HI, "stream": True})
    assert reply.headers["Content-Type"] == "text/event-stream"
    events = named(reply)
    message = events[0].pop("message")
    assert message.pop("id").startswith("msg_")
    assert message == {
        "type": "message", "role": "assistant", "model": "tiny", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {**USAGE, "output_tokens": 0},
    }  # fmt: skip
    assert events == [
        {"type": "message_start"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in ("Hello", " there", ".")
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize(
    ("reason", "word", "expected"),
    [
        ("length", "", ("max_tokens", None)),
        ("word", "END", ("stop_sequence", "END")),
    ],
)
def test_why_an_answer_ended(server: Live, reason: str, word: str, expected: tuple[str, str | None]) -> None:
    server.engine.script = say("a", reason=reason, stopping_word=word)
    body = {**HI, "stop_sequences": ["END"]}
    answer = server.post(PATH, body).json()
    assert (answer["stop_reason"], answer["stop_sequence"]) == expected
    delta = named(server.post(PATH, {**body, "stream": True}))[-2]["delta"]
    assert (delta["stop_reason"], delta["stop_sequence"]) == expected


def test_an_empty_answer_has_a_block(server: Live) -> None:
    server.engine.script = say()
    assert server.post(PATH, HI).json()["content"] == [{"type": "text", "text": ""}]
    kinds = [event["type"] for event in named(server.post(PATH, {**HI, "stream": True}))]
    assert kinds == [
        "message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_thoughts_text_and_calls(server: Live, form: Scripted) -> None:
    server.engine.script = say("T1", "T2", "S1", "S2", "S1", "C1", "C2", "S1", "C3")
    answer = server.post(PATH, {**HI, "tools": [WEATHER]}).json()
    assert answer["stop_reason"] == "tool_use"
    assert answer["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "unsigned"},
        {"type": "text", "text": "\n\nHere\n\n\n\n"},
        {"type": "tool_use", "id": "toolu_one", "name": "weather", "input": {"city": "Rome"}},
        {"type": "tool_use", "id": "toolu_two", "name": "weather", "input": {}},
    ]
    events = named(server.post(PATH, {**HI, "tools": [WEATHER], "stream": True}))
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert starts == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "toolu_one", "name": "weather", "input": {}},
        {"type": "tool_use", "id": "toolu_two", "name": "weather", "input": {}},
    ]
    deltas = [(event["index"], event["delta"]) for event in events if event["type"] == "content_block_delta"]
    assert deltas == [
        (0, {"type": "thinking_delta", "thinking": "Let me"}),
        (0, {"type": "thinking_delta", "thinking": " see."}),
        (0, {"type": "signature_delta", "signature": "unsigned"}),
        (1, {"type": "text_delta", "text": "\n\nHere"}),
        (1, {"type": "text_delta", "text": "\n\n"}),
        (2, {"type": "input_json_delta", "partial_json": '{"city":'}),
        (2, {"type": "input_json_delta", "partial_json": ' "Rome"}'}),
        (3, {"type": "input_json_delta", "partial_json": "{}"}),
    ]
    order = [(event["type"], event.get("index")) for event in events if "block" in event["type"]]
    opened: list[int] = []
    for kind, index in order:  # one block at a time
        if kind == "content_block_start":
            assert index == len(opened)
            opened.append(index)
        assert index == opened[-1]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    for usage in (answer["usage"], events[-2]["usage"]):
        assert usage["output_tokens_details"] == {"thinking_tokens": 2}


def test_thoughts_can_be_left_out(server: Live, form: Scripted) -> None:
    server.engine.script = say("T1", "S2")
    body = {**HI, "thinking": {"type": "adaptive", "display": "omitted"}}
    assert server.post(PATH, body).json()["content"][0] == {
        "type": "thinking", "thinking": "", "signature": "unsigned",
    }  # fmt: skip
    assert b"thinking_delta" not in server.post(PATH, {**body, "stream": True}).body


def test_what_the_engine_is_asked(server: Live, form: Scripted) -> None:
    server.post(
        PATH,
        {
            **HI, "stop_sequences": ["END"], "temperature": 0.5, "top_k": 7, "top_p": 0.25, "seed": 3, "min_p": 0.125,
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "max"},
            "thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [{**WEATHER, "type": "custom"}],
            "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            "metadata": {"user_id": "x"}, "service_tier": "auto", "cache_control": {"type": "ephemeral"},
        },
    )  # fmt: skip
    (asked,) = server.engine.asked
    assert asked.max_tokens == 64
    assert asked.stop == ["END"]
    assert asked.grammar == Grammar(kind="json_schema", text='{"type": "object"}', field="json_schema")
    sampling = asked.sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p) == (0.5, 7, 0.25, 0.125)
    assert sampling.seed == 3
    (conversation,) = form.conversations
    assert conversation.tools == [chat.Tool("weather", "of a city", WEATHER["input_schema"])]  # type: ignore[arg-type]
    assert (conversation.choice, conversation.named, conversation.parallel) == ("required", "weather", False)
    assert (conversation.thinking, conversation.effort) == (True, "high")
    assert asked.thought == Limit(begin="T1", ends=["S2"], budget_tokens=1024)


@pytest.mark.parametrize(
    ("thinking", "wanted", "budget"),
    [
        ({"type": "enabled", "budget_tokens": 0}, False, 0),
        ({"type": "enabled"}, True, None),
        ({"type": "disabled", "budget_tokens": 5}, False, None),
        ({"type": "adaptive"}, None, None),
    ],
)
def test_whether_and_how_long_it_thinks(
    server: Live, form: Scripted, thinking: object, wanted: bool | None, budget: int | None
) -> None:
    server.engine.script = say("S2")
    assert server.post(PATH, {**HI, "thinking": thinking}).status == 200
    (asked,) = server.engine.asked
    assert (form.conversations[0].thinking, asked.thought and asked.thought.budget_tokens) == (wanted, budget)


def test_turns_become_messages(server: Live, form: Scripted) -> None:
    messages = [
        {"role": "user", "content": [{**text("a"), "cache_control": {}}, text("b")]},
        {"role": "user", "content": "c"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                text("d"),
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("no")],
                 "is_error": True},
                {"type": "tool_result", "tool_use_id": "other"},
                {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "e"}},
                {"type": "search_result", "title": "s", "source": "u", "content": [text("f")]},
            ],
        },
        {"role": "system", "content": "g"},
        {"role": "assistant", "content": "so"},
        {"role": "assistant", "content": [{"type": "text", "text": " on"}]},
    ]  # fmt: skip
    server.engine.script = say("S2")
    reply = server.post(PATH, {**HI, "messages": messages, "system": [{"type": "text", "text": "be kind"}]})
    assert reply.status == 200, reply.body
    (conversation,) = form.conversations
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    assert conversation.messages == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "a\nb\nc"},
        {"role": "assistant", "content": "d", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "Error: no", "name": "weather"},
        {"role": "tool", "tool_call_id": "other", "content": ""},
        {"role": "user", "content": "t\ne\ns\nu\nf"},
        {"role": "system", "content": "g"},
    ]
    assert conversation.prefill == "so on"


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": [IMAGE]}
CALLED = [
    *HI["messages"],
    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]},
]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_tokens": None}, "`max_tokens`"),
        ({"max_tokens": -1}, "`max_tokens`"),
        ({"messages": []}, "`messages`"),
        ({"temperature": "hot"}, "`temperature`"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "`messages[0].role`"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "`messages[0].content[0]`: this model reads text only"),
        ({"messages": [{"role": "user", "content": [PDF]}]}, "`messages[0].content[0].source`: this model reads text"),
        ({"messages": [{"role": "user", "content": [{"type": "wonder"}]}]}, "wonder"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "`messages[0].content[0].content[0]`"),
        ({"messages": CALLED}, "`messages`: the last turn calls a tool"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "`web_search_20250305`"),
        ({"tools": [{"name": "a"}]}, "`tools[0].input_schema`"),
        ({"tool_choice": {"type": "any"}}, "`tool_choice`"),
        ({"tool_choice": {"type": "tool", "name": "b"}, "tools": [WEATHER]}, "`tool_choice.name`"),
        ({"output_config": {"format": {"type": "json_schema", "schema": 1}}}, "`output_config.format.schema`"),
        (
            {
                "output_config": {"format": {"type": "json_schema", "schema": {}}},
                "messages": [*HI["messages"], {"role": "assistant", "content": "{"}],
            },
            "`messages`",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(server: Live, change: dict[str, Any], said: str) -> None:
    body = {key: value for key, value in {**HI, **change}.items() if value is not None}
    message = refused(server.post(PATH, body))
    assert said in message


def test_a_kept_conversation_is_refused_by_its_code(server: Live) -> None:
    for thread in ({"type": "create"}, {"type": "continue", "previous_message_id": "msg_x"}):
        reply = server.post(PATH, {**HI, "thread": thread})
        assert "`thread`" in refused(reply)
        assert reply.json()["error"]["details"] == {"error_code": "thread_unsupported_request"}
    assert server.post(PATH, {**HI, "thread": None}).status == 200


def test_failures_have_anthropics_types(server: Live, start: Callable[..., Live]) -> None:
    kinds = [("context", 400, "invalid_request_error"), ("busy", 429, "rate_limit_error"),
             ("died", 503, "overloaded_error"), ("internal", 500, "api_error")]  # fmt: skip
    for kind, status, expected in kinds:
        server.engine.script = fail(kind, "because")
        assert refused(server.post(PATH, HI), status, expected) == "because"
    server.engine.script = fail("invalid", "`json_schema`: it is none.")
    assert refused(server.post(PATH, HI), 400) == "`output_config.format.schema`: it is none."
    assert "Content-Type" in server.post(PATH, HI).headers
    refused(server.request("GET", PATH), 405)
    refused(server.post("/v1/messages/batches", {}), 404, "not_found_error")
    locked = start(keys=("secret",))
    refused(locked.post(PATH, HI), 401, "authentication_error")
    assert locked.request("POST", PATH, HI, {"x-api-key": "secret", "anthropic-version": "2023-06-01"}).status == 200


def test_a_failure_after_the_first_word_is_an_event(server: Live) -> None:
    server.engine.script = fail("died", "gone", after=("Hello",))
    reply = server.post(PATH, {**HI, "stream": True})
    last = named(reply)[-1]
    assert (reply.status, last["type"], last["error"]) == (
        200,
        "error",
        {"type": "overloaded_error", "message": "gone"},
    )
    assert last["request_id"] == reply.headers["Request-Id"]
    server.engine.script = fail("died", "gone")
    refused(server.post(PATH, {**HI, "stream": True}), 503, "overloaded_error")


def test_tokens_are_counted(server: Live, form: Scripted) -> None:
    def answers(request: Question) -> Rendered | Failed:
        assert isinstance(request, Render)
        assert request.chat.messages == [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
        return Rendered(id=request.id, prompt="s hi", n_tokens=17)

    server.engine.answers = answers
    body = {"model": "claude", "messages": HI["messages"], "system": "s", "tools": [WEATHER]}
    assert server.post(COUNT, body).json() == {"input_tokens": 17}
    assert form.conversations[0].tools[0].name == "weather"
    server.engine.answers = lambda request: Failed(id=request.id, kind="invalid", message="no such template")
    assert refused(server.post(COUNT, body)) == "no such template"


def test_silence_is_filled_with_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.server.sse.HEARTBEAT_S", 0.02)

    def slow(request: Any) -> Any:
        first, *rest = say("a")(request)
        yield from (first, 0.1, *rest)

    live = Live(ScriptedEngine(script=slow))
    try:
        events = named(live.post(PATH, {**HI, "stream": True}))
    finally:
        live.close()
    assert events[0] == {"type": "ping"}
    assert events[-1] == {"type": "message_stop"}
