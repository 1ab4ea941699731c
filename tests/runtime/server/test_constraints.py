"""What the answer has to be: every way to say it, what reaches the engine, and what never does."""

import json
import time
from typing import Any

import pytest

from runtime.engine.protocol import Grammar, Trigger
from runtime.server.constraints import MAX_BYTES, MAX_LEVELS
from tests.runtime.server.live import Live

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/completion"
PATHS = [CHAT, TEXT, NATIVE]
BASE: dict[str, Any] = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}
SCHEMA = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"enum": [1, 2]}}, "required": ["z", "a"]}
TEXT_OF_SCHEMA = json.dumps(SCHEMA)
GBNF = 'root ::= "yes" | "no"'

ACCEPTED: list[tuple[dict[str, Any], Grammar | None]] = [
    ({}, None),
    ({"response_format": {"type": "text"}}, None),
    ({"response_format": None, "json_schema": None, "grammar": None, "structured_outputs": None}, None),
    ({"grammar": "", "structured_outputs": {}}, None),
    ({"response_format": {"type": "json_object"}}, Grammar(kind="json")),
    ({"response_format": {"type": "json_object", "schema": {}}}, Grammar(kind="json", field="response_format.schema")),
    (
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        Grammar(kind="json_schema", text=TEXT_OF_SCHEMA, field="response_format.schema"),
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}}},
        Grammar(kind="json_schema", text=TEXT_OF_SCHEMA, field="response_format.json_schema.schema"),
    ),
    ({"json_schema": SCHEMA}, Grammar(kind="json_schema", text=TEXT_OF_SCHEMA, field="json_schema")),
    ({"json_schema": {}}, Grammar(kind="json", field="json_schema")),
    ({"grammar": GBNF}, Grammar(kind="gbnf", text=GBNF, field="grammar")),
    ({"grammar": '%llguidance {}\nstart: "yes"'}, Grammar(kind="lark", text='\nstart: "yes"', field="grammar")),
    (
        {"structured_outputs": {"json": SCHEMA}},
        Grammar(kind="json_schema", text=TEXT_OF_SCHEMA, field="structured_outputs.json"),
    ),
    (
        {"structured_outputs": {"regex": "[0-9]+"}},
        Grammar(kind="regex", text="[0-9]+", field="structured_outputs.regex"),
    ),
    ({"structured_outputs": {"grammar": GBNF}}, Grammar(kind="gbnf", text=GBNF, field="structured_outputs.grammar")),
    ({"structured_outputs": {"json_object": True}}, Grammar(kind="json")),
    (
        {"structured_outputs": {"choice": ["a", 'b"\n']}},
        Grammar(kind="lark", text='start: "a" | "b\\"\\n"', field="structured_outputs.choice"),
    ),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("fields", "expected"), ACCEPTED)
def test_what_reaches_the_engine(server: Live, path: str, fields: dict[str, Any], expected: Grammar | None) -> None:
    assert server.post(path, {**BASE, **fields}).status == 200
    assert server.engine.asked[-1].grammar == expected


def test_a_schema_is_passed_on_as_it_was_written(server: Live) -> None:
    schema = b'{ "properties": {"b": {},\n "a": {}, "b": {"type":"number", "minimum": 1.50}} }'
    server.post(NATIVE, b'{"prompt": "x", "json_schema":' + schema + b"}")
    assert server.engine.asked[-1].grammar == Grammar(kind="json_schema", text=schema.decode(), field="json_schema")


LAZY = {"grammar": GBNF, "grammar_lazy": True}
TRIGGERS = [
    {"type": 0, "value": "<tool>", "token": 7},
    {"type": 1, "value": "<tool>"},
    {"type": 2, "value": "a+(b)"},
    {"type": 3, "value": "a+(b)"},
]


