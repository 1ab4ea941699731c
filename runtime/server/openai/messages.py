"""The messages of a chat as OpenAI's clients send them, and as the chat layer reads them."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runtime.server.problem import invalid, not_supported

Role = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]

TEXT_PARTS = ("text", "input_text", "output_text", "reasoning_text", "summary_text")


class Part(msgspec.Struct, kw_only=True):
    """One part of a message: `text`, or `refusal`; pictures, sound and files cannot be read."""

    type: str
    text: str | None = None
    refusal: str | None = None


class CalledFunction(msgspec.Struct, kw_only=True):
    """What was called; `arguments` is the text of a JSON object, or the object itself."""

    name: Name
    arguments: str | dict[str, object] | None = None


class ToolCall(msgspec.Struct, kw_only=True):
    """One call in an assistant's message."""

    function: CalledFunction
    id: Annotated[str, Meta(max_length=256)] | None = None
    type: str | None = None


class Message(msgspec.Struct, kw_only=True):
    """One turn of the conversation. `function_call` and the role `function` are OpenAI's older form of tools."""

    role: Role
    content: str | Annotated[list[Part], Meta(max_length=1024)] | UnsetType | None = UNSET
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: Annotated[list[ToolCall], Meta(max_length=256)] | None = None
    function_call: CalledFunction | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


Messages = Annotated[list[Message], Meta(min_length=1, max_length=1024)]


def turns(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the turns: contents as text, arguments of calls as objects. Raises: Problem that names the message."""
    found: list[dict[str, object]] = []
    called = ""
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        turn = _turn(message, place)
        if message.function_call is not None:
            called = f"call_{index}"
            turn["tool_calls"] = [_call(message.function_call, called, f"{place}.function_call")]
        elif message.role == "function":
            turn |= {"role": "tool", "tool_call_id": called}
        found.append(turn)
    return found


def _turn(message: Message, place: str) -> dict[str, object]:
    _check_content(message, place)
    # OpenAI renamed the role; the templates of models know the old name.
    role = "system" if message.role == "developer" else message.role
    turn: dict[str, object] = {"role": role, "content": _text(message, place)}
    thought = message.reasoning_content or message.reasoning
    if thought:
        turn["reasoning_content"] = thought
    if message.tool_calls:
        turn["tool_calls"] = list(_calls(message.tool_calls, place))
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _check_content(message: Message, place: str) -> None:
    if message.content is not UNSET:
        return
    if message.role != "assistant":
        raise invalid(f"`{place}.content`: expected one in a message of the role `{message.role}`.")
    if not any((message.tool_calls, message.function_call, message.refusal, message.reasoning_content)):
        raise invalid(f"`{place}`: expected `content` or `tool_calls`.")


def _text(message: Message, place: str) -> str:
    content = message.content
    if not isinstance(content, list):
        return content or message.refusal or ""
    return join_parts(content, f"{place}.content")


def join_parts(content: str | Sequence[Part], place: str) -> str:
    """Return the text of a message. Raises: Problem for a part that holds a picture, sound or a file."""
    if isinstance(content, str):
        return content
    return "\n".join(_part(part, f"{place}[{index}]") for index, part in enumerate(content))


def _part(part: Part, place: str) -> str:
    if part.type == "refusal":
        return part.refusal or ""
    if part.type in TEXT_PARTS:
        return part.text or ""
    raise invalid(f"`{place}`: this model reads text only, got a part of type `{part.type[:64]}`.")


def _calls(calls: Sequence[ToolCall], place: str) -> Iterator[dict[str, object]]:
    for index, call in enumerate(calls):
        if call.type not in (None, "function"):
            raise not_supported(f"`{place}.tool_calls[{index}]`: the type `{call.type[:64]}`")
        yield _call(call.function, call.id or f"call_{index}", f"{place}.tool_calls[{index}].function")


def _call(function: CalledFunction, call_id: str, place: str) -> dict[str, object]:
    arguments = read_arguments(function.arguments, f"{place}.arguments")
    return {"id": call_id, "type": "function", "function": {"name": function.name, "arguments": arguments}}


def read_arguments(given: str | dict[str, object] | None, place: str) -> dict[str, object]:
    """Return the arguments of a call; none at all are an empty object. Raises: Problem."""
    if isinstance(given, dict):
        return given
    if not given or not given.strip():
        return {}
    try:
        found = msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise invalid(f"`{place}`: expected the JSON of an object.") from None
    if not isinstance(found, dict):
        raise invalid(f"`{place}`: expected the JSON of an object.")
    return found
