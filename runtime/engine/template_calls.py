"""Writes calls of tools and their results, and tools themselves, in the form that a template can take.

Nothing here changes what it is given.

Does not know: Jinja, the template's text.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

Message = dict[str, Any]

SHORT_ID = 9
"""Mistral's templates refuse ids of calls that are not 9 letters or digits."""

THOUGHTS = ("reasoning_content", "thinking", "reasoning")
"""What a turn's reasoning is called, the usual name first."""


def told(turn: Message) -> Message:
    """Return a turn's calls as part of what it says."""
    if not turn.get("tool_calls"):
        return turn
    functions = [call.get("function", call) for call in turn["tool_calls"]]
    calls = [{"name": call.get("name"), "arguments": call.get("arguments")} for call in functions]
    lines = [turn.get("content"), *(json.dumps(call, ensure_ascii=False) for call in calls)]
    bare = {key: value for key, value in turn.items() if key != "tool_calls"}
    return {**bare, "content": "\n".join(line for line in lines if line)}


def heard(turn: Message) -> Message:
    """Return a tool's result as a turn of the user."""
    if turn.get("role") != "tool":
        return turn
    name = {"name": turn["name"]} if turn.get("name") else {}
    return {"role": "user", "content": json.dumps({**name, "result": turn["content"]}, ensure_ascii=False)}


def with_calls(turn: Message, as_text: bool, null_content: bool) -> Message:
    """Return the turn with its calls' arguments as text or as objects; without content only if that may be."""
    if not turn.get("tool_calls"):
        return turn
    content = turn["content"] if turn["content"] is not None or null_content else ""
    convert = _as_text if as_text else _as_object
    return {**turn, "content": content, "tool_calls": [_with_arguments(call, convert) for call in turn["tool_calls"]]}


def with_short_ids(turns: list[Message]) -> list[Message]:
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


def described(tools: list[Message]) -> list[Message]:
    """Give each tool and each of its parameters a description: Command R+ cannot do without."""
    return [{**tool, "function": _described(tool.get("function"))} for tool in tools]


def _with_arguments(call: Message, convert: Callable[[object], object]) -> Message:
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


def _short(given: str) -> str:
    if len(given) == SHORT_ID and given.isascii() and given.isalnum():
        return given
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:SHORT_ID]


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


def _described(function: Any) -> Any:
    if not isinstance(function, dict):
        return function
    schema = function.get("parameters") or {}
    properties = {
        name: {"description": "", "type": "string", **about} if isinstance(about, dict) else about
        for name, about in (schema.get("properties") or {}).items()
    }
    return {"description": "", **function, "parameters": {**schema, "properties": properties}}
