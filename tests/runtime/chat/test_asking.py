"""What is asked of the engine: turns, variables of the template, and grammars that leave room for a thought."""

import json

import pytest

from runtime.chat import Conversation, Tool, Unsuitable, find
from runtime.chat.grammars import MOST_BYTES
from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import Constraints
from runtime.engine.protocol import Grammar
from tests.runtime.chat.vocabularies import Bytes

SWITCHED = (
    "tools <tool_call> {%- if add_generation_prompt %}{%- if enable_thinking %}<think>\n{% else %}<think></think>"
)
UNSWITCHED = "tools <tool_call> </think> {%- if add_generation_prompt %}assistant\n<think>\n{% endif %}"
SILENT = "tools <tool_call> message.split('</think>') '<think>' {%- if add_generation_prompt %}assistant\n{% endif %}"
WEATHER = Tool("get_weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})
USER = {"role": "user", "content": "Hi"}


def accepts(grammar: Grammar | None, answer: str) -> bool:
    assert grammar
    vocabulary = Bytes()
    tokens = [*vocabulary.with_marks(answer), vocabulary.eos]
    return Constraints(vocabulary).matcher(grammar).allows(tokens) == len(tokens)


@pytest.mark.parametrize(
    ("template", "thinking", "right", "wrong"),
    [
        (SWITCHED, None, "hm</think>\n\n{}", "{}"),
        (SWITCHED, True, "hm</think>{}", "{}"),
        (SWITCHED, False, "{}", "hm</think>{}"),
        (UNSWITCHED, None, "hm</think>\n\n{}", "{}"),
        (UNSWITCHED, False, "{}", "hm</think>{}"),
        (SILENT, None, "<think>hm</think>\n\n{}", "hm</think>{}"),
        (SILENT, None, "{}", "x{}"),
        (SILENT, False, "{}", "<think>hm</think>{}"),
        ("", None, "{}", "<think>hm</think>{}"),
    ],
)
def test_an_answer_that_is_constrained_may_be_thought_about(
    template: str, thinking: bool | None, right: str, wrong: str
) -> None:
    prepared = find(template).prepare(Conversation(messages=[USER], thinking=thinking), Grammar(kind="json"))
    assert accepts(prepared.grammar, right)
    assert not accepts(prepared.grammar, wrong)


@pytest.mark.parametrize(
    ("grammar", "right"),
    [
        (Grammar(kind="json_schema", text='{"type": "integer"}'), "12"),
        (Grammar(kind="regex", text="[a-z]+/[0-9]"), "ab/1"),
        (Grammar(kind="lark", text='start: "start" | other\nother: /start[0-9]/ start'), "start"),
    ],
)
def test_any_constraint_but_gbnf_goes_with_a_thought_and_with_tools(grammar: Grammar, right: str) -> None:
    form = find(SILENT)
    alone = form.prepare(Conversation(messages=[USER]), grammar).grammar
    assert accepts(alone, f"<think>hm</think>{right}")
    mixed = form.prepare(Conversation(messages=[USER], tools=[WEATHER]), grammar).grammar
    assert accepts(mixed, right)
    assert accepts(mixed, '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>')


def test_a_constraint_that_cannot_be_put_into_another_stands_alone() -> None:
    gbnf = Grammar(kind="gbnf", text='root ::= "x"')
    prepared = find(SWITCHED).prepare(Conversation(messages=[USER]), gbnf)
    assert prepared.grammar == gbnf
    assert prepared.chat.values["enable_thinking"] is False
    with pytest.raises(Unsuitable, match="`grammar` cannot be combined with `tools`"):
        find(SWITCHED).prepare(Conversation(messages=[USER], tools=[WEATHER]), gbnf)


def test_how_a_template_is_told_to_think() -> None:
    form = find(SWITCHED)
    off = form.prepare(Conversation(messages=[USER], thinking=False), None).chat
    assert off.values["enable_thinking"] is False
    assert off.prefill == ""
    assert (
        find(UNSWITCHED).prepare(Conversation(messages=[USER], thinking=False), None).chat.prefill == "\n</think>\n\n"
    )
    given = Conversation(messages=[USER], thinking=True, effort="high", values={"enable_thinking": False, "x": 1})
    assert form.prepare(given, None).chat.values == {
        "enable_thinking": False,
        "thinking": False,
        "reasoning_effort": "high",
        "x": 1,
    }


def test_gpt_oss_thinks_little_where_no_thought_is_wanted() -> None:
    form = find("<|start|> <|channel|> <|message|>")
    assert form.prepare(Conversation(messages=[USER], thinking=False), None).chat.values["reasoning_effort"] == "low"
    assert form.prepare(Conversation(messages=[USER], prefill="So"), None).chat.prefill.endswith("final<|message|>So")


def test_tools_are_told_to_a_template_without_a_word_for_them() -> None:
    call = {"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "user", "content": "And now?"},
    ]
    chat = find("").prepare(Conversation(messages=messages, tools=[WEATHER]), None).chat
    assert chat.tools == []
    system, _, called, result = chat.messages
    assert str(system["content"]).startswith("Be brief.\n\n")
    assert '{"name": "get_weather", "arguments": {"city": string}} - Tells it.' in str(system["content"])
    assert called == {"role": "assistant", "content": '{"name": "get_weather", "arguments": {"city": "Oslo"}}'}
    assert result == {"role": "user", "content": "Result of get_weather:\nSunny\n\nAnd now?"}


def test_no_choice_no_tools() -> None:
    for template in ("", SILENT):
        prepared = find(template).prepare(Conversation(messages=[USER], tools=[WEATHER], choice="none"), None)
        assert prepared.chat.tools == []
        assert prepared.grammar is None
        assert prepared.chat.messages == [USER]


def test_a_tool_that_lists_no_parameters_takes_none() -> None:
    tools = [Tool("stop"), Tool("free", "", {"type": "object", "additionalProperties": True})]
    grammar = find(SILENT).prepare(Conversation(messages=[USER], tools=tools, choice="required"), None).grammar
    assert accepts(grammar, '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>')
    assert not accepts(grammar, '<tool_call>\n{"name": "stop", "arguments": {"a": 1}}\n</tool_call>')
    assert accepts(grammar, '<tool_call>\n{"name": "free", "arguments": {"a": 1}}\n</tool_call>')


def test_references_in_the_schema_of_a_tool_lead_where_they_did() -> None:
    tree = {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/tree"}}}
    parameters = {"type": "object", "properties": {"root": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}}
    tools = [Tool("grow", "", parameters)]
    call = {"name": "grow", "arguments": {"root": {"v": 1, "next": {"v": 2}}}}
    wrong = {"name": "grow", "arguments": {"root": {"v": 1, "next": {"v": "x"}}}}
    for grammar in (None, Grammar(kind="json")):
        for choice in ("required", "auto") if grammar else ("required",):
            asked = Conversation(messages=[USER], tools=tools, choice=choice)  # type: ignore[arg-type]
            found = find("").prepare(asked, grammar).grammar
            assert accepts(found, json.dumps(call))
            assert not accepts(found, json.dumps(wrong)) or choice == "auto"
    tagged = find("<tool_call> <function= <parameter=").prepare(
        Conversation(messages=[USER], tools=tools, choice="required"), None
    )
    value = json.dumps(call["arguments"]["root"])  # type: ignore[index]
    head = "<tool_call>\n<function=grow>\n<parameter=root>\n"
    assert accepts(tagged.grammar, f"{head}{value}\n</parameter>\n</function>\n</tool_call>")


def test_very_many_tools_fit() -> None:
    properties = {f"p{index}": {"type": "string", "description": "words " * 30} for index in range(20)}
    tools = [Tool(f"tool_{index}", "", {"type": "object", "properties": properties}) for index in range(128)]
    for template in ("", SILENT, "<tool_call> <function= <parameter="):
        prepared = find(template).prepare(Conversation(messages=[USER], tools=tools, choice="required"), None)
        assert prepared.grammar
        assert len(prepared.grammar.text) < MOST_BYTES + 8_000
        Constraints(Bytes()).matcher(prepared.grammar)


@pytest.mark.parametrize("tools", [[], [WEATHER]])
def test_a_refusal_names_the_field_that_the_request_has(tools: list[Tool]) -> None:
    wanted = Grammar(kind="json_schema", text='{"type": "nonsense"}', field="response_format.schema")
    for template in ("", UNSWITCHED):
        asked = find(template).prepare(Conversation(messages=[USER], tools=tools), wanted)
        with pytest.raises(InvalidRequest, match=r"^`response_format\.schema`: at `#/type`"):
            accepts(asked.grammar, "{}")
