"""Turns of a conversation in plain words, for templates that have none for tools."""

import json
from collections.abc import Callable
from typing import Any

from runtime.chat.conversation import Message

WriteCall = Callable[[str, object], str]
"""Writes a call, of a name and its arguments, as the model does."""


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
