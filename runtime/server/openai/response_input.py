"""The input of a response, a text or a list of items, as the turns of a conversation.

One turn of the model may be several items: its thoughts, its text, and each of its calls.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.server.openai.messages import Name, Part, join_parts, read_arguments
from runtime.server.problem import invalid, not_supported

Turn = dict[str, object]
Contents = str | Annotated[list[Part], Meta(max_length=1024)]


class Item(msgspec.Struct, kw_only=True):
    """One item: of the type `message` (or none), `function_call`, `function_call_output` or `reasoning`."""

    type: str | None = None
    role: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    content: Contents | None = None
    call_id: Annotated[str, Meta(max_length=256)] | None = None
    name: Name | None = None
    arguments: str | None = None
    output: Contents | None = None
    summary: Annotated[list[Part], Meta(max_length=1024)] | None = None


Input = str | Annotated[list[Item], Meta(max_length=1024)]


def turns_of(given: Input) -> list[Turn]:
    """Return the turns. Raises: Problem that names the item."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    turns: list[Turn] = []
    for index, item in enumerate(given):
        _add(turns, item, f"input[{index}]")
    return turns


def _add(turns: list[Turn], item: Item, place: str) -> None:
    if item.type == "function_call":
        turn = _own_turn(turns, "")
        calls = turn.setdefault("tool_calls", [])
        if isinstance(calls, list):
            calls.append(_call(item, place))
    elif item.type == "function_call_output":
        if item.call_id is None or item.output is None:
            raise invalid(f"`{place}`: expected `call_id` and `output`.")
        text = join_parts(item.output, f"{place}.output")
        turns.append({"role": "tool", "content": text, "tool_call_id": item.call_id})
    elif item.type == "reasoning":
        thought = join_parts(item.content or item.summary or "", f"{place}.content")
        _own_turn(turns, "reasoning_content", "content", "tool_calls")["reasoning_content"] = thought
    elif item.type in (None, "message"):
        _add_message(turns, item, place)
    else:
        raise not_supported(f"`{place}`: the type `{item.type[:64]}`")


def _add_message(turns: list[Turn], item: Item, place: str) -> None:
    if item.role is None or item.content is None:
        raise invalid(f"`{place}`: expected `role` and `content`.")
    text = join_parts(item.content, f"{place}.content")
    if item.role == "assistant":
        _own_turn(turns, "content", "tool_calls")["content"] = text
    else:
        turns.append({"role": "system" if item.role == "developer" else item.role, "content": text})


def _own_turn(turns: list[Turn], *taken: str) -> Turn:
    """The model's last turn, unless it has something of `taken` already or is over; else a new one."""
    if turns and turns[-1]["role"] == "assistant" and not any(turns[-1].get(key) for key in taken):
        return turns[-1]
    turns.append({"role": "assistant", "content": ""})
    return turns[-1]


def _call(item: Item, place: str) -> Turn:
    if item.call_id is None or item.name is None:
        raise invalid(f"`{place}`: expected `call_id` and `name`.")
    arguments = read_arguments(item.arguments, f"{place}.arguments")
    return {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": arguments}}


def system_first(instructions: str | None, turns: Sequence[Turn]) -> list[Turn]:
    """The turns after the instructions, which stand in one turn with a system message that follows them."""
    if not instructions:
        return list(turns)
    if turns and turns[0]["role"] == "system":
        return [{"role": "system", "content": f"{instructions}\n\n{turns[0]['content']}"}, *turns[1:]]
    return [{"role": "system", "content": instructions}, *turns]
