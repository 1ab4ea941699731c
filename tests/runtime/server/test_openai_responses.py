"""OpenAI's responses: their items, their events in order, and what the server remembers of them."""

import json
import re
from typing import Any

import pytest

from runtime.engine.protocol import Grammar, Rendered
from runtime.server.openai.response_store import ResponseStore, Stored
from runtime.server.problem import Problem
from tests.runtime.server.live import Live, Reply, fail, say
from tests.runtime.server.marked import Marked

RESPONSES = "/v1/responses"
HI = {"input": "hi"}
WEATHER = {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}}
TIME = {"type": "function", "name": "time"}
EVERYTHING = say("T:Hm.", "Look", " here.", "C:weather", 'A:{"a":', "A:1}", "C:time", "A:{}")


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Marked:
    marked = Marked()
    monkeypatch.setattr("runtime.server.conversing.form_of", lambda facts: marked)
    return marked


def post(server: Live, **fields: object) -> Any:
    reply = server.post(RESPONSES, {**HI, **fields})
    assert reply.status == 200, reply.body
    return reply.json()


def named_events(reply: Reply) -> list[dict[str, Any]]:
    """The events of a stream, whose names are those of their types and whose numbers go up by one."""
    events = []
    for block in reply.body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == len(events)
        events.append(event)
    return events


def test_a_whole_response(server: Live) -> None:
    response = post(server, instructions="Be brief.", max_output_tokens=9, temperature=0.5, metadata={"a": "b"})
    item = response["output"][0]
    assert re.fullmatch("resp_[0-9a-f]{48}", response["id"])
    assert re.fullmatch("msg_[0-9a-f]{48}", item["id"])
    assert (response["object"], response["status"], response["model"]) == ("response", "completed", "tiny")
    assert (response["max_output_tokens"], response["temperature"], response["metadata"]) == (9, 0.5, {"a": "b"})
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert item["content"] == [{"type": "output_text", "text": "Hello there.", "annotations": [], "logprobs": []}]
    assert response["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8,
    }
    asked = server.engine.asked[0]
    assert asked.chat is not None
    assert asked.chat.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert (asked.max_tokens, asked.sampling.temperature) == (9, 0.5)


def test_every_item(server: Live, form: Marked) -> None:
    server.engine.script = EVERYTHING
    response = post(server, tools=[WEATHER, TIME], reasoning={"effort": "low"})
    thought, message, first, second = response["output"]
    assert (thought["type"], thought["summary"]) == ("reasoning", [])
    assert thought["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert message["content"][0]["text"] == "Look here."
    assert {key: first[key] for key in ("type", "call_id", "name", "arguments", "status")} == {
        "type": "function_call", "call_id": "call_0", "name": "weather", "arguments": '{"a":1}', "status": "completed",
    }  # fmt: skip
    assert (second["name"], second["arguments"]) == ("time", "{}")
    assert [item["id"][:3] for item in response["output"]] == ["rs_", "msg", "fc_", "fc_"]
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}
    assert form.conversations[0].effort == "low"
    assert response["tools"][0] == {**WEATHER, "strict": True}


def test_every_event(server: Live, form: Marked) -> None:
    server.engine.script = EVERYTHING
    reply = server.post(RESPONSES, {**HI, "tools": [WEATHER, TIME], "stream": True})
    assert reply.headers["Content-Type"] == "text/event-stream"
    events = named_events(reply)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []
    response = events[-1]["response"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert response["output"] == done
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.added"] == [0, 1, 2, 3]
    for event in events:
        if "item_id" in event:
            assert event["item_id"] == done[event["output_index"]]["id"]
    assert "".join(event["delta"] for event in events if event["type"].endswith("output_text.delta")) == "Look here."
    assert b"[DONE]" not in reply.body


def test_what_was_cut_off(server: Live, form: Marked) -> None:
    server.engine.script = say("One", " two", reason="length")
    response = post(server)
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["output"][0]["status"] == "incomplete"
    last = named_events(server.post(RESPONSES, {**HI, "stream": True}))[-1]
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
    server.engine.script = say()
    assert post(server)["output"][0]["content"][0]["text"] == ""


def test_a_failure(server: Live) -> None:
    server.engine.script = fail("died", "The engine ended.", after=("Hel",))
    last = named_events(server.post(RESPONSES, {**HI, "stream": True}))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "The engine ended."}
    server.engine.script = fail("context", "Too long.", n_prompt=9, n_ctx=4)
    for stream in (True, False):
        refused = server.post(RESPONSES, {**HI, "stream": stream})
        assert (refused.status, refused.json()["error"]["type"]) == (400, "exceed_context_size_error")


