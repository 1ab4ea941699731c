"""What the front asks of a worker. Every command with an id but `Cancel` gets exactly one terminal event."""

from typing import Literal

import msgspec

from runtime.engine.protocol.sampling import Grammar, Sampling

Adapters = list[tuple[str, float]]
"""Names of adapters and their weights; the sum of all of them is applied."""

Pooling = Literal["", "none", "mean", "cls", "last", "rank"]
"""How the vectors of a text's tokens become one; empty: the model's own way."""


Prompt = str | list[int | str]
"""A text, or tokens and texts in turn; a text is cut with the special tokens in it."""


class Chat(msgspec.Struct, kw_only=True, frozen=True):
    """A conversation for the model's own template.

    messages: OpenAI's form with `content` as text: {"role", "content", "reasoning_content", "tool_calls",
    "tool_call_id", "name"}; `arguments` of a call as an object. tools: OpenAI's, {"type": "function", "function": {…}}.
    values: further variables of the template, such as `enable_thinking`.
    prefill: what the answer begins with already; it stands at the end of the prompt.
    """

    messages: list[dict[str, object]]
    tools: list[dict[str, object]] = []
    values: dict[str, object] = {}
    add_generation_prompt: bool = True
    prefill: str = ""


class Thought(msgspec.Struct, kw_only=True, frozen=True):
    """How long an answer may think.

    begin: the mark before a thought. ends: marks after one; the first is said where a thought has to end.
    budget_tokens: of all thoughts of the answer together. message: what the model says before it breaks off.
    """

    begin: str
    ends: list[str]
    budget_tokens: int
    message: str = ""


class Generate(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Continue a prompt. Exactly one of `prompt` and `chat` is set.

    max_tokens: -1 until the end of the turn or of the context.
    n_probs: how many alternatives each token's probabilities list; 0 for none.
    post_sampling: these are the probabilities after the samplers, without logarithm.
    cache_prompt: whether the beginning of the prompt may come from earlier requests.
    adapters: None for the ones the server was started with, an empty list for none.
    slot: the place in the batch that was asked for; -1: any.
    n_keep, n_discard: of a context shift, as llama-server's; n_keep -1: the whole prompt.
    n_draft: tokens guessed ahead at most; -1: the server's choice, 0: none.
    max_ms: the answer ends with the first token after so many milliseconds, once it has a line; 0: never.
    n_indent: the answer ends with the first line that is indented by fewer characters; 0: never.
    shown: special tokens, by their text, that are part of the answer's text as any other token.
    progress: whether `Progress` tells how far the prompt is read.
    thought: the limit of its thoughts; None: there is none.
    prompt_probs: as `n_probs`, for the tokens of the prompt (`Prompted`), which is then computed anew; -1: not wanted.
    """

    id: int
    prompt: Prompt | None = None
    chat: Chat | None = None
    max_tokens: int = -1
    stop: list[str] = []
    sampling: Sampling = Sampling()
    n_probs: int = 0
    post_sampling: bool = False
    cache_prompt: bool = True
    grammar: Grammar | None = None
    adapters: Adapters | None = None
    slot: int = -1
    n_keep: int = 0
    n_discard: int = 0
    n_draft: int = -1
    max_ms: int = 0
    n_indent: int = 0
    shown: list[str] = []
    thought: Thought | None = None
    progress: bool = False
    prompt_probs: int = -1


class Embed(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Turn texts (or token ids) into vectors. Ends with `Embedded` or `Failed`.

    normalize: llama-server's `embd_normalize`: -1 none, 0 greatest component, 1 taxicab, 2 euclidean, above: p-norm.
    """

    id: int
    inputs: list[str | list[int]]
    pooling: Pooling = ""
    normalize: int = 2


class Rerank(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Score how well each document answers the query. Ends with `Ranked` or `Failed`."""

    id: int
    query: str
    documents: list[str]


class SlotAction(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Save, restore or erase what the memory of a slot holds. Ends with `SlotDone` or `Failed`.

    path: of the file; the front has checked that it lies where such files may lie.
    """

    id: int
    slot: int
    action: Literal["save", "restore", "erase"]
    path: str = ""


class Inspect(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Tell what runs, waits and is remembered. Ends with `State`."""

    id: int


class Render(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Make the prompt of a conversation and count its tokens. Ends with `Rendered` or `Failed`."""

    id: int
    chat: Chat


class Tokenize(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Cut texts into tokens. Ends with `Tokenized` or `Failed`.

    add_special: with the tokens that the model wants around a prompt. parse_special: the text of a
    special token means that token.
    """

    id: int
    content: Prompt
    add_special: bool = False
    parse_special: bool = True


class Detokenize(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Turn tokens into text, that of special tokens included. Ends with `Detokenized` or `Failed`."""

    id: int
    tokens: list[int]


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """End a request now; harmless when it has ended already."""

    id: int


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Free the model and exit; requests still running are cancelled."""


Conversion = Render | Tokenize | Detokenize
"""What needs only the vocabulary, and is answered beside everything else."""

Question = Embed | Rerank | SlotAction | Inspect | Conversion
"""What has one answer."""

Request = Generate | Question
Command = Request | Cancel | Shutdown
