"""The tools that a request offers, and which of them the model may or must call, in OpenAI's words."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime import chat
from runtime.server.constraints import SchemaField, absent, decode_schema
from runtime.server.openai.messages import Name
from runtime.server.problem import invalid, not_supported

Mode = Literal["auto", "none", "required"]


class FunctionField(msgspec.Struct, kw_only=True):
    """A function; what a call's arguments are described as is always kept to, `strict` or not."""

    name: Name
    description: str | None = None
    parameters: SchemaField = msgspec.field(default_factory=absent)
    strict: bool | None = None


class ToolField(msgspec.Struct, kw_only=True):
    """One tool; only those of type `function` are known."""

    type: str = "function"
    function: FunctionField | None = None


class NamedFunction(msgspec.Struct, kw_only=True):
    """A function by its name."""

    name: Name


class NamedTool(msgspec.Struct, kw_only=True):
    """A tool by its name."""

    type: str = "function"
    function: NamedFunction | None = None


class AllowedTools(msgspec.Struct, kw_only=True):
    """Some of the tools, of which one may or must be called."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Meta(min_length=1, max_length=128)]


class ChosenTool(msgspec.Struct, kw_only=True):
    """OpenAI's `tool_choice` as an object: one function, or some of the tools."""

    type: Literal["function", "allowed_tools"]
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


Tools = Annotated[list[ToolField], Meta(max_length=128)]
Functions = Annotated[list[FunctionField], Meta(max_length=128)]
ToolChoice = Mode | ChosenTool
FunctionChoice = Literal["auto", "none"] | NamedFunction


class Offer(msgspec.Struct, frozen=True):
    """What a conversation is told of tools."""

    tools: list[chat.Tool] = []
    choice: chat.Choice = "auto"
    named: str = ""


def offer_of(tools: Sequence[ToolField], choice: ToolChoice | None) -> Offer:
    """Return the tools and what is to be done with them. Raises: Problem."""
    offered = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
    if isinstance(choice, str | None):
        return chosen(offered, choice or "auto")
    if choice.allowed_tools is not None:
        names = [_name(tool.function, "tool_choice.allowed_tools.tools") for tool in choice.allowed_tools.tools]
        return allowed(offered, names, choice.allowed_tools.mode, "tool_choice.allowed_tools.tools")
    name = _name(choice.function, "tool_choice.function")
    return chosen(offered, "required", name, "tool_choice.function.name")


def offer_of_functions(functions: Sequence[FunctionField], choice: FunctionChoice | None) -> Offer:
    """Return the same for OpenAI's older form. Raises: Problem."""
    offered = [read_function(function, f"functions[{index}]") for index, function in enumerate(functions)]
    if isinstance(choice, NamedFunction):
        return chosen(offered, "required", choice.name, "function_call.name")
    return chosen(offered, choice or "auto")


def chosen(tools: list[chat.Tool], choice: chat.Choice, named: str = "", place: str = "tool_choice") -> Offer:
    """Return `tools` with a choice among them. Raises: Problem when it cannot be made."""
    if named and named not in [tool.name for tool in tools]:
        raise invalid(f"`{place}`: there is no tool `{named[:64]}` in this request.")
    if choice == "required" and not tools:
        raise invalid("`tool_choice`: needs `tools`.")
    return Offer(tools, choice, named)


def allowed(tools: list[chat.Tool], names: Sequence[str], mode: chat.Choice, place: str) -> Offer:
    """Return only the tools of these names. Raises: Problem when there is none of that name."""
    for name in names:
        chosen(tools, mode, name, place)
    return Offer([tool for tool in tools if tool.name in names], mode)


def read_function(field: FunctionField, place: str) -> chat.Tool:
    """Return the tool. Raises: Problem."""
    return chat.Tool(field.name, field.description or "", decode_schema(field.parameters, f"{place}.parameters") or {})


def _tool(field: ToolField, place: str) -> chat.Tool:
    if field.type != "function":
        raise not_supported(f"`{place}`: the type `{field.type[:64]}`")
    if field.function is None:
        raise invalid(f"`{place}.function`: expected an object.")
    return read_function(field.function, f"{place}.function")


def _name(function: NamedFunction | None, place: str) -> str:
    if function is None:
        raise invalid(f"`{place}`: expected the name of a function.")
    return function.name