def test_a_conversation_goes_on(server: Live, form: Marked) -> None:
    server.engine.script = say("T:Hm.", "C:time", "A:{}")
    first = post(server, tools=[TIME], instructions="Old.")
    result = {"type": "function_call_output", "call_id": "call_0", "output": "noon"}
    server.engine.script = say("Noon.")
    second = post(server, input=[result], previous_response_id=first["id"], instructions="New.")
    assert form.conversations[-1].messages == [
        {"role": "system", "content": "New."},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "Hm.",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "time", "arguments": {}}}],
        },
        {"role": "tool", "content": "noon", "tool_call_id": "call_0"},
    ]
    assert second["previous_response_id"] == first["id"]
    third = named_events(
        server.post(RESPONSES, {"input": "And?", "previous_response_id": second["id"], "stream": True})
    )[-1]["response"]
    assert [turn["content"] for turn in form.conversations[-1].messages] == ["hi", "", "noon", "Noon.", "And?"]
    assert server.get(f"{RESPONSES}/{third['id']}").json() == third
    assert server.get(f"/responses/{first['id']}").json() == first
    gone = server.request("DELETE", f"{RESPONSES}/{first['id']}")
    assert gone.json() == {"id": first["id"], "object": "response", "deleted": True}
    assert server.get(f"{RESPONSES}/{first['id']}").status == 404
    assert server.request("DELETE", f"{RESPONSES}/{first['id']}").status == 404
    lost = server.post(RESPONSES, {**HI, "previous_response_id": third["id"]})
    assert (lost.status, lost.json()["error"]["type"]) == (400, "previous_response_not_found")


def test_what_is_not_to_be_remembered(server: Live) -> None:
    response = post(server, store=False)
    assert response["store"] is False
    assert server.get(f"{RESPONSES}/{response['id']}").status == 404


ITEMS: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        [
            {"role": "developer", "content": "Be kind."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        ],
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
    ),
    (
        [
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x": 1}'},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "So."}]},
            {"role": "assistant", "content": "Done."},
            {"role": "assistant", "content": "Really."},
        ],
        [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": "Wait.",
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "one", "tool_call_id": "c1"},
            {"role": "tool", "content": "two", "tool_call_id": "c2"},
            {"role": "assistant", "content": "Done.", "reasoning_content": "So."},
            {"role": "assistant", "content": "Really."},
        ],
    ),
]


@pytest.mark.parametrize(("items", "turns"), ITEMS)
def test_items_become_turns(
    server: Live, form: Marked, items: list[dict[str, Any]], turns: list[dict[str, Any]]
) -> None:
    post(server, input=items)
    assert form.conversations[0].messages == turns


def test_instructions_stand_before_a_system_message(server: Live, form: Marked) -> None:
    post(server, input=[{"role": "system", "content": "B."}, {"role": "user", "content": "x"}], instructions="A.")
    assert form.conversations[0].messages[0] == {"role": "system", "content": "A.\n\nB."}


CHOICES = [
    ("none", ("none", "")),
    ("required", ("required", "")),
    ({"type": "function", "name": "time"}, ("required", "time")),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "time"}]}, ("auto", "")),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_what_may_be_called(server: Live, form: Marked, choice: object, expected: tuple[str, str]) -> None:
    response = post(server, tools=[WEATHER, TIME], tool_choice=choice, parallel_tool_calls=False)
    asked = form.conversations[0]
    assert ((asked.choice, asked.named), asked.parallel) == (expected, False)
    assert response["tool_choice"] == choice


