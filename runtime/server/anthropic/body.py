"""What a request to Anthropic's routes may hold; fields not named here, such as `cache_control`, are ignored."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from runtime.engine.protocol import Seed
from runtime.server.adapters import LoraFields
from runtime.server.constraints import SchemaField, absent
from runtime.server.fields import CountOrAll, Penalty, Scale, Share, StopWord

Name = Annotated[str, Meta(min_length=1, max_length=256)]


class TextBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="text"):
    """Text."""

    text: str


class ImageBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="image"):
    """A picture, which is refused: this model reads text only."""

    source: Raw = msgspec.field(default_factory=absent)


class TextSource(msgspec.Struct, kw_only=True, tag_field="type", tag="text"):
    """A document that is plain text."""

    data: str


class ContentSource(msgspec.Struct, kw_only=True, tag_field="type", tag="content"):
    """A document that is made of blocks."""

    content: str | list[TextBlock | ImageBlock]


class Base64Source(msgspec.Struct, kw_only=True, tag_field="type", tag="base64"):
    """A PDF, which is refused."""


class UrlSource(msgspec.Struct, kw_only=True, tag_field="type", tag="url"):
    """A document somewhere else, which is refused: this server fetches nothing."""


class FileSource(msgspec.Struct, kw_only=True, tag_field="type", tag="file"):
    """An uploaded file, which is refused: there are none here."""


class DocumentBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="document"):
    """A document; its title and context stand before its text."""

    source: TextSource | ContentSource | Base64Source | UrlSource | FileSource
    title: str | None = None
    context: str | None = None


class SearchResultBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="search_result"):
    """Something that was found; its title and source stand before its text."""

    title: str
    source: str
    content: list[TextBlock]


class ThinkingBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="thinking"):
    """What the model thought in an earlier turn; its `signature` is not looked at."""

    thinking: str


class RedactedThinkingBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="redacted_thinking"):
    """Thoughts that only Anthropic can read; left out."""


class ToolUseBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="tool_use"):
    """A call of an earlier turn."""

    id: Name
    name: Name
    input: dict[str, object] = {}


class ToolResultBlock(msgspec.Struct, kw_only=True, tag_field="type", tag="tool_result"):
    """What came of a call; that of a failed one begins with `Error: `."""

    tool_use_id: Name
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock] | None = None
    is_error: bool | None = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Turn(msgspec.Struct, kw_only=True):
    """One turn. Turns of one role in a row become one; if the last is the assistant's, the answer goes on with it."""

    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[Block], Meta(max_length=4096)]


class ToolField(msgspec.Struct, kw_only=True):
    """A tool that the client runs. One that Anthropic runs, or whose schema only its models know, is refused."""

    name: Name
    type: str | None = None
    description: str | None = None
    input_schema: SchemaField = msgspec.field(default_factory=absent)


class ToolChoice(msgspec.Struct, kw_only=True):
    """Whether tools are called; `name` with `tool`."""

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, kw_only=True):
    """Whether the model thinks; with `enabled` for `budget_tokens` at most, 0 being not at all.

    display: with `omitted` the thoughts are left out of the answer.
    """

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=0, le=1 << 24)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(msgspec.Struct, kw_only=True):
    """What the answer has to be."""

    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(msgspec.Struct, kw_only=True):
    """How the answer looks, and how much thought goes into it."""

    format: OutputFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class CountBody(msgspec.Struct, kw_only=True):
    """A request whose tokens are counted. `thread` is refused: this server keeps no conversations."""

    messages: Annotated[list[Turn], Meta(min_length=1, max_length=10_000)]
    model: Annotated[str, Meta(max_length=1024)] | None = None
    system: str | list[TextBlock] | None = None
    tools: Annotated[list[ToolField], Meta(max_length=1024)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    thread: Raw = msgspec.field(default_factory=absent)

    @property
    def thought_budget(self) -> int | None:
        """Tokens of thought; None: no limit."""
        return self.thinking.budget_tokens if self.thinking and self.thinking.type == "enabled" else None

    @property
    def format(self) -> OutputFormat | None:
        """What the answer has to be; `output_format` is the older name."""
        return (self.output_config and self.output_config.format) or self.output_format


class MessagesBody(CountBody, kw_only=True):
    """A request for the next turn. The fields from `seed` on are this server's own, with llama-server's meaning."""

    max_tokens: Annotated[int, Meta(ge=0, le=1 << 24)]
    stream: bool | None = None
    stop_sequences: Annotated[list[StopWord], Meta(max_length=16)] | None = None
    temperature: Scale | None = None
    top_k: CountOrAll | None = None
    top_p: Share | None = None
    metadata: Raw = msgspec.field(default_factory=absent)

    seed: Seed | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    repeat_penalty: Scale | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    lora: LoraFields | None = None
    cache_prompt: bool | None = None
