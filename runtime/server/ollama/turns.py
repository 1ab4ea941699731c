"""The turns of a conversation as Ollama's clients write them, made the form that all templates know."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.chat import Tool
from runtime.server.constraints import SchemaField, absent, decode_schema
from runtime.server.problem import invalid, not_supported

Turn = dict[str, object]
Role = Annotated[str, Meta(min_length=1, max_length=64)]
Images = list[msgspec.Raw]


class CalledFunction(msgspec.Struct, kw_only=True):
    """A function and what it was called with, as an object."""

    name: str
    arguments: dict[str, object] | None = None
    index: int | None = None


class CallField(msgspec.Struct, kw_only=True):
    """A call that the model has made."""

    function: CalledFunction
    id: str | None = None


class MessageField(msgspec.Struct, kw_only=True):
    """One turn. `tool_name` or `tool_call_id` say which call a turn of the role `tool` answers; without: the next."""

    role: Role
    content: str | None = None
    thinking: str | None = None
    images: Images | None = None
    tool_calls: list[CallField] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class FunctionField(msgspec.Struct, kw_only=True):
    """A function that the model may call; `parameters` is the JSON schema of an object."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: SchemaField = msgspec.field(default_factory=absent)


class ToolField(msgspec.Struct, kw_only=True):
    """A tool; all are functions."""

    function: FunctionField
    type: str | None = None


def tools(given: Sequence[ToolField] | None) -> list[Tool]:
    """Return the tools that the model may call. Raises: Problem."""
    return [_tool(field.function, f"tools[{place}].function") for place, field in enumerate(given or [])]


def turns(messages: Sequence[MessageField]) -> list[Turn]:
    """Return the turns; calls without an id get one, and their results name it. Raises: Problem."""
    found: list[Turn] = []
    waiting: dict[str, str] = {}
    for place, message in enumerate(messages):
        refuse_images(message.images, f"messages[{place}].images")
        turn: Turn = {"role": message.role.lower(), "content": message.content or ""}
        if message.thinking:
            turn["reasoning_content"] = message.thinking
        if message.tool_calls:
            turn["tool_calls"] = list(_calls(message.tool_calls, place, waiting))
        if turn["role"] == "tool":
            turn |= _answered(message, waiting)
        found.append(turn)
    return found


def refuse_images(images: Sequence[object] | None, field: str) -> None:
    """Raise the Problem of a request with images."""
    if images:
        raise not_supported(f"`{field}`: a model that sees")


def unfinished(conversation: list[Turn]) -> str:
    """Take a last turn of the assistant away and return its text: the answer begins with it."""
    last = conversation[-1]
    if last["role"] != "assistant" or "tool_calls" in last:
        return ""
    if len(conversation) == 1:
        raise invalid("`messages`: expected a turn before that of the assistant, which is continued.")
    conversation.pop()
    return str(last["content"])


def _tool(field: FunctionField, place: str) -> Tool:
    return Tool(field.name, field.description or "", decode_schema(field.parameters, f"{place}.parameters") or {})


def _calls(calls: Sequence[CallField], place: int, waiting: dict[str, str]) -> Iterator[Turn]:
    """Yield the calls in OpenAI's form; `waiting`: names of those without a result, by their ids."""
    for number, call in enumerate(calls):
        # Nine letters and digits: Mistral's templates take no other.
        call_id = call.id or f"call{place % 1000:03d}{number % 100:02d}"
        waiting[call_id] = call.function.name
        function = {"name": call.function.name, "arguments": call.function.arguments or {}}
        yield {"id": call_id, "type": "function", "function": function}


def _answered(message: MessageField, waiting: dict[str, str]) -> Turn:
    """The call that a result belongs to: the one it names, or the first that has none yet."""
    call_id = message.tool_call_id
    if call_id is None:
        fitting = [one for one, name in waiting.items() if message.tool_name in (None, name)]
        call_id = fitting[0] if fitting else None
    name = message.tool_name or waiting.get(call_id or "")
    waiting.pop(call_id or "", None)
    known = {"tool_call_id": call_id, "name": name}
    return {key: value for key, value in known.items() if value}
