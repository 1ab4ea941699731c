"""Gemma 4, with a notation of its own for arguments: `<|tool_call>call:name{key:<|"|>text<|"|>,n:1}<tool_call|>`."""

import json
from typing import Any

from runtime.chat import grammars
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.json_text import quoted, scalar
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks

CALL, CALL_END, QUOTE = "<|tool_call>", "<tool_call|>", '<|"|>'
DEEPEST = 32
SCALAR_END = marks(",", "}", "]", CALL_END)
VALUES = """\
text_: {quote} {until}
object_: "{{" (pair_ ("," pair_)*)? "}}"
pair_: (/[A-Za-z0-9_.-]{{1,64}}/ | text_) ":" value_
list_: "[" (value_ ("," value_)*)? "]"
value_: text_ | object_ | list_ | scalar_
scalar_: /true|false|null|-?[0-9]{{1,20}}(\\.[0-9]{{1,20}})?/"""


class Gemma4(Family):
    """Of the schema, names, required keys, choices and plain types are held to."""

    name = "gemma4"
    call_marks = (CALL,)
    shown = (CALL_END, QUOTE, "<|tool_response>")
    think = ("<|channel>thought", "<channel|>")

    def call_rules(self, conversation: Conversation) -> str:
        def write(tool: Tool) -> str:
            name = grammars.literal(f"call:{tool.name}")
            return f"{grammars.mark(CALL)} {name} {_object(tool)} {grammars.mark(CALL_END)}"

        rules = grammars.calls(conversation.callable, write, has_several=conversation.parallel)
        return f"{rules}\n{VALUES.format(quote=grammars.mark(QUOTE), until=grammars.until(QUOTE))}"

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape = reading.tape
        yield from tape.blank()
        yield from tape.expect("call:")
        name, _ = yield from tape.short_until(marks("{"))
        tape.at -= 1
        reading.begin(name.strip())
        yield from _value(reading, 0)
        yield from tape.blank()
        yield from tape.starts(CALL_END)


def _value(reading: Reading, depth: int) -> Script[None]:
    """Read a value and hand it on as JSON. Raises: Unexpected."""
    tape = reading.tape
    first = yield from tape.blank()
    if depth > DEEPEST:
        raise Unexpected("a value")
    if first in ("{", "["):
        yield from _nested(reading, first == "{", depth)
    elif first == "<" and (yield from tape.starts(QUOTE)):
        reading.grow('"')
        if (yield from tape.until(marks(QUOTE), lambda text: reading.grow(quoted(text)))):
            reading.grow('"')
    else:
        text, end = yield from tape.short_until(SCALAR_END)
        tape.at -= len(end)
        reading.grow(scalar(text.strip()))


def _nested(reading: Reading, is_object: bool, depth: int) -> Script[None]:
    tape = reading.tape
    closing = "}" if is_object else "]"
    reading.grow("{" if is_object else "[")
    tape.at += 1
    has_some = False
    while (following := (yield from tape.blank())) and following != closing:
        if following == ",":
            tape.at += 1
            continue
        reading.grow(", " if has_some else "")
        has_some = True
        if is_object:
            key, _ = yield from tape.short_until(marks(":"))
            reading.grow(f"{json.dumps(key.strip().replace(QUOTE, ''), ensure_ascii=False)}: ")
        yield from _value(reading, depth + 1)
    if following:
        tape.at += 1
        reading.grow(closing)


def _object(tool: Tool) -> str:
    """Return the rule for a tool's arguments, whose keys come in the order of the alphabet, as in the template."""
    found, required = tool.properties, tool.required
    if not found:
        return '"{" "}"' if tool.parameters.get("additionalProperties") is False else "object_"
    pairs = [(f"{grammars.literal(f'{name}:')} {_type(found[name])}", name in required) for name in sorted(found)]
    return f'"{{" {grammars.in_order(pairs, chr(34) + "," + chr(34))} "}}"'


def _type(of: Any) -> str:
    if not isinstance(of, dict):
        return "value_"
    choices = of.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(one, str) for one in choices):
        options = grammars.any_of([grammars.literal(one) for one in choices])
        return f"{grammars.mark(QUOTE)} {options} {grammars.mark(QUOTE)}"
    kinds = {"string": "text_", "array": "list_", "object": "object_", "boolean": "/true|false/", "null": '"null"'}
    numbers = {"integer": "/-?[0-9]{1,20}/", "number": r"/-?[0-9]{1,20}(\.[0-9]{1,20})?/"}
    return (kinds | numbers).get(str(of.get("type")), "value_")
