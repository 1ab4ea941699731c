"""What the front asks of a worker. Every command with an id but `Cancel` gets exactly one terminal event."""

from typing import Literal

import msgspec

from runtime.engine.protocol.sampling import Grammar, Sampling

Adapters = list[tuple[str, float]]
"""Names of adapters and their weights; the sum of all of them is applied."""

Pooling = Literal["", "none", "mean", "cls", "last", "rank"]
"""How the vectors of a text's tokens become one; empty: the model's own way."""


class Generate(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Continue a prompt. Exactly one of `prompt` (text or token ids) and `messages` is set.

    messages: chat turns for the model's template, each {"role": …, "content": …, …}.
    max_tokens: -1 until the end of the turn or of the context.
    n_probs: how many alternatives each token's probabilities list; 0 for none.
    post_sampling: these are the probabilities after the samplers, without logarithm.
    cache_prompt: whether the beginning of the prompt may come from earlier requests.
    adapters: None for the ones the server was started with, an empty list for none.
    slot: the place in the batch that was asked for; -1: any.
    n_keep, n_discard: of a context shift, as llama-server's; n_keep -1: the whole prompt.
    n_draft: tokens guessed ahead at most; -1: the server's choice, 0: none.
    max_ms: the answer ends with the first token after so many milliseconds, once it has a line; 0: never.
    """

    id: int
    prompt: str | list[int] | None = None
    messages: list[dict[str, object]] | None = None
    add_generation_prompt: bool = True
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


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """End a request now; harmless when it has ended already."""

    id: int


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Free the model and exit; requests still running are cancelled."""


Request = Generate | Embed | Rerank | SlotAction | Inspect
Command = Request | Cancel | Shutdown
