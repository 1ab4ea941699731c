"""Builds llama.cpp's own samplers for a request: llama-server's chain, in its order, with its arguments.

Numbers are checked first: native code takes a negative count for a huge one, and a NaN
for a probability.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator
from ctypes import c_char_p

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.llama_native import LogitBias, Native
from runtime.engine.backends.llama_sampler import Chain
from runtime.engine.backends.llama_vocabulary import LlamaVocabulary
from runtime.engine.protocol import SamplerName, Sampling

RANDOM_SEED = 0xFFFFFFFF
"""To llama.cpp this seed means: draw one."""

MIROSTAT_M = 100
MAX_COUNT = 1 << 20
MAX_BREAKERS = 64

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (-math.inf, 1e6),
    "top_k": (-MAX_COUNT, MAX_COUNT),
    "top_p": (-1e6, 1e6),
    "min_p": (-1e6, 1e6),
    "typical_p": (-1e6, 1e6),
    "top_n_sigma": (-1e6, 1e6),
    "xtc_probability": (-1e6, 1e6),
    "xtc_threshold": (-1e6, 1e6),
    "dynatemp_range": (-1e6, 1e6),
    "dynatemp_exponent": (-1e6, 1e6),
    "repeat_last_n": (-1, MAX_COUNT),
    "repeat_penalty": (1e-6, 1e6),
    "presence_penalty": (-1e6, 1e6),
    "frequency_penalty": (-1e6, 1e6),
    "dry_multiplier": (-1e6, 1e6),
    "dry_base": (-1e6, 1e6),
    "dry_allowed_length": (0, MAX_COUNT),
    "dry_penalty_last_n": (-1, MAX_COUNT),
    "mirostat_tau": (0, 1e6),
    "mirostat_eta": (0, 1e6),
    "min_keep": (0, MAX_COUNT),
}
"""What native code may be given, both ends included; NaN is in no range."""


def build(native: Native, vocabulary: LlamaVocabulary, sampling: Sampling, n_ctx: int, prompt: list[int]) -> Chain:
    """Return the chain that follows `prompt`; whoever has it frees it. Raises: InvalidRequest."""
    _check(sampling)
    seed = sampling.seed if 0 <= sampling.seed < RANDOM_SEED else secrets.randbelow(RANDOM_SEED)
    params = native.llama_sampler_chain_default_params()
    params.no_perf = True
    banned = vocabulary.suppressed + (vocabulary.ends if sampling.ignore_eos else [])
    biases = _biases(sampling, banned, vocabulary.n_vocab)
    samplers = list(_samplers(native, vocabulary.handle, sampling, seed, n_ctx))
    chain = native.llama_sampler_chain_init(params)
    if biases:
        array = (LogitBias * len(biases))(*biases)
        native.llama_sampler_chain_add(
            chain, native.llama_sampler_init_logit_bias(vocabulary.n_vocab, len(biases), array)
        )
    for sampler in samplers:
        native.llama_sampler_chain_add(chain, sampler)
    n_last = remembers(sampling)
    for token in prompt if n_last < 0 else prompt[len(prompt) - min(n_last, len(prompt)) :]:
        native.llama_sampler_accept(chain, token)
    return Chain(chain, seed, _is_greedy(sampling), banned)


def remembers(sampling: Sampling) -> int:
    """Return how many of the last tokens the samplers look at: -1 for all, 0 for none."""
    spans = [sampling.repeat_last_n] if _penalizes(sampling) else []
    if _has_dry(sampling):
        spans.append(sampling.dry_penalty_last_n)
    return -1 if -1 in spans else max(spans, default=0)


def _penalizes(s: Sampling) -> bool:
    is_in = "penalties" in s.samplers and s.mirostat == 0
    return is_in and (s.repeat_penalty, s.presence_penalty, s.frequency_penalty) != (1.0, 0.0, 0.0)


def _has_dry(s: Sampling) -> bool:
    return "dry" in s.samplers and s.mirostat == 0 and s.dry_multiplier != 0.0


def _is_greedy(s: Sampling) -> bool:
    """Tell whether the chain can only end with the greatest logit of what the model gave and is not banned."""
    if s.mirostat or s.temperature > 0 or "temperature" not in s.samplers or s.logit_bias:
        return False
    drops_the_best = s.typical_p < 1 or s.xtc_probability > 0 or s.dynatemp_range > 0 or "infill" in s.samplers
    return not (_penalizes(s) or _has_dry(s) or drops_the_best)


def _check(sampling: Sampling) -> None:
    for name, (low, high) in RANGES.items():
        value = getattr(sampling, name)
        if not low <= value <= high:
            raise InvalidRequest(f"{name} is {value}; it must be between {low:g} and {high:g}")
    if len(sampling.dry_sequence_breakers) > MAX_BREAKERS:
        raise InvalidRequest(f"there are {len(sampling.dry_sequence_breakers)} sequence breakers, above {MAX_BREAKERS}")
    if any(math.isnan(bias) for _, bias in sampling.logit_bias):
        raise InvalidRequest("a logit bias is not a number")


def _samplers(native: Native, vocab: int, s: Sampling, seed: int, n_ctx: int) -> Iterator[int]:
    n_vocab = native.llama_vocab_n_tokens(vocab)
    if s.mirostat:
        yield native.llama_sampler_init_temp(s.temperature)
        if s.mirostat == 1:
            yield native.llama_sampler_init_mirostat(n_vocab, seed, s.mirostat_tau, s.mirostat_eta, MIROSTAT_M)
        else:
            yield native.llama_sampler_init_mirostat_v2(seed, s.mirostat_tau, s.mirostat_eta)
        return
    for name in s.samplers:
        yield _MAKERS[name](native, vocab, s, n_ctx, seed)
    yield native.llama_sampler_init_dist(seed)


def _penalties(native: Native, vocab: int, s: Sampling, n_ctx: int, _seed: int) -> int:
    last_n = n_ctx if s.repeat_last_n == -1 else s.repeat_last_n
    handle: int = native.llama_sampler_init_penalties(
        native.llama_vocab_n_tokens(vocab), last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
    )
    return handle


def _dry(native: Native, vocab: int, s: Sampling, n_ctx: int, _seed: int) -> int:
    breakers = [breaker.encode("utf-8", "replace") for breaker in s.dry_sequence_breakers]
    last_n = n_ctx if s.dry_penalty_last_n == -1 else s.dry_penalty_last_n
    handle: int = native.llama_sampler_init_dry(
        vocab,
        s.dry_multiplier,
        s.dry_base,
        s.dry_allowed_length,
        last_n,
        (c_char_p * len(breakers))(*breakers),
        len(breakers),
    )
    return handle


def _biases(s: Sampling, banned: list[int], n_vocab: int) -> list[LogitBias]:
    """Return the biases asked for, and those that ban tokens. Raises: InvalidRequest."""
    wrong = next((token for token, _ in s.logit_bias if not 0 <= token < n_vocab), None)
    if wrong is not None:
        raise InvalidRequest(f"logit_bias names token {wrong}, which is not one of this model's {n_vocab}")
    return [LogitBias(*pair) for pair in (*s.logit_bias, *((token, -math.inf) for token in banned))]


_Maker = Callable[[Native, int, Sampling, int, int], int]

_MAKERS: dict[SamplerName, _Maker] = {
    "penalties": _penalties,
    "dry": _dry,
    "top_n_sigma": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_top_n_sigma(s.top_n_sigma),
    "top_k": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_top_k(s.top_k),
    "typ_p": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_typical(s.typical_p, s.min_keep),
    "top_p": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_top_p(s.top_p, s.min_keep),
    "min_p": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_min_p(s.min_p, s.min_keep),
    "xtc": lambda native, _vocab, s, _n, seed: native.llama_sampler_init_xtc(
        s.xtc_probability, s.xtc_threshold, s.min_keep, seed
    ),
    "temperature": lambda native, _vocab, s, _n, _seed: native.llama_sampler_init_temp_ext(
        s.temperature, s.dynatemp_range, s.dynatemp_exponent
    ),
    "infill": lambda native, vocab, _s, _n, _seed: native.llama_sampler_init_infill(vocab),
}
