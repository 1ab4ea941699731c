"""What OpenAI's routes answer, as records: chats, completions, vectors, models and counts.

Answers are sent as plain dictionaries, which is quicker; the tests read them into these.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from runtime.server.completed import Completion
from runtime.server.counts import Measured
from runtime.server.probabilities import Drawn

FinishReason = Literal["stop", "length", "tool_calls", "function_call"]


class PromptDetails(msgspec.Struct, kw_only=True):
    """Of a prompt's tokens, those that were known from earlier requests."""

    cached_tokens: int


class CompletionDetails(msgspec.Struct, kw_only=True):
    """Of an answer's tokens, those of the model's thoughts."""

    reasoning_tokens: int


class Usage(msgspec.Struct, kw_only=True):
    """Counts of tokens; of thoughts only where there are any."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails | UnsetType = UNSET


class CalledFunction(msgspec.Struct, kw_only=True):
    """A call; `arguments` is the text of a JSON object."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, kw_only=True):
    """One call of a tool."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(msgspec.Struct, kw_only=True):
    """What the model has said, thought and called; `content` is null when it only called."""

    role: Literal["assistant"]
    content: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    function_call: CalledFunction | UnsetType = UNSET


class TokenLogprobs(msgspec.Struct, kw_only=True):
    """How likely the tokens of a chat's answer were."""

    content: list[Drawn]
    refusal: None = None


class ChatChoice(msgspec.Struct, kw_only=True):
    """One of the answers."""

    index: int
    message: ChatMessage
    logprobs: TokenLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(msgspec.Struct, kw_only=True):
    """A chat's answers. `model` is the one that answered, `system_fingerprint` the build."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage
    timings: Measured
    verbose: Completion | UnsetType = msgspec.field(default=UNSET, name="__verbose")


class ListedLogprobs(msgspec.Struct, kw_only=True):
    """Parallel lists; of the first token of a prompt nothing is known."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class TextChoice(msgspec.Struct, kw_only=True):
    """One of the answers."""

    index: int
    text: str
    logprobs: ListedLogprobs | None
    finish_reason: Literal["stop", "length"]


class TextCompletion(msgspec.Struct, kw_only=True):
    """The continuations of the prompts."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage
    timings: Measured
    verbose: Completion | UnsetType = msgspec.field(default=UNSET, name="__verbose")


class InputTokens(msgspec.Struct, kw_only=True):
    """How many tokens would be read."""

    object: Literal["chat.completion.input_tokens", "response.input_tokens"]
    input_tokens: int


class EmbeddingUsage(msgspec.Struct, kw_only=True):
    """Counts of tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddedText(msgspec.Struct, kw_only=True):
    """One vector: numbers, or base64 of float32, little endian."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Embeddings(msgspec.Struct, kw_only=True):
    """One vector for each text."""

    object: Literal["list"]
    data: list[EmbeddedText]
    model: str
    usage: EmbeddingUsage


class ModelStatus(msgspec.Struct, kw_only=True):
    """unloaded, loading, loaded or failed; `message`: why it failed."""

    value: str
    failed: bool | UnsetType = UNSET
    message: str | UnsetType = UNSET


class ModelMeta(msgspec.Struct, kw_only=True):
    """What the model's file says; `size` in bytes."""

    vocab_type: int
    n_vocab: int
    n_ctx: int
    n_ctx_train: int
    n_embd: int
    n_params: int
    size: int
    ftype: str


class Model(msgspec.Struct, kw_only=True):
    """A model, or an adapter with its model as `parent`; `meta` is null until the model was loaded once.

    type, display_name, created_at: for the clients of Anthropic.
    """

    id: str
    type: Literal["model"]
    display_name: str
    created_at: str
    aliases: list[str]
    object: Literal["model"]
    created: int
    owned_by: Literal["lmfile"]
    role: str
    status: ModelStatus
    meta: ModelMeta | None
    parent: str | UnsetType = UNSET


class Models(msgspec.Struct, kw_only=True):
    """Every model there is, loaded or not, and after each its adapters."""

    object: Literal["list"]
    data: list[Model]
