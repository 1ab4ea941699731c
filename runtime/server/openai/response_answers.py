"""What the routes of responses answer, as records; the tests read real answers into them."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from runtime.server.probabilities import Drawn

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(msgspec.Struct, kw_only=True):
    """Text for the person who asked; `logprobs` where they were asked for."""

    type: Literal["output_text"]
    text: str
    annotations: list[str]
    logprobs: list[Drawn]


class ReasoningText(msgspec.Struct, kw_only=True):
    """A thought."""

    type: Literal["reasoning_text"]
    text: str


class OutputMessage(msgspec.Struct, kw_only=True, tag="message"):
    """What the model has said."""

    id: str
    role: Literal["assistant"]
    status: ItemStatus
    content: list[OutputText]


class OutputReasoning(msgspec.Struct, kw_only=True, tag="reasoning"):
    """What the model has thought; nothing is summarised."""

    id: str
    status: ItemStatus
    summary: list[str]
    content: list[ReasoningText]


class OutputCall(msgspec.Struct, kw_only=True, tag="function_call"):
    """The call of a tool; `arguments` is the text of a JSON object."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    arguments: str


class InputDetails(msgspec.Struct, kw_only=True):
    """Of the tokens that were read: those known from earlier requests, and those that are known from now on."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(msgspec.Struct, kw_only=True):
    """Of the tokens that were written, those of thoughts."""

    reasoning_tokens: int


class ResponseUsage(msgspec.Struct, kw_only=True):
    """Counts of tokens."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Incomplete(msgspec.Struct, kw_only=True):
    """Why the answer was cut off."""

    reason: Literal["max_output_tokens"]


class ResponseError(msgspec.Struct, kw_only=True):
    """Why a streamed response broke."""

    code: Literal["server_error"]
    message: str | None


class Effort(msgspec.Struct, kw_only=True):
    """What was asked for."""

    effort: str | None
    summary: None


class TextFormat(msgspec.Struct, kw_only=True):
    """What the text had to be."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | UnsetType = UNSET
    schema: dict[str, Any] | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class Text(msgspec.Struct, kw_only=True):
    """Of the text of the answer."""

    format: TextFormat


class Tool(msgspec.Struct, kw_only=True):
    """A tool that was offered."""

    type: Literal["function"]
    name: str
    description: str | None
    parameters: dict[str, Any] | None
    strict: bool


class Response(msgspec.Struct, kw_only=True):
    """A response: what was asked for, and the items that the model has written."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    background: Literal[False]
    error: ResponseError | None
    incomplete_details: Incomplete | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputMessage | OutputReasoning | OutputCall]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: Effort
    store: bool
    temperature: float
    text: Text
    tool_choice: str | dict[str, Any]
    tools: list[Tool]
    top_p: float
    truncation: Literal["disabled"]
    usage: ResponseUsage | None


class DeletedResponse(msgspec.Struct, kw_only=True):
    """The server remembers it no more."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]