SCHEMA = {"type": "object", "properties": {"b": {}, "a": {}}}
FORMATS = [
    ({"type": "text"}, None),
    ({"type": "json_object"}, Grammar(kind="json")),
    (
        {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
        Grammar(kind="json_schema", text=json.dumps(SCHEMA), field="text.format.schema"),
    ),
]


@pytest.mark.parametrize(("wanted", "grammar"), FORMATS)
def test_what_the_text_has_to_be(server: Live, wanted: dict[str, Any], grammar: Grammar | None) -> None:
    assert post(server, text={"format": wanted})["text"] == {"format": wanted}
    assert server.engine.asked[0].grammar == grammar


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": []}, "`input`: expected at least one item."),
    ({"input": None}, "`input`: expected "),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "`input[0]`: the type `item_reference` is not supported"),
    ({"input": [{"type": "computer_call"}]}, "`input[0]`: the type `computer_call` is not supported"),
    ({"input": [{"role": "user"}]}, "`input[0]`: expected `role` and `content`."),
    ({"input": [{"type": "function_call", "name": "f"}]}, "`input[0]`: expected `call_id` and `name`."),
    (
        {"input": [{"type": "function_call", "name": "f", "call_id": "c", "arguments": "{"}]},
        "`input[0].arguments`: expected the JSON of an object.",
    ),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "`input[0]`: expected `call_id` and `output`."),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
        "`input[0].content[0]`: this model reads text only, got a part of type `input_image`.",
    ),
    ({"tools": [{"type": "web_search"}]}, "`tools[0]`: the tool `web_search` is not supported"),
    ({"tools": [{"type": "function"}]}, "`tools[0].name`: expected `str`."),
    ({"tools": [TIME], "tool_choice": {"type": "file_search"}}, "`tool_choice`: the type `file_search` is not"),
    ({"tool_choice": {"type": "function", "name": "f"}}, "`tool_choice.name`: there is no tool `f`"),
    ({"background": True}, "`background` is not supported"),
    ({"prompt": {"id": "x"}}, "`prompt` is not supported"),
    ({"conversation": "x"}, "`conversation` is not supported"),
    ({"text": {"format": {"type": "json_schema"}}}, "`text.format.schema`: expected an object."),
    ({"text": {"format": {"type": "json_object"}}, "response_format": {"type": "text"}}, "`text.format`: expected one"),
    ({"max_output_tokens": -2}, "`max_output_tokens`: expected `int` >= -1"),
    ({"previous_response_id": "resp_x"}, "`previous_response_id`: there is no response `resp_x` here"),
]


@pytest.mark.parametrize(("fields", "expected"), REFUSED)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals(server: Live, fields: dict[str, Any], expected: str, stream: bool) -> None:
    reply = server.post(RESPONSES, {**HI, **fields, "stream": stream})
    assert reply.status == 400, reply.body
    assert reply.json()["error"]["message"].startswith(expected)
    assert server.engine.asked == []


@pytest.mark.parametrize("path", [f"{RESPONSES}/input_tokens", "/responses/input_tokens"])
def test_counting(server: Live, path: str) -> None:
    server.engine.answers = lambda question: Rendered(id=question.id, prompt="<hi>", n_tokens=7)
    assert server.post(path, HI).json() == {"object": "response.input_tokens", "input_tokens": 7}


def test_the_store_is_bounded() -> None:
    def stored(text: str, previous: str | None = None) -> Stored:
        return Stored({"id": text}, [{"role": "user", "content": text}], previous)

    store = ResponseStore(max_responses=3)
    for name in "abc":
        store.put(name, stored(name))
    store.get("a")
    store.put("d", stored("d", previous="a"))
    with pytest.raises(Problem):
        store.get("b")
    assert [turn["content"] for turn in store.history("d")] == ["a", "d"]
    store.put("e", stored("e"))
    store.put("f", stored("f"))
    with pytest.raises(Problem, match="no response `c`"):
        store.history("c")
    small = ResponseStore(max_bytes=200)
    for name in "xyz":
        small.put(name, stored(name * 50))
    with pytest.raises(Problem):
        small.get("x")
    assert small.get("z")
    small.put("large", stored("x" * 300))
    with pytest.raises(Problem):
        small.get("large")
