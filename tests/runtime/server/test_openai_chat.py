"""Chats with tools and thoughts in OpenAI's words; the model's own way to write them is scripted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from runtime.chat import Prepared, Unsuitable
from runtime.engine.protocol import Delta, Event, Failed, Finished, Generate, Progress, Rendered, Started, Thought
from runtime.server.options import ChatDefaults
from tests.runtime.server.live import TIMINGS, Live, say
from tests.runtime.server.marked import Marked

CHAT = "/v1/chat/completions"
HI = {"messages": [{"role": "user", "content": "hi"}]}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}
TIME = {"type": "function", "function": {"name": "time"}}
PARAMETERS = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Marked:
    marked = Marked()
    monkeypatch.setattr("runtime.server.conversing.form_of", lambda facts: marked)
    return marked


CALLS = say("Look.", "C:weather", 'A:{"a":', "A:1}", "C:time", "A:{}")


def deltas(server: Live, **fields: object) -> list[dict[str, Any]]:
    chunks = server.post(CHAT, {**HI, "stream": True, **fields}).events()
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_calls(server: Live, form: Marked) -> None:
    server.engine.script = CALLS
    choice = server.post(CHAT, {**HI, "tools": [WEATHER, TIME]}).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": "Look.",
        "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}},
            {"id": "call_1", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    }
    server.engine.script = say("C:time", "A:{}")
    assert server.post(CHAT, {**HI, "tools": [TIME]}).json()["choices"][0]["message"]["content"] is None
    server.engine.script = say("C:time", "A:{", reason="length")
    assert server.post(CHAT, {**HI, "tools": [TIME]}).json()["choices"][0]["finish_reason"] == "length"


def test_streamed_calls(server: Live, form: Marked) -> None:
    server.engine.script = CALLS
    tools = [WEATHER, TIME]
    assert deltas(server, tools=tools) == [
        {"role": "assistant", "content": None},
        {"content": "Look."},
        {"tool_calls": [{"index": 0, "id": "call_0", "type": "function",
                         "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"tool_calls": [{"index": 1, "id": "call_1", "type": "function",
                         "function": {"name": "time", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]  # fmt: skip
    last = server.post(CHAT, {**HI, "tools": tools, "stream": True}).events()[-1]
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_the_older_form_of_tools(server: Live, form: Marked) -> None:
    server.engine.script = CALLS
    functions = [{"name": "weather"}, {"name": "time"}]
    choice = server.post(CHAT, {**HI, "functions": functions, "function_call": {"name": "weather"}}).json()["choices"][
        0
    ]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "weather", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    asked = form.conversations[-1]
    assert (asked.named, asked.parallel, [tool.name for tool in asked.tools]) == ("weather", False, ["weather", "time"])
    streamed = [delta for delta in deltas(server, functions=functions) if "function_call" in delta]
    assert [delta["function_call"] for delta in streamed] == [
        {"name": "weather", "arguments": ""}, {"arguments": '{"a":'}, {"arguments": "1}"},
    ]  # fmt: skip
    turns = [
        {"role": "assistant", "content": None, "function_call": {"name": "time", "arguments": "{}"}},
        {"role": "function", "name": "time", "content": "noon"},
    ]
    server.post(CHAT, {"messages": [*HI["messages"], *turns]})
    call, result = form.conversations[-1].messages[1:]
    assert call["tool_calls"] == [{"id": "call_1", "type": "function", "function": {"name": "time", "arguments": {}}}]
    assert result == {"role": "tool", "content": "noon", "name": "time", "tool_call_id": "call_1"}


CHOICES: list[tuple[dict[str, Any], tuple[str, str, list[str], bool]]] = [
    ({}, ("auto", "", ["weather", "time"], True)),
    ({"tool_choice": "none"}, ("none", "", ["weather", "time"], True)),
    ({"tool_choice": "required", "parallel_tool_calls": False}, ("required", "", ["weather", "time"], False)),
    (
        {"tool_choice": {"type": "function", "function": {"name": "time"}}},
        ("required", "time", ["weather", "time"], False),
    ),
    (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "time"}}],
                },
            }
        },
        ("required", "", ["time"], True),
    ),
    ({"parse_tool_calls": False}, ("none", "", ["weather", "time"], True)),
]


@pytest.mark.parametrize(("fields", "expected"), CHOICES)
def test_what_may_be_called(
    server: Live, form: Marked, fields: dict[str, Any], expected: tuple[str, str, list[str], bool]
) -> None:
    assert server.post(CHAT, {**HI, "tools": [WEATHER, TIME], **fields}).status == 200
    asked = form.conversations[-1]
    assert (asked.choice, asked.named, [tool.name for tool in asked.tools], asked.parallel) == expected


def test_a_tool_is_passed_on_as_it_was_written(server: Live, form: Marked) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "Does.", "parameters": PARAMETERS}}
    server.post(CHAT, {**HI, "tools": [tool]})
    read = form.conversations[-1].tools[0]
    assert (read.name, read.description, json.dumps(read.parameters)) == ("f", "Does.", json.dumps(PARAMETERS))


def test_messages_with_calls(server: Live, form: Marked) -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}},
                {"id": "c2", "type": "function", "function": {"name": "time", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "rain"}]},
        {"role": "assistant", "content": None, "reasoning": "Ah.", "refusal": "No."},
        {"role": "critic", "content": "Well."},
    ]
    assert server.post(CHAT, {"messages": messages}).status == 200
    assert form.conversations[-1].messages[1:] == [
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"a": 1}}},
                {"id": "c2", "type": "function", "function": {"name": "time", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        {"role": "assistant", "content": "No.", "reasoning_content": "Ah."},
        {"role": "critic", "content": "Well."},
    ]


def user(part: dict[str, object]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}


def calls(arguments: object) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"messages": [*HI["messages"], {"role": "assistant", "tool_calls": [call]}, *HI["messages"]]}


ASSISTANT = {"role": "assistant", "content": "It"}
NAMED = {"type": "function", "function": {"name": "f"}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    *[
        (
            user({"type": kind, kind: {}}),
            f"`messages[0].content[1]`: this model reads text only, got a part of type `{kind}`",
        )
        for kind in ("image_url", "input_audio", "file", "input_video")
    ],
    (calls("{"), "`messages[1].tool_calls[0].function.arguments`: expected the JSON of an object."),
    (calls("[1]"), "`messages[1].tool_calls[0].function.arguments`: expected the JSON of an object."),
    (calls("[" * 100_000), "`messages[1].tool_calls[0].function.arguments`: expected the JSON of an object."),
    ({"messages": [{"role": "user"}]}, "`messages[0].content`: expected one in a message of the role `user`."),
    ({"messages": [{"role": "assistant"}]}, "`messages[0]`: expected `content` or `tool_calls`."),
    ({"tool_choice": "required"}, "`tool_choice`: needs `tools`."),
    ({"tool_choice": NAMED}, "`tool_choice.function.name`: there is no tool `f` in this request."),
    ({"tool_choice": "any"}, "`tool_choice`: invalid enum value 'any'"),
    ({"tool_choice": {"type": "function"}}, "`tool_choice.function`: expected the name of a function."),
    ({"tools": [{"type": "function"}]}, "`tools[0].function`: expected an object."),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "`tools[0].function.parameters`:"),
    ({"functions": [{"name": "f"}], "tools": [TIME]}, "`functions`: expected either `tools` or their older form"),
    ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "`function_call.name`: there is no tool `g`"),
    ({"chat_template_kwargs": {"enable_thinking": "yes"}}, "`chat_template_kwargs.enable_thinking`: expected `bool`."),
    ({"chat_template_kwargs": {"a": [1]}}, "`chat_template_kwargs[...]`: expected "),
    ({"chat_template_kwargs": {"a": "x" * 4097}}, "`chat_template_kwargs[...]`: expected `str` of length <= 4096"),
    ({"reasoning_format": "xml"}, "`reasoning_format`: invalid enum value 'xml'"),
    ({"continue_final_message": True}, "`continue_final_message`: expected `messages[0]` to be of the role"),
    (
        {"messages": [ASSISTANT], "continue_final_message": True, "add_generation_prompt": True},
        "`continue_final_message`: `add_generation_prompt` excludes it.",
    ),
    ({"messages": [ASSISTANT, ASSISTANT]}, "`messages[1]`: expected one message of the role `assistant` at the end"),
    (
        {"messages": calls("{}")["messages"][:2], "continue_final_message": True},
        "`messages[1]`: an answer that calls tools cannot be continued.",
    ),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED)
def test_refusals(server: Live, fields: dict[str, Any], expected: str) -> None:
    reply = server.post(CHAT, {**HI, **fields})
    assert reply.status == 400, reply.body
    assert reply.json()["error"]["message"].startswith(expected)
    assert server.engine.asked == []


def test_an_answer_is_continued(server: Live, form: Marked) -> None:
    begun = {"messages": [*HI["messages"], ASSISTANT]}
    for fields in ({}, {"continue_final_message": True}, {"continue_final_message": "content"}):
        server.post(CHAT, {**begun, **fields, "add_generation_prompt": False})
        asked = form.conversations[-1]
        assert (asked.messages, asked.prefill, asked.add_generation_prompt) == (HI["messages"], "It", True)
    for fields in ({"continue_final_message": False}, {"add_generation_prompt": True}):
        server.post(CHAT, {**begun, **fields})
        assert (len(form.conversations[-1].messages), form.conversations[-1].prefill) == (2, "")


THINKING = [
    ({}, (None, "")),
    ({"reasoning_effort": "none"}, (False, "")),
    ({"reasoning_effort": "high"}, (None, "high")),
    ({"chat_template_kwargs": {"enable_thinking": True}}, (True, "")),
    ({"reasoning_budget_tokens": 0}, (False, "")),
    ({"thinking_budget_tokens": -1}, (None, "")),
]


@pytest.mark.parametrize(("fields", "expected"), THINKING)
def test_whether_the_model_thinks(server: Live, form: Marked, fields: dict[str, Any], expected: object) -> None:
    assert server.post(CHAT, {**HI, **fields}).status == 200
    asked = form.conversations[-1]
    assert (asked.thinking, asked.effort) == expected
    assert asked.values == fields.get("chat_template_kwargs", {})


BUDGETS: list[tuple[dict[str, object], Thought | None]] = [
    ({"reasoning_budget_tokens": 5}, Thought(begin="<T>", ends=["</T>"], budget_tokens=5)),
    ({"thinking_budget_tokens": 7}, Thought(begin="<T>", ends=["</T>"], budget_tokens=7)),
    ({"reasoning_budget_tokens": 5, "thinking_budget_tokens": 7}, Thought(begin="<T>", ends=["</T>"], budget_tokens=5)),
    ({"reasoning_budget_tokens": 0}, Thought(begin="<T>", ends=["</T>"], budget_tokens=0)),
    ({"thinking_budget_tokens": 5, "tools": [WEATHER]}, Thought(begin="<T>", ends=["</T>", "<C>"], budget_tokens=5)),
    ({"reasoning_budget_tokens": 5, "reasoning_budget_message": "So:"},
     Thought(begin="<T>", ends=["</T>"], budget_tokens=5, message="So:")),
    ({"reasoning_budget_tokens": -1, "reasoning_budget_message": "So:"}, None),
    ({"thinking_budget_tokens": None}, None),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), BUDGETS)
def test_how_long_the_model_thinks(
    server: Live, form: Marked, fields: dict[str, Any], expected: Thought | None
) -> None:
    assert server.post(CHAT, {**HI, **fields}).status == 200
    assert server.engine.asked[-1].thought == expected


def test_what_holds_where_nobody_says_so(start: Callable[..., Live], form: Marked) -> None:
    defaults = ChatDefaults(
        thinks=False, effort="low", values={"date": "today"}, budget_tokens=5, budget_message="So:",
        reasoning_format="none",
    )  # fmt: skip
    server = start(chats=defaults)
    server.engine.script = say("T:Hm", "Yes.")
    answer = server.post(CHAT, HI).json()["choices"][0]["message"]
    assert answer["content"] == "<think>Hm</think>\nYes."
    assert server.engine.asked[-1].thought == Thought(begin="<T>", ends=["</T>"], budget_tokens=5, message="So:")
    assert (form.conversations[-1].thinking, form.conversations[-1].effort) == (False, "")
    assert form.conversations[-1].values == {"date": "today"}
    own = {"reasoning_effort": "high", "chat_template_kwargs": {"date": "1970"}, "reasoning_budget_tokens": -1}
    answer = server.post(CHAT, {**HI, **own, "reasoning_format": "auto"}).json()["choices"][0]["message"]
    assert answer["reasoning_content"] == "Hm"
    assert server.engine.asked[-1].thought is None
    assert (form.conversations[-1].thinking, form.conversations[-1].effort) == (None, "high")
    assert form.conversations[-1].values == {"date": "1970"}


FORMATS: list[tuple[object, dict[str, str], list[dict[str, str]]]] = [
    (None, {"reasoning_content": "Hm, hm.", "content": "Yes."},
     [{"reasoning_content": "Hm,"}, {"reasoning_content": " hm."}, {"content": "Yes."}]),
    ("auto", {"reasoning_content": "Hm, hm.", "content": "Yes."},
     [{"reasoning_content": "Hm,"}, {"reasoning_content": " hm."}, {"content": "Yes."}]),
    ("none", {"content": "<think>Hm, hm.</think>\nYes."},
     [{"content": "<think>Hm,"}, {"content": " hm."}, {"content": "</think>\nYes."}]),
    ("deepseek-legacy", {"reasoning_content": "Hm, hm.", "content": "<think>Hm, hm.</think>\nYes."},
     [{"reasoning_content": "Hm,", "content": "<think>Hm,"}, {"reasoning_content": " hm.", "content": " hm."},
      {"content": "</think>\nYes."}]),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "message", "streamed"), FORMATS)
def test_where_thoughts_stand(
    server: Live, form: Marked, wanted: object, message: dict[str, str], streamed: list[dict[str, str]]
) -> None:
    server.engine.script = say("T:Hm,", "T: hm.", "Yes.")
    answer = server.post(CHAT, {**HI, "reasoning_format": wanted}).json()
    assert answer["choices"][0]["message"] == {"role": "assistant", **message}
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert deltas(server, reasoning_format=wanted)[1:-1] == streamed


def test_progress_and_speed(server: Live, form: Marked) -> None:
    def script(request: Generate) -> list[Event | float]:
        assert request.progress
        return [
            Started(id=request.id, prompt="", n_prompt=8, n_cached=3),
            Progress(id=request.id, n_prompt=8, n_cached=3, n_done=6, took_ms=4.6),
            Delta(id=request.id, text="Yes", tokens=[1, 2]),
            Finished(id=request.id, reason="stop", timings=TIMINGS, seed=1),
        ]

    server.engine.script = script
    chunks = server.post(CHAT, {**HI, "stream": True, "return_progress": True, "timings_per_token": True}).events()
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": None}, {"role": "assistant", "content": None}, {"content": "Yes"}, {},
    ]  # fmt: skip
    assert chunks[0]["prompt_progress"] == {"total": 8, "cache": 3, "processed": 6, "time_ms": 5}
    assert (chunks[2]["timings"]["predicted_n"], chunks[2]["timings"]["prompt_n"]) == (2, 5)


def test_a_stop_word_within_a_call_is_no_call(server: Live, form: Marked) -> None:
    for arguments, expected in (('A:{"a":', "stop"), ('A:{"a":1}', "tool_calls")):
        server.engine.script = say("C:time", arguments, reason="word", stopping_word="1")
        asked = {**HI, "tools": [TIME], "stop": "1"}
        assert server.post(CHAT, asked).json()["choices"][0]["finish_reason"] == expected
        assert server.post(CHAT, {**asked, "stream": True}).events()[-1]["choices"][0]["finish_reason"] == expected


def test_logprobs_with_calls(server: Live, form: Marked) -> None:
    server.engine.script = CALLS
    chunks = server.post(CHAT, {**HI, "tools": [TIME], "stream": True, "logprobs": True}).events()
    assert all("logprobs" in chunk["choices"][0] for chunk in chunks[1:-1])


@pytest.mark.parametrize("path", [f"{CHAT}/input_tokens", "/chat/completions/input_tokens"])
def test_counting(server: Live, form: Marked, path: str) -> None:
    server.engine.answers = lambda question: Rendered(id=question.id, prompt="<hi>", n_tokens=7)
    counted = server.post(path, {**HI, "tools": [TIME]})
    assert counted.json() == {"object": "chat.completion.input_tokens", "input_tokens": 7}
    server.engine.answers = lambda question: Failed(id=question.id, kind="invalid", message="No template.")
    assert server.post(path, HI).status == 400


def test_forms_that_cannot(server: Live, form: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Prepared:
        raise Unsuitable("`tools`: this model calls none.")

    monkeypatch.setattr(form, "prepare", refuse)
    reply = server.post(CHAT, {**HI, "tools": [TIME]})
    assert (reply.status, reply.json()["error"]["message"]) == (400, "`tools`: this model calls none.")