@pytest.mark.parametrize("path", PATHS)
def test_lazy_grammars(server: Live, path: str) -> None:
    server.post(path, {**BASE, **LAZY, "grammar_triggers": TRIGGERS})
    assert server.engine.asked[-1].grammar == Grammar(
        kind="gbnf",
        text=GBNF,
        triggers=[
            Trigger(kind="token", value=7),
            Trigger(kind="word", value="<tool>"),
            Trigger(kind="pattern", value="a+(b)"),
            Trigger(kind="pattern", value="^(?:a+(b))$"),
        ],
        field="grammar",
    )
    server.post(path, {**BASE, "grammar": GBNF, "grammar_triggers": TRIGGERS})
    assert server.engine.asked[-1].grammar == Grammar(kind="gbnf", text=GBNF, field="grammar")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"grammar": GBNF, "json_schema": SCHEMA}, "`grammar`: expected one constraint, got `json_schema` and `grammar`."),
    (
        {"response_format": {"type": "json_object"}, "json_schema": SCHEMA},
        "`json_schema`: expected one constraint, got `response_format` and `json_schema`.",
    ),
    ({"structured_outputs": {"regex": "a", "json": SCHEMA}}, "`structured_outputs.regex`: expected one constraint"),
    ({"response_format": "json"}, "`response_format`: expected `object`"),
    ({"response_format": {"type": "xml"}}, "`response_format.type`: invalid enum value 'xml'"),
    ({"response_format": {"type": "json_schema"}}, "`response_format.json_schema.schema`: expected an object."),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        "`response_format.json_schema.schema`:",
    ),
    ({"response_format": {"type": "json_object", "schema": [1]}}, "`response_format.schema`: expected `object`."),
    *[({"json_schema": wrong}, "`json_schema`: expected `object`.") for wrong in ("a string", 7, [], True, [{}])],
    ({"grammar": 5}, "`grammar`: expected `str`"),
    ({"grammar": "x" * (MAX_BYTES + 1)}, f"`grammar`: expected at most {MAX_BYTES} bytes, got {MAX_BYTES + 1}."),
    ({"grammar": "é" * (MAX_BYTES // 2 + 1)}, "`grammar`: expected at most"),
    ({"grammar": '%llguidance {"test": 1}\n'}, "`grammar` with options of `%llguidance` is not supported"),
    ({"json_schema": {"description": "x" * MAX_BYTES}}, f"`json_schema`: expected at most {MAX_BYTES} bytes"),
    ({"structured_outputs": {"regex": "x" * (MAX_BYTES + 1)}}, "`structured_outputs.regex`: expected at most"),
    ({"structured_outputs": {"choice": []}}, "`structured_outputs.choice`: expected `array` of length >= 1"),
    ({"structured_outputs": {"choice": ["x" * MAX_BYTES]}}, "`structured_outputs.choice`: expected at most"),
    (LAZY, "`grammar_triggers`: expected at least one, because `grammar_lazy` is true."),
    ({**LAZY, "grammar_triggers": [{"type": 4, "value": "x"}]}, "`grammar_triggers[0].type`: invalid enum value 4"),
    ({**LAZY, "grammar_triggers": [{"type": 1, "value": ""}]}, "`grammar_triggers[0].value`: expected a text."),
    *[
        ({**LAZY, "grammar_triggers": [{"type": 0, "token": token}]}, "`grammar_triggers[0].token`: expected a token")
        for token in (None, -1, 1000, 2**40)
    ],
    ({**LAZY, "grammar_triggers": [{"type": 1, "value": "x"}] * 33}, "`grammar_triggers`: expected `array` of length"),
    ({**LAZY, "grammar_triggers": "x"}, "`grammar_triggers`: expected `array`"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("fields", "expected"), REFUSED)
def test_what_is_refused_at_the_front(server: Live, path: str, fields: dict[str, Any], expected: str) -> None:
    reply = server.post(path, {**BASE, **fields})
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(expected)
    assert server.engine.asked == []


@pytest.mark.parametrize(
    "text",
    [b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": 1e999}', b'{"a": %s1%s}' % (b"[" * 200, b"]" * 200)],
    ids=["NaN", "bytes", "huge", "deep"],
)
def test_a_schema_that_is_no_json(server: Live, text: bytes) -> None:
    reply = server.post(NATIVE, b'{"prompt": "x", "json_schema": ' + text + b"}")
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith("`json_schema`: ")
    assert server.engine.asked == []


def test_the_deepest_schema(server: Live) -> None:
    n_inside = MAX_LEVELS - 1
    body = b'{"prompt": "x", "json_schema": {"a": ' + b"[" * n_inside + b"]" * n_inside + b"}}"
    assert server.post(NATIVE, body).status == 200


def test_the_largest_schema_takes_no_time(server: Live) -> None:
    schema = {"enum": [""] * ((MAX_BYTES - 20) // 4)}
    began = time.monotonic()
    assert server.post(NATIVE, {"prompt": "x", "json_schema": schema}).status == 200
    assert time.monotonic() - began < 1.0


def test_settings_tell_the_grammar(server: Live) -> None:
    answer = server.post(NATIVE, {"prompt": "x", "grammar": GBNF}).json()["generation_settings"]
    assert (answer["grammar"], answer["grammar_lazy"]) == (GBNF, False)
