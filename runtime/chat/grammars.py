"""Writes grammars for answers in Lark's notation, with the words that `runtime.engine.constraints.lark` adds to it.

`ws` is what models put between the parts. Rules end in `_`, so that none of a request's own grammar has the name of
one of these.
"""

import json
import re
from collections.abc import Callable, Sequence

from runtime.chat.conversation import Tool
from runtime.engine.protocol import Grammar

Schema = dict[str, object]

WS = r"ws_: /[ \n\t]{1,12}/"
SPACE = r"[ \n\t]{0,12}"
"""Where white space may be, in a pattern."""

MOST_BYTES = 56_000
"""Of all calls together; the largest schemas become any object until the rest fits."""

MOST_BEGINNINGS = 16
"""Of parts of which none must be there: one of so many comes first."""

WORDS_ONLY = frozenset("description title default examples example $comment $schema $id deprecated".split())
MAPS = ("properties", "patternProperties", "$defs", "definitions")
LITERAL_OR_START = re.compile(r'"(?:\\.|[^"\\])*"|/(?:\\.|[^/\\])*/|(?<![\w-])start(?![\w-])')


def literal(text: str) -> str:
    """Return what matches exactly `text`."""
    return json.dumps(text, ensure_ascii=False)


def mark(text: str) -> str:
    """Return what matches a mark of the model's, which may be a token of its own."""
    return f"%mark {literal(text)}"


def until(text: str) -> str:
    """Return what matches any text up to a mark, and the mark."""
    return f"%until {literal(text)}"


def pattern(*parts: str) -> str:
    """Return what matches the parts one after the other, each a regular expression."""
    return f"/{''.join(parts)}/"


def escaped(text: str) -> str:
    """Return the regular expression of exactly `text`."""
    return "".join(f"\\{sign}" if sign in r"\/.^$*+?()[]{}|" else sign for sign in text).replace("\n", r"\n")


def in_json(text: str) -> str:
    """Return the regular expression of `text` as a JSON string."""
    return escaped(json.dumps(text, ensure_ascii=False))


def schema(of: object) -> str:
    """Return what matches JSON of this schema, as far as an answer can be held to it."""
    return f"%loose {json.dumps(of, ensure_ascii=False)}"


def any_of(rules: Sequence[str]) -> str:
    """Return what matches one of the rules."""
    return f"({' | '.join(rules)})"


def calls(
    tools: Sequence[Tool],
    write: Callable[[Tool], str],
    *,
    has_several: bool,
    between: str = "ws_?",
    around: str = "{}",
    further: str = "",
) -> str:
    """Return the rules `calls_` and `call_`.

    write: gives the rule for one call. around: what stands around all of them. further: rules that these need.
    """
    rest = f" ({between} call_)*" if has_several else ""
    lines = [
        f"calls_: {around.format('call_' + rest)}",
        f"call_: {' | '.join(f'call_{index}_' for index in range(len(tools)))}",
        *(f"call_{index}_: {rule}" for index, rule in enumerate(_fitted(tools, write))),
        further,
        WS,
    ]
    return "\n".join(filter(None, lines))


def json_rules(
    name: str = "name", arguments: str = "arguments", *, before: str = "", after: str = "", space: str = SPACE
) -> str:
    """Return the rules that `json_call` needs. before, after: patterns for what else stands in the object."""
    head = pattern("\\{", space, before, in_json(name), space, ": ?", space)
    middle = pattern(space, ", ?", space, in_json(arguments), space, ": ?", space)
    return f"head_: {head}\nmiddle_: {middle}\ntail_: {pattern(after, space, chr(92) + '}')}"


def json_call(tool: Tool) -> str:
    """Return the rule for a call as a JSON object."""
    return f"head_ {literal(json.dumps(tool.name, ensure_ascii=False))} middle_ {schema(tool.parameters)} tail_"


def call_schema(tool: Tool, arguments: str) -> str:
    """Return the rule for a call as a JSON object, by a schema of the whole."""
    properties = {"name": {"const": tool.name}, arguments: _moved(tool.parameters, f"#/properties/{arguments}")}
    whole = {"type": "object", "properties": properties, "required": ["name", arguments], "additionalProperties": False}
    return schema(whole)


def in_order(pairs: Sequence[tuple[str, bool]], between: str) -> str:
    """Return what matches parts in this order with `between` between them; each says whether it must be there."""
    first = next((index for index, (_, is_required) in enumerate(pairs) if is_required), None)
    if first is not None:
        before = " ".join(f"({pair} {between})?" for pair, _ in pairs[:first])
        return f"{before} {pairs[first][0]} {_behind(pairs[first + 1 :], between)}"
    beginnings = [f"{pair} {_behind(pairs[at + 1 :], between)}" for at, (pair, _) in enumerate(pairs[:MOST_BEGINNINGS])]
    return f"({' | '.join(beginnings)})?"


def _behind(pairs: Sequence[tuple[str, bool]], between: str) -> str:
    return " ".join(f"{between} {pair}" if is_required else f"({between} {pair})?" for pair, is_required in pairs)


def answer(grammar: Grammar) -> str | None:
    """Return the rule `answer_` for what a request wants of the text; None if it cannot be part of another grammar."""
    if grammar.triggers:
        return None
    if grammar.kind == "json":
        return 'answer_: %json {"type": "object"}'
    if grammar.kind == "json_schema":
        return f"answer_: %json {grammar.text}"
    if grammar.kind == "regex":
        inside = re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", grammar.text, flags=re.DOTALL)
        return f"answer_: {pattern(inside.replace(chr(10), chr(92) + 'n'))}"
    if grammar.kind == "lark":
        return LITERAL_OR_START.sub(lambda found: "answer_" if found[0] == "start" else found[0], grammar.text)
    return None


def _fitted(tools: Sequence[Tool], write: Callable[[Tool], str]) -> list[str]:
    """Return the rules for calls; the longest are written for any object until the rest fits."""
    lean = [Tool(tool.name, tool.description, _lean_object(tool.parameters)) for tool in tools]
    rules = [write(tool) for tool in lean]
    total = sum(len(rule.encode()) for rule in rules)
    for index in sorted(range(len(rules)), key=lambda index: -len(rules[index])):
        if total <= MOST_BYTES:
            break
        total -= len(rules[index].encode())
        rules[index] = write(Tool(tools[index].name, "", {"type": "object"}))
        total += len(rules[index].encode())
    return rules


def _lean_object(parameters: Schema) -> Schema:
    """Return the schema of arguments, which are an object always; a tool that lists none takes none."""
    found = _lean(parameters)
    lean = found if isinstance(found, dict) else {}
    if not any(keyword in lean for keyword in ("$ref", "anyOf", "oneOf", "allOf")):
        lean = {**lean, "type": "object"}
        if not lean.get("properties") and "patternProperties" not in lean:
            lean.setdefault("additionalProperties", False)
    return lean


def _moved(node: object, place: str) -> object:
    """Return a schema that stands at `place` of another, with references that still lead inside it."""
    if isinstance(node, list):
        return [_moved(item, place) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: place + found[1:]
        if key == "$ref" and isinstance(found, str) and found.startswith("#")
        else _moved(found, place)
        for key, found in node.items()
    }


def _lean(node: object) -> object:
    """Return a schema without the words for readers, which can be longer than the rest."""
    if isinstance(node, list):
        return [_lean(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        keyword: {name: _lean(item) for name, item in found.items()}
        if keyword in MAPS and isinstance(found, dict)
        else found
        if keyword in ("enum", "const")
        else _lean(found)
        for keyword, found in node.items()
        if keyword not in WORDS_ONLY
    }
