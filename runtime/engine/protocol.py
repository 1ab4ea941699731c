"""The messages between the front and a worker, and how they travel.

One frame = a 4-byte little-endian length and that many bytes of msgpack. Commands go
to the worker, events come back. Every request ends with exactly one `Finished` or
`Failed`, also after `Cancel`; what comes for an unknown id is ignored on both sides.

Does not know: HTTP, dialects, the model.
"""

from typing import Annotated, Literal

import msgspec

MAX_FRAME_BYTES = 64 << 20
"""A longer frame is a bug or an attack: the reader closes the connection."""

FinishReason = Literal["stop", "word", "length", "cancelled"]
"""stop: end-of-turn token; word: a stop string; length: token or context limit."""

Seed = Annotated[int, msgspec.Meta(ge=-1, le=2**32 - 1)]


class Sampling(msgspec.Struct, kw_only=True, frozen=True):
    """How the next token is drawn; names and defaults are llama-server's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: list[str] = msgspec.field(default_factory=lambda: ["\n", ":", '"', "*"])
    mirostat: Literal[0, 1, 2] = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    min_keep: int = 0
    seed: Seed = -1
    """-1: a fresh one for each request; the one used is in `Finished.seed`."""
    logit_bias: list[tuple[int, float]] = []
    ignore_eos: bool = False


# Commands: front -> worker


class Generate(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """Continue a prompt. Exactly one of `prompt` (text or token ids) and `messages` is set.

    messages: chat turns for the model's template, each {"role": …, "content": …, …}.
    max_tokens: -1 until the end of the turn or of the context.
    n_probs: how many alternatives each token's probabilities list; 0 for none.
    """

    id: int
    prompt: str | list[int] | None = None
    messages: list[dict[str, object]] | None = None
    add_generation_prompt: bool = True
    max_tokens: int = -1
    stop: list[str] = []
    sampling: Sampling = Sampling()
    n_probs: int = 0
    cache_prompt: bool = True


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """End a request now; harmless when it has ended already."""

    id: int


class Shutdown(msgspec.Struct, tag=True, frozen=True):
    """Free the model and exit; requests still running are cancelled."""


Command = Generate | Cancel | Shutdown


# Events: worker -> front


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


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The model is loaded; requests are served from now on."""

    facts: ModelFacts


class Refused(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The model was not loaded; the worker exits after this. `exit_code` as in errors.py."""

    message: str
    exit_code: int


class TokenProbability(msgspec.Struct, kw_only=True, frozen=True):
    """One candidate: its id, its text, its bytes (text may be cut inside a character), ln p."""

    id: int
    token: str
    bytes: list[int]
    logprob: float
    top_logprobs: list["TokenProbability"] = []


class Started(msgspec.Struct, kw_only=True, tag=True, frozen=True):
    """The prompt was accepted: its rendered text, its tokens, and how many were cached."""

    id: int
    prompt: str
    n_prompt: int
    n_cached: int


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

    invalid: the request asks for something this model cannot do; context: the prompt
    is longer than the context (both numbers set); busy: the queue is full; died: the
    worker ended while the request ran; internal: our bug.
    """

    id: int
    kind: Literal["invalid", "context", "busy", "died", "internal"]
    message: str
    n_prompt: int = 0
    n_ctx: int = 0


Event = Loading | Ready | Refused | Started | Delta | Finished | Failed

_encoder = msgspec.msgpack.Encoder()
_command_decoder = msgspec.msgpack.Decoder(Command)
_event_decoder = msgspec.msgpack.Decoder(Event)


def frame(message: Command | Event) -> bytes:
    """Return the bytes that carry `message`."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "little") + body


def command(body: bytes) -> Command:
    """Decode the body of a frame that went to the worker. Raises: msgspec.MsgspecError."""
    decoded: Command = _command_decoder.decode(body)
    return decoded


def event(body: bytes) -> Event:
    """Decode the body of a frame that came from the worker. Raises: msgspec.MsgspecError."""
    decoded: Event = _event_decoder.decode(body)
    return decoded
