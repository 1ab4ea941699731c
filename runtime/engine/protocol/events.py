"""What a worker tells the front: about its model, and about each request."""

from typing import Literal

import msgspec

FinishReason = Literal["stop", "word", "length", "cancelled"]
"""stop: end-of-turn token; word: a stop string; length: token or context limit."""


class Loading(msgspec.Struct, tag=True, frozen=True):
    """The model is being loaded; `fraction` from 0 to 1."""

    fraction: float


class ModelFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What the loaded model is and how it runs; sizes in bytes."""

    name: str
    architecture: str
    description: str
    parameters: int
    size_bytes: int
    n_ctx: int
    n_ctx_train: int
    n_vocab: int
    n_embd: int
    vocab_type: int
    file_type: str
    chat_template: str
    bos_token: str
    eos_token: str
    n_threads: int
    n_threads_batch: int
    n_gpu_layers: int
    cpu_variant: str
    accelerators: list[str]
    """One entry per device ggml offers, `name: description`."""
    flash_attention: bool
    memory_bytes: int
    """Weights, KV cache and compute buffers."""
    n_slots: int = 1
    """Requests that are computed at once."""
    pooling: str = ""
    """How this model makes one vector of a text; empty when it makes none by itself."""
    generates: bool = True
    embeds: bool = False
    reranks: bool = False
    tool_template: str = ""
    """The template for conversations with tools, where the model has one of its own for them."""
    bos: int = -1
    eos: int = -1
    """The tokens of these texts; -1: none."""
    adds_bos: bool = False
    """Whether a prompt begins with `bos` without being told."""
    infill: dict[str, int] = {}
    """The tokens that mark the parts of a text to fill in: pre, suf, mid, pad, rep, sep, as far as there are any."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The model is loaded; requests are served from now on."""

    facts: ModelFacts


class Refused(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The model was not loaded; the worker exits after this. `exit_code` as in errors.py."""

    message: str
    exit_code: int


class TokenProbability(msgspec.Struct, kw_only=True, frozen=True):
    """One candidate: its id, its text, its bytes (text may be cut inside a character), ln p.

    After sampling, `logprob` holds the logarithm of what the samplers left of it.
    """

    id: int
    token: str
    bytes: list[int]
    logprob: float
    top_logprobs: list["TokenProbability"] = []


class Admitting(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Native code is about to see the request for the first time: if the worker dies now, it is the suspect."""

    id: int


class Started(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The prompt was accepted: its rendered text, its tokens, and how many were cached."""

    id: int
    prompt: str
    n_prompt: int
    n_cached: int
    slot: int = 0


class Progress(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """How much of the prompt is read: `n_done` of its `n_prompt` tokens, of which `n_cached` had been known."""

    id: int
    n_prompt: int
    n_cached: int
    n_done: int
    took_ms: float


class Prompted(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The next tokens of the prompt and how likely they were; of the first of all nothing is known (`logprob` 0)."""

    id: int
    probabilities: list[TokenProbability]


class Delta(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The next piece of the answer; `text` never ends inside a character or a stop string."""

    id: int
    text: str
    tokens: list[int] = []
    probabilities: list[TokenProbability] = []


class Timings(msgspec.Struct, kw_only=True, frozen=True):
    """Counts and milliseconds of one request, as llama-server reports them."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float
    draft_n: int = 0
    draft_n_accepted: int = 0
    draft_steps: int = 0
    """In how many steps guesses were judged."""


class Finished(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The answer is complete. `stopping_word` is set when `reason` is word."""

    id: int
    reason: FinishReason
    stopping_word: str = ""
    timings: Timings
    seed: int
    truncated: bool = False
    has_new_line: bool = False


class Failed(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The request was refused or broke.

    invalid: the request asks for something this model cannot do; missing: it names an
    adapter or a file that is not there; context: the prompt is longer than the context (both
    numbers set); busy: the queue is full; died: the worker ended while the request ran;
    poison: the worker died of this request before; internal: our bug.
    """

    id: int
    kind: Literal["invalid", "missing", "context", "busy", "died", "poison", "internal"]
    message: str
    n_prompt: int = 0
    n_ctx: int = 0


class Embedded(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The vectors of the inputs, in their order.

    vectors: one per input, or one per token of it with pooling none; each the bytes of
    float32, little endian, `ModelFacts.n_embd` of them. n_tokens: of each input.
    """

    id: int
    vectors: list[list[bytes]]
    n_tokens: list[int]


class Ranked(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """A score for each document, in their order; higher is better."""

    id: int
    scores: list[float]
    n_tokens: int


class SlotDone(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The slot was saved, restored or erased; `n_bytes` of the file."""

    id: int
    n_tokens: int
    n_bytes: int
    took_ms: float


class SlotState(msgspec.Struct, kw_only=True, frozen=True):
    """One place in the batch; `request` is None while nothing runs there. n_left: tokens it may still say; -1: any."""

    slot: int
    request: int | None = None
    n_prompt: int = 0
    n_computed: int = 0
    n_predicted: int = 0
    n_cached: int = 0
    n_left: int = -1
    has_new_line: bool = False


class State(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """What the worker is doing, at one moment between two steps.

    n_waiting: requests without a slot. n_cells: tokens that the memory holds now, of
    running requests and of earlier ones. n_sequences: sequences that it knows.
    adapters: names of those in a context, one list per context. n_busy: requests in each of `n_steps`, summed up.
    """

    id: int
    slots: list[SlotState]
    n_waiting: int
    n_cells: int
    n_sequences: int
    adapters: list[list[str]]
    n_steps: int
    n_threads: int
    n_busy: int = 0


class Rendered(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The prompt of a conversation, and how many tokens it has."""

    id: int
    prompt: str
    n_tokens: int


class Tokenized(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The tokens, and the bytes that each of them stands for."""

    id: int
    tokens: list[int]
    pieces: list[bytes]


class Detokenized(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The text; bytes that are no UTF-8 are U+FFFD."""

    id: int
    text: str


Answer = Embedded | Ranked | SlotDone | State | Rendered | Tokenized | Detokenized
"""Of a `Question`."""

Terminal = Finished | Failed | Answer
Event = Loading | Ready | Refused | Admitting | Started | Progress | Prompted | Delta | Terminal
