"""Writes the turns of a conversation in the form that a template can take.

Nothing here changes what it is given.

Does not know: Jinja, the template's text.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

Message = dict[str, Any]

SHORT_ID = 9
"""Mistral's templates refuse ids of calls that are not 9 letters or digits."""

THOUGHTS = ("reasoning_content", "thinking", "reasoning")
"""What a turn's reasoning is called, the usual name first."""


@dataclass(frozen=True)
class Abilities:
    """What a template can take.

    parts: content only as a list of parts. arguments: of calls, as an object or as JSON text; empty: it does
    not show calls. results: it shows tool turns. null_content: it takes turns with calls and without content.
    short_ids: ids of calls have to have SHORT_ID letters.
    """

    parts: bool = False
    arguments: Literal["object", "text", ""] = "object"
    results: bool = True
    null_content: bool = True
    short_ids: bool = False


def plain_turn(message: Message) -> Message:
    """Return the turn with its content as one text, `developer` called `system`, its thought under both names."""
    turn = dict(message)
    content = turn.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
        turn["content"] = "\n".join(text for text in texts if isinstance(text, str))
    elif content is None:
        turn["content"] = None if turn.get("tool_calls") else ""
    if turn.get("role") == "developer":
        turn["role"] = "system"
    thought = next((turn[name] for name in THOUGHTS if turn.get(name) is not None), None)
    return turn if thought is None else {"thinking": thought, **turn, "reasoning_content": thought}


def copied(value: object) -> Any:
    """Return a copy of JSON data all the way down."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list | tuple) else value


def adapted(turns: list[Message], abilities: Abilities) -> list[Message]:
    """Return the turns in the form that a template with these abilities shows."""
    if not abilities.arguments:
        turns = [told(turn) for turn in turns]
    if not abilities.results:
        turns = _joined_users(_heard(turn) for turn in turns)
    turns = [_with_calls(turn, abilities) for turn in turns]
    if abilities.short_ids:
        turns = _with_short_ids(turns)
    return [in_parts(turn) for turn in turns] if abilities.parts else turns


def told(turn: Message) -> Message:
    """Return a turn's calls as part of what it says."""
    if not turn.get("tool_calls"):
        return turn
    functions = [call.get("function", call) for call in turn["tool_calls"]]
    calls = [{"name": call.get("name"), "arguments": call.get("arguments")} for call in functions]
    lines = [turn.get("content"), *(json.dumps(call, ensure_ascii=False) for call in calls)]
    return {**_without(turn, "tool_calls"), "content": "\n".join(line for line in lines if line)}


def in_parts(turn: Message) -> Message:
    """Return the turn with its content as a list."""
    return {**turn, "content": [{"type": "text", "text": turn["content"] or ""}]}


def text_of(turn: Message) -> str:
    """Return the content of an adapted turn as text."""
    content = turn["content"]
    return str(content[0]["text"]) if isinstance(content, list) else content or ""


def extended(turn: Message, end: str) -> Message:
    """Return the adapted turn with `end` after its content."""
    longer = {**turn, "content": text_of(turn) + end}
    return in_parts(longer) if isinstance(turn["content"], list) else longer


def merged_system(turns: list[Message]) -> list[Message]:
    """Put the system turn at the head of the turn after it, or drop it if it is alone."""
    system, *rest = turns
    return [_joined(system, rest[0]), *rest[1:]] if rest else rest


def without_thoughts(turns: Iterable[Message]) -> list[Message]:
    """Leave the thoughts away where a turn has content and calls as well: gpt-oss refuses all three."""
    return [
        {key: value for key, value in turn.items() if key not in THOUGHTS}
        if turn.get("tool_calls") and turn.get("content")
        else turn
        for turn in turns
    ]


def described(tools: list[Message]) -> list[Message]:
    """Give each tool and each of its parameters a description: Command R+ cannot do without."""
    return [{**tool, "function": _described(tool.get("function"))} for tool in tools]


def _described(function: Any) -> Any:
    if not isinstance(function, dict):
        return function
    schema = function.get("parameters") or {}
    properties = {
        name: {"description": "", "type": "string", **about} if isinstance(about, dict) else about
        for name, about in (schema.get("properties") or {}).items()
    }
    return {"description": "", **function, "parameters": {**schema, "properties": properties}}


