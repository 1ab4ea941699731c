"""The request fields that all dialects share, with their ranges, and what the engine is asked from them.

Names, meaning and defaults are llama-server's. What changes an answer and cannot be
done is refused by name, never ignored.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.engine.protocol import Sampling, Seed
from runtime.server.adapters import LoraFields
from runtime.server.problem import invalid
from runtime.server.samplers import read_samplers
from runtime.server.thoughts import ThoughtFields

Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-100, le=100)]
Scale = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=1 << 24)]
CountOrAll = Annotated[int, Meta(ge=-1, le=1 << 24)]
"""-1: no limit, or the whole context."""
Probabilities = Annotated[int, Meta(ge=0, le=20)]
Copies = Annotated[int, Meta(ge=1, le=8)]
StopWord = Annotated[str, Meta(max_length=256)]
Bias = Annotated[float, Meta(ge=-1000, le=1000)] | bool
BiasEntry = tuple[int | str, Bias]
MAX_BIASES = 1024

TOKEN_ID = re.compile(r"[0-9]{1,9}")
"""A token as the key of an object."""


class StreamOptions(msgspec.Struct, kw_only=True):
    """OpenAI's `stream_options`."""

    include_usage: bool | None = None


class GenerationFields(ThoughtFields, kw_only=True):
    """How to generate; `None` is what was not given, or given as null."""

    model: Annotated[str, Meta(max_length=1024)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n_predict: CountOrAll | None = None
    max_tokens: CountOrAll | None = None
    max_completion_tokens: CountOrAll | None = None
    stop: StopWord | Annotated[list[StopWord], Meta(max_length=16)] | None = None
    cache_prompt: bool | None = None
    n_keep: CountOrAll | None = None
    n_discard: Count | None = None
    id_slot: Annotated[int, Meta(ge=-1, le=1 << 16)] | None = None
    n_draft: Annotated[int, Meta(ge=-1, le=1024)] | None = msgspec.field(default=None, name="speculative.n_max")
    lora: LoraFields | None = None
    post_sampling_probs: bool | None = None
    t_max_predict_ms: Annotated[int, Meta(ge=-1, le=86_400_000)] | None = None
    n_indent: Annotated[int, Meta(ge=0, le=1024)] | None = None

    samplers: list[str] | str | None = None
    seed: Seed | None = None
    temperature: Scale | None = None
    top_k: CountOrAll | None = None
    top_p: Share | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    top_n_sigma: Annotated[float, Meta(ge=-1, le=100)] | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    dynatemp_range: Scale | None = None
    dynatemp_exponent: Scale | None = None
    repeat_last_n: CountOrAll | None = None
    repeat_penalty: Scale | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    dry_multiplier: Scale | None = None
    dry_base: Scale | None = None
    dry_allowed_length: Count | None = None
    dry_penalty_last_n: CountOrAll | None = None
    dry_sequence_breakers: (
        Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=16)] | None
    ) = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None = None
    mirostat_tau: Scale | None = None
    mirostat_eta: Share | None = None
    min_keep: Annotated[int, Meta(ge=0, le=1000)] | None = None
    ignore_eos: bool | None = None
    logit_bias: dict[str, Bias] | list[BiasEntry] | None = None

    return_progress: bool | None = None
    timings_per_token: bool | None = None
    return_tokens: bool | None = None
    verbose: bool | None = None

    def limit(self, default: int) -> int:
        """Return how many tokens to generate at most; -1: to the end. Of several, llama-server's own name counts."""
        for given in (self.n_predict, self.max_completion_tokens, self.max_tokens):
            if given is not None:
                return given
        return default

    def stops(self, defaults: Sequence[str] = ()) -> list[str]:
        """Return the stop words, `defaults` if nothing is said of them; an empty one stops nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop
        return [word for word in (defaults if given is None else given) if word]

    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk of token counts."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    def sampling(self, defaults: Sampling, n_vocab: int) -> Sampling:
        """Return `defaults` with what the request says. Raises: Problem for a token that is none.

        Texts in `logit_bias` have been spelled out before (biases.py).
        """
        given = {
            name: value
            for name in Sampling.__struct_fields__
            if name not in ("logit_bias", "samplers") and (value := getattr(self, name)) is not None
        }
        if self.samplers is not None:
            given["samplers"] = read_samplers(self.samplers)
        if self.logit_bias is not None:
            given["logit_bias"] = list(_biases(self.logit_bias, n_vocab))
        return msgspec.structs.replace(defaults, **given)


def check_tokens(tokens: list[int], n_vocab: int, field: str) -> list[int]:
    """Return `tokens`. Raises: Problem when one is not in the vocabulary."""
    for token in tokens:
        if not 0 <= token < n_vocab:
            raise invalid(f"`{field}`: {token} is not a token; this model's are 0 to {n_vocab - 1}.")
    return tokens


def for_copy(sampling: Sampling, copy: int) -> Sampling:
    """Return `sampling` for one of several answers to one prompt: a fixed seed must not repeat the answer."""
    if sampling.seed < 0 or copy == 0:
        return sampling
    return msgspec.structs.replace(sampling, seed=(sampling.seed + copy) % 2**32)


def _biases(given: dict[str, Bias] | list[BiasEntry], n_vocab: int) -> Iterator[tuple[int, float]]:
    if len(given) > MAX_BIASES:
        raise invalid(f"`logit_bias`: expected at most {MAX_BIASES} tokens.")
    for token, bias in given.items() if isinstance(given, dict) else given:
        if isinstance(token, str) and not TOKEN_ID.fullmatch(token):
            raise invalid(f"`logit_bias`: expected the number of a token, got `{token[:64]}`.")
        if bias is True:
            raise invalid("`logit_bias`: expected a number, or false to ban the token.")
        check_tokens([int(token)], n_vocab, "logit_bias")
        yield int(token), -math.inf if bias is False else float(bias)
