"""LFM2, which writes calls as Python does: `<|tool_call_start|>[get_weather(city='Oslo', days=3)]<|tool_call_end|>`."""

import ast
import json
from typing import Any

from runtime.chat import grammars
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.json_text import scalar, string
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks

OPEN, CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"
DEEPEST = 32
WORDS = {"True": "true", "False": "false", "None": "null"}
SCALAR_END = marks(",", ")", "]", "}", CLOSE)
VALUES = r"""string_: /"([^"\\\n]|\\[^\n])*"|'([^'\\\n]|\\[^\n])*'/
number_: /-?[0-9]{1,20}(\.[0-9]{1,20})?/
whole_: /-?[0-9]{1,20}/
truth_: /True|False/
dict_: "{" (string_ ": " value_ (", " string_ ": " value_)*)? "}"
list_: "[" (value_ (", " value_)*)? "]"
value_: string_ | number_ | truth_ | "None" | dict_ | list_"""
RULES = {"string": "string_", "number": "number_", "integer": "whole_", "boolean": "truth_", "null": '"None"'}
RULES |= {"object": "dict_", "array": "list_"}


class Pythonic(Family):
    """Of the schema, names, required arguments, choices and plain types are held to."""

    name = "pythonic"
    call_marks = (OPEN,)
    shown = (CLOSE,)

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            lambda tool: f'{grammars.literal(tool.name)} "(" {_arguments(tool)} ")"',
            between='", "',
            has_several=conversation.parallel,
            around=f'{grammars.mark(OPEN)} "[" {{}} "]" {grammars.mark(CLOSE)}',
            further=VALUES,
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape, n_read = reading.tape, 0
        yield from tape.blank()
        yield from tape.starts("[")
        while (following := (yield from tape.blank())) and following not in "]<":
            if following == ",":
                tape.at += 1
                continue
            name, _ = yield from tape.short_until(marks("("))
            reading.begin(name.strip())
            n_read += 1
            yield from _nested(reading, ")", "=", 0)
        if not n_read:
            raise Unexpected("a call")
        yield from tape.starts("]")
        yield from tape.blank()
        yield from tape.starts(CLOSE)


def _nested(reading: Reading, closing: str, between: str, depth: int) -> Script[None]:
    """Read what stands in brackets, up to `closing`, and hand it on as JSON; the opening one is read already."""
    tape, has_some = reading.tape, False
    reading.grow("{" if between else "[")
    while (following := (yield from tape.blank())) and following != closing:
        if following == ",":
            tape.at += 1
            continue
        reading.grow(", " if has_some else "")
        has_some = True
        if between:
            key, _ = yield from tape.short_until(marks(between))
            reading.grow(f"{json.dumps(key.strip().strip(chr(39) + chr(34)), ensure_ascii=False)}: ")
        yield from _value(reading, depth + 1)
    if following:
        tape.at += 1
        reading.grow("}" if between else "]")


def _value(reading: Reading, depth: int) -> Script[None]:
    tape = reading.tape
    first = yield from tape.blank()
    if depth > DEEPEST:
        raise Unexpected("a value")
    if first in ("'", '"'):
        yield from _string(reading)
    elif first in ("{", "["):
        tape.at += 1
        yield from _nested(reading, "}" if first == "{" else "]", ":" if first == "{" else "", depth)
    else:
        text, end = yield from tape.short_until(SCALAR_END)
        tape.at -= len(end)
        reading.grow(WORDS.get(text.strip()) or scalar(text.strip()))


def _string(reading: Reading) -> Script[None]:
    """Hand on a string as a whole: only then its escapes are known. One that was cut off is left out."""
    parts: list[str] = []
    if (yield from string(reading.tape, parts.append)):
        reading.grow(json.dumps(_unquoted("".join(parts)), ensure_ascii=False))


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        found = ast.literal_eval(text.replace("\n", "\\n"))
    except (ValueError, SyntaxError):
        return text[1:-1]
    return found if isinstance(found, str) else text


def _arguments(tool: Tool) -> str:
    if not tool.properties:
        free = r'(/[A-Za-z_][A-Za-z0-9_]{0,63}=/ value_ (", " /[A-Za-z_][A-Za-z0-9_]{0,63}=/ value_)*)?'
        return "" if tool.parameters.get("additionalProperties") is False else free
    required = tool.required
    pairs = [(f"{grammars.literal(f'{name}=')} {_type(of)}", name in required) for name, of in tool.properties.items()]
    return grammars.in_order(pairs, '", "')


def _type(of: Any) -> str:
    if not isinstance(of, dict):
        return "value_"
    choices = of.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(one, str) for one in choices):
        return grammars.any_of([grammars.literal(quoted) for one in choices for quoted in (json.dumps(one), repr(one))])
    return RULES.get(str(of.get("type")), "value_")
