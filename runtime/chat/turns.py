"""Turns and tools in plain words, for templates that have none for tools."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from runtime.chat.conversation import Message, Tool

WriteCall = Callable[[str, object], str]
"""Writes a call, of a name and its arguments, as the model does."""

MOST_SCHEMA = 400
"""Characters of a parameter's type that is shown as a schema."""


def with_system(messages: list[Message], words: str) -> list[Message]:
    """Return the turns with `words` at the end of the system turn, which is added if there is none."""
    if messages and messages[0].get("role") in ("system", "developer"):
        head, *rest = messages
        return [{**head, "content": f"{head.get('content') or ''}\n\n{words}".lstrip()}, *rest]
    return [{"role": "system", "content": words}, *messages]


def in_words(messages: list[Message], write: WriteCall) -> list[Message]:
    """Return the turns with calls as text of the assistant, and their results as turns of the user."""
    told: list[Message] = []
    names: dict[object, str] = {}
    for message in messages:
        if message.get("tool_calls"):
            turn = _with_calls(message, names, write)
        elif message.get("role") == "tool":
            turn = {"role": "user", "content": _result(message, names)}
        else:
            turn = message
        if told and told[-1].get("role") == turn.get("role") == "user":
            turn = {**turn, "content": f"{told.pop().get('content') or ''}\n\n{turn.get('content') or ''}"}
        told.append(turn)
    return told


def functions_in_words(tools: Sequence[Tool]) -> str:
    """Return lines that say which functions there are, each as the call that it wants."""
    return "\n".join(line for tool in tools for line in _function(tool))


def _with_calls(message: Message, names: dict[object, str], write: WriteCall) -> Message:
    lines = [str(message["content"])] if message.get("content") else []
    calls: Any = message["tool_calls"]
    for call in calls:
        function = call.get("function", call)
        names[call.get("id")] = function.get("name", "")
        lines.append(write(function.get("name", ""), function.get("arguments") or {}))
    return {key: found for key, found in message.items() if key != "tool_calls"} | {"content": "\n".join(lines)}


def _result(message: Message, names: dict[object, str]) -> str:
    name = message.get("name") or names.get(message.get("tool_call_id"), "")
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return f"Result of {name}:\n{text}" if name else f"Result:\n{text}"


def _function(tool: Tool) -> Iterator[str]:
    """Yield the call that the tool wants, with types for values, and what is said of each parameter."""
    properties, required = tool.properties, tool.required
    types = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_type(of)}" for name, of in properties.items())
    about = f" - {tool.description}" if tool.description else ""
    yield f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": {{{types}}}}}{about}'
    for name, of in properties.items():
        said = of.get("description") if isinstance(of, dict) else None
        notes = [*([] if name in required else ["optional"]), *([str(said)] if said else [])]
        if notes:
            yield f"  {name}: {', '.join(notes)}"


def _type(of: object) -> str:
    if not isinstance(of, dict):
        return "any"
    if isinstance(of.get("enum"), list):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in of["enum"])
    kind = of.get("type")
    if kind in ("object", "array") or not isinstance(kind, str):
        schema = json.dumps({key: found for key, found in of.items() if key != "description"}, ensure_ascii=False)
        return schema if len(schema) <= MOST_SCHEMA else str(kind or "any")
    return kind
