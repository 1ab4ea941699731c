"""The request for a response, and the conversation that it means."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from runtime import chat
from runtime.server.constraints import ResponseFormat, SchemaField, SchemaFormat, absent, read_schema
from runtime.server.fields import CountOrAll, GenerationFields, Probabilities
from runtime.server.openai.chat_request import Effort
from runtime.server.openai.messages import Name
from runtime.server.openai.response_input import Input, Turn, system_first, turns_of
from runtime.server.openai.tools import FunctionField, Mode, Offer, allowed, chosen, read_function
from runtime.server.problem import invalid, not_supported

MAX_TURNS = 1024
LOGPROBS = "message.output_text.logprobs"


class ResponseTool(msgspec.Struct, kw_only=True):
    """One tool; only those of type `function` are known."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: SchemaField = msgspec.field(default_factory=absent)
    strict: bool | None = None

    def told(self) -> dict[str, object]:
        """The tool as it is told in the response."""
        parameters = msgspec.json.decode(self.parameters) if bytes(self.parameters) else {}
        told = {"type": self.type, "name": self.name, "description": self.description, "parameters": parameters}
        return {**told, "strict": self.strict is not False}


class NamedTool(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A function by its name."""

    type: str
    name: Name | None = None


class ResponseChoice(NamedTool, kw_only=True, omit_defaults=True):
    """`tool_choice` as an object: one function, or some of the tools."""

    mode: Literal["auto", "required"] | None = None
    tools: Annotated[list[NamedTool], Meta(max_length=128)] | None = None


class TextFormat(msgspec.Struct, kw_only=True):
    """What the text of the answer has to be."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: SchemaField = msgspec.field(default_factory=absent)
    strict: bool | None = None


class TextField(msgspec.Struct, kw_only=True):
    """Of the text of the answer."""

    format: TextFormat | None = None


class ReasoningField(msgspec.Struct, kw_only=True):
    """How much the model thinks; `none` switches it off."""

    effort: Effort | None = None


class ResponseFields(GenerationFields, kw_only=True):
    """What says what the model reads; fields not named here are ignored."""

    schema_name: ClassVar[str] = "text.format.schema"

    input: Input
    instructions: str | None = None
    previous_response_id: Annotated[str, Meta(max_length=256)] | None = None
    tools: Annotated[list[ResponseTool], Meta(max_length=128)] | None = None
    tool_choice: Mode | ResponseChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningField | None = None
    text: TextField | None = None

    def conversation(self, history: Sequence[Turn]) -> chat.Conversation:
        """Return what the chat layer is asked; `history`: the turns before this request. Raises: Problem."""
        turns = [*history, *turns_of(self.input)]
        if not turns:
            raise invalid("`input`: expected at least one item.")
        if len(turns) > MAX_TURNS:
            raise invalid(f"`previous_response_id`: expected at most {MAX_TURNS} turns in all.")
        offer = self._offer()
        effort = (self.reasoning.effort if self.reasoning else None) or ""
        return chat.Conversation(
            messages=system_first(self.instructions, turns),
            tools=offer.tools,
            choice=offer.choice,
            named=offer.named,
            parallel=not offer.named if self.parallel_tool_calls is None else self.parallel_tool_calls,
            thinking=False if effort == "none" else None,
            effort="" if effort == "none" else effort,
        )

    def keep_to_format(self) -> None:
        """Make `text.format` the constraint of the answer. Raises: Problem."""
        wanted = self.text.format if self.text else None
        if wanted is None or wanted.type == "text":
            return
        if self.response_format is not None:
            raise invalid("`text.format`: expected one constraint, got `text.format` and `response_format`.")
        if wanted.type == "json_schema" and read_schema(wanted.schema, self.schema_name) is None:
            raise invalid(f"`{self.schema_name}`: expected an object.")
        schema = SchemaFormat(schema=wanted.schema) if wanted.type == "json_schema" else None
        self.response_format = ResponseFormat(type=wanted.type, json_schema=schema)

    def _offer(self) -> Offer:
        tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(self.tools or [])]
        choice = self.tool_choice
        if isinstance(choice, str | None):
            return chosen(tools, choice or "auto")
        if choice.type == "allowed_tools":
            names = [_name(one, "tool_choice.tools") for one in choice.tools or []]
            return allowed(tools, names, choice.mode or "auto", "tool_choice.tools")
        return chosen(tools, "required", _name(choice, "tool_choice"), "tool_choice.name")


class ResponseBody(ResponseFields, kw_only=True):
    """The request of a response; fields not named here are ignored."""

    max_output_tokens: CountOrAll | None = None
    top_logprobs: Probabilities | None = None
    include: Annotated[list[str], Meta(max_length=64)] | None = None
    store: bool | None = None
    background: bool | None = None
    metadata: Annotated[dict[str, str], Meta(max_length=16)] | None = None
    prompt: object = None
    conversation_id: object = msgspec.field(default=None, name="conversation")

    def check(self) -> None:
        """Raise the Problem with what cannot be answered, if there is one."""
        for name, given in (("prompt", self.prompt), ("conversation", self.conversation_id)):
            if given is not None:
                raise not_supported(f"`{name}`")
        if self.background:
            raise not_supported("`background`")

    @property
    def n_alternatives(self) -> int:
        """How many candidates the engine tells for each token; 0: none are wanted."""
        return max(1, self.top_logprobs or 0) if LOGPROBS in (self.include or []) or self.top_logprobs else 0

    def limit(self, default: int) -> int:
        """Return how many tokens to generate at most; -1: to the end."""
        return super().limit(default) if self.max_output_tokens is None else self.max_output_tokens


def _tool(tool: ResponseTool, place: str) -> chat.Tool:
    if tool.type != "function":
        raise not_supported(f"`{place}`: the tool `{tool.type[:64]}`")
    if tool.name is None:
        raise invalid(f"`{place}.name`: expected `str`.")
    function = FunctionField(name=tool.name, description=tool.description, parameters=tool.parameters)
    return read_function(function, place)


def _name(choice: NamedTool, place: str) -> str:
    if choice.type != "function":
        raise not_supported(f"`{place}`: the type `{choice.type[:64]}`")
    if choice.name is None:
        raise invalid(f"`{place}.name`: expected `str`.")
    return choice.name