def single_calls(turns: list[Message]) -> list[Message]:
    """Write a turn with several calls as several turns: Llama 3's templates refuse it."""
    done: list[Message] = []
    at = 0
    while at < len(turns):
        turn, at = turns[at], at + 1
        if len(turn.get("tool_calls") or []) < 2:
            done.append(turn)
            continue
        results = list(takewhile(lambda other: other.get("role") == "tool", turns[at:]))
        done.extend(_one_by_one(turn, results))
        at += len(results)
    return done


def _one_by_one(turn: Message, results: list[Message]) -> Iterator[Message]:
    """Yield the turn once for each of its calls, and after each the result of that call."""
    first, *others = turn["tool_calls"]
    bare = {key: value for key, value in turn.items() if key not in THOUGHTS}
    bare["content"] = bare["content"][:0] if bare["content"] else bare["content"]
    waiting = list(results)
    for single in ({**turn, "tool_calls": [first]}, *({**bare, "tool_calls": [call]} for call in others)):
        yield single
        identity = single["tool_calls"][0].get("id")
        own = [result for result in waiting if identity and result.get("tool_call_id") == identity]
        for result in own[:1] or waiting[:1]:
            waiting.remove(result)
            yield result
    yield from waiting


def _joined(first: Message, second: Message) -> Message:
    joined = {**second, "content": f"{text_of(first)}\n{text_of(second)}"}
    return in_parts(joined) if isinstance(second["content"], list) else joined


def _joined_users(turns: Iterable[Message]) -> list[Message]:
    """Join user turns that follow one another: templates that want roles in turn refuse them."""
    joined: list[Message] = []
    for turn in turns:
        if joined and turn.get("role") == joined[-1].get("role") == "user":
            joined[-1] = _joined(joined[-1], turn)
        else:
            joined.append(turn)
    return joined


def _heard(turn: Message) -> Message:
    """Return a tool's result as a turn of the user."""
    if turn.get("role") != "tool":
        return turn
    name = {"name": turn["name"]} if turn.get("name") else {}
    return {"role": "user", "content": json.dumps({**name, "result": turn["content"]}, ensure_ascii=False)}


def _with_calls(turn: Message, abilities: Abilities) -> Message:
    if not turn.get("tool_calls"):
        return turn
    content = turn["content"] if turn["content"] is not None or abilities.null_content else ""
    convert = _as_text if abilities.arguments == "text" else _as_object
    return {**turn, "content": content, "tool_calls": [_with_arguments(call, convert) for call in turn["tool_calls"]]}


def _with_arguments(call: Message, convert: Any) -> Message:
    function = call.get("function")
    if not isinstance(function, dict) or "arguments" not in function:
        return call
    return {**call, "function": {**function, "arguments": convert(function["arguments"])}}


def _as_text(arguments: object) -> object:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _as_object(arguments: object) -> object:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _with_short_ids(turns: list[Message]) -> list[Message]:
    """Shorten the ids of calls and results alike; those that have none get them in the order of the calls."""
    done: list[Message] = []
    waiting: list[str] = []
    for number, turn in enumerate(turns):
        if turn.get("tool_calls"):
            waiting = [_short(call.get("id") or f"{number}.{index}") for index, call in enumerate(turn["tool_calls"])]
            calls = zip(turn["tool_calls"], waiting, strict=True)
            turn = {**turn, "tool_calls": [{**call, "id": short} for call, short in calls]}
        elif turn.get("role") == "tool":
            given = turn.get("tool_call_id")
            short = _short(given) if given else (waiting[0] if waiting else _short(str(number)))
            waiting = [other for other in waiting if other != short]
            turn = {**turn, "tool_call_id": short}
        done.append(turn)
    return done


def _short(given: str) -> str:
    if len(given) == SHORT_ID and given.isascii() and given.isalnum():
        return given
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:SHORT_ID]


def _without(turn: Message, key: str) -> Message:
    return {name: value for name, value in turn.items() if name != key}
