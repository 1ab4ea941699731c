"""Builds llama.cpp's own samplers for a request: llama-server's chain, in its order, with its arguments.

Numbers are checked first: native code takes a negative count for a huge one, and a NaN
for a probability.
"""

import ctypes
import math
import secrets
from collections.abc import Iterator
from ctypes import c_char_p

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.llama_native import LogitBias, Native
from runtime.engine.protocol import Sampling

RANDOM_SEED = 0xFFFFFFFF
"""To llama.cpp this seed means: draw one."""

MIROSTAT_M = 100
MAX_COUNT = 1 << 20
MAX_BREAKERS = 64
MAX_N_PROBS = 1 << 18

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


class LlamaSampler:
    """One chain. `n_probs`: how many alternatives are reported with each token."""

    def __init__(self, native: Native, handle: int, seed: int, n_probs: int) -> None:
        self.handle = handle
        self.seed = seed
        self.n_probs = n_probs
        self._native = native

    def close(self) -> None:
        """Free the chain. Idempotent."""
        handle, self.handle = self.handle, 0
        if handle:
            self._native.llama_sampler_free(handle)


def build(native: Native, vocab: int, sampling: Sampling, n_probs: int, n_ctx: int) -> LlamaSampler:
    """Return the chain for `sampling`. Raises: InvalidRequest."""
    _check(sampling, n_probs)
    seed = sampling.seed if 0 <= sampling.seed < RANDOM_SEED else secrets.randbelow(RANDOM_SEED)
    params = native.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = native.llama_sampler_chain_init(params)
    for sampler in _samplers(native, vocab, sampling, seed, n_ctx):
        native.llama_sampler_chain_add(chain, sampler)
    return LlamaSampler(native, chain, seed, n_probs)


def remembers(sampling: Sampling) -> int:
    """Return how many of the last tokens the samplers look at: -1 for all, 0 for none."""
    penalties = (sampling.repeat_penalty, sampling.presence_penalty, sampling.frequency_penalty) != (1.0, 0.0, 0.0)
    spans = [sampling.repeat_last_n] if penalties and sampling.mirostat == 0 else []
    if sampling.dry_multiplier != 0.0 and sampling.mirostat == 0:
        spans.append(sampling.dry_penalty_last_n)
    return -1 if -1 in spans else max(spans, default=0)


def _check(sampling: Sampling, n_probs: int) -> None:
    for name, (low, high) in RANGES.items():
        value = getattr(sampling, name)
        if not low <= value <= high:
            raise InvalidRequest(f"{name} is {value}; it must be between {low:g} and {high:g}")
    if not 0 <= n_probs <= MAX_N_PROBS:
        raise InvalidRequest(f"n_probs is {n_probs}; it must be between 0 and {MAX_N_PROBS}")
    if len(sampling.dry_sequence_breakers) > MAX_BREAKERS:
        raise InvalidRequest(f"there are {len(sampling.dry_sequence_breakers)} sequence breakers, above {MAX_BREAKERS}")
    if any(math.isnan(bias) for _, bias in sampling.logit_bias):
        raise InvalidRequest("a logit bias is not a number")


def _samplers(native: Native, vocab: int, s: Sampling, seed: int, n_ctx: int) -> Iterator[int]:
    n_vocab = native.llama_vocab_n_tokens(vocab)
    if biases := _biases(native, vocab, s, n_vocab):
        yield native.llama_sampler_init_logit_bias(n_vocab, len(biases), (LogitBias * len(biases))(*biases))
    if s.mirostat:
        yield native.llama_sampler_init_temp(s.temperature)
        if s.mirostat == 1:
            yield native.llama_sampler_init_mirostat(n_vocab, seed, s.mirostat_tau, s.mirostat_eta, MIROSTAT_M)
        else:
            yield native.llama_sampler_init_mirostat_v2(seed, s.mirostat_tau, s.mirostat_eta)
        return
    last_n = n_ctx if s.repeat_last_n == -1 else s.repeat_last_n
    yield native.llama_sampler_init_penalties(
        n_vocab, last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
    )
    yield _dry(native, vocab, s, n_ctx)
    yield native.llama_sampler_init_top_n_sigma(s.top_n_sigma)
    yield native.llama_sampler_init_top_k(s.top_k)
    yield native.llama_sampler_init_typical(s.typical_p, s.min_keep)
    yield native.llama_sampler_init_top_p(s.top_p, s.min_keep)
    yield native.llama_sampler_init_min_p(s.min_p, s.min_keep)
    yield native.llama_sampler_init_xtc(s.xtc_probability, s.xtc_threshold, s.min_keep, seed)
    yield native.llama_sampler_init_temp_ext(s.temperature, s.dynatemp_range, s.dynatemp_exponent)
    yield native.llama_sampler_init_dist(seed)


def _dry(native: Native, vocab: int, s: Sampling, n_ctx: int) -> int:
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


def _biases(native: Native, vocab: int, s: Sampling, n_vocab: int) -> list[LogitBias]:
    """Return the biases asked for, those that ban the end of the turn, and those of the model itself."""
    wrong = next((token for token, _ in s.logit_bias if not 0 <= token < n_vocab), None)
    if wrong is not None:
        raise InvalidRequest(f"logit_bias names token {wrong}, which is not one of this model's {n_vocab}")
    n_suppressed = ctypes.c_int32()
    suppressed = native.llama_vocab_get_suppress_tokens(vocab, ctypes.byref(n_suppressed))
    banned = [suppressed[i] for i in range(n_suppressed.value)]
    if s.ignore_eos:
        banned += [token for token in range(n_vocab) if native.llama_vocab_is_eog(vocab, token)]
    return [LogitBias(*pair) for pair in (*s.logit_bias, *((token, -math.inf) for token in banned))]
