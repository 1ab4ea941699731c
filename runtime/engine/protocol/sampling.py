"""How the next token is drawn, and what it may be: the part of a request that samplers and constraints read."""

from typing import Annotated, Literal

import msgspec

Seed = Annotated[int, msgspec.Meta(ge=-1, le=2**32 - 1)]

SamplerName = Literal[
    "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature", "infill"
]

DEFAULT_SAMPLERS: list[SamplerName] = [
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
]
"""llama-server's chain, in its order."""


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
    samplers: list[SamplerName] = msgspec.field(default_factory=lambda: list(DEFAULT_SAMPLERS))
    """Which samplers cut and change the candidates, and in which order."""
    seed: Seed = -1
    """-1: a fresh one for each request; the one used is in `Finished.seed`."""
    logit_bias: list[tuple[int, float]] = []
    ignore_eos: bool = False


class Trigger(msgspec.Struct, kw_only=True, frozen=True):
    """What in the answer makes a lazy grammar begin.

    word: this text, also across tokens; pattern: a regular expression, from its first group
    on if it has one; token: this token id.
    """

    kind: Literal["word", "pattern", "token"]
    value: str | int


class Grammar(msgspec.Struct, kw_only=True, frozen=True):
    """What the answer has to be. json takes no text: any JSON object.

    triggers: the grammar begins at the first of them; none: at the beginning of the answer.
    field: what the request calls it, for messages.
    """

    kind: Literal["json_schema", "json", "regex", "lark", "gbnf"]
    text: str = ""
    triggers: list[Trigger] = []
    field: str = ""
