"""The probabilities of a token and of its likeliest alternatives, before any sampler has changed them.

n_vocab logits are turned into probabilities and sorted by llama.cpp's own samplers: in
Python 150,000 of them would take longer than a step.
"""

import ctypes
import math
from array import array
from collections.abc import Callable
from typing import Any

from runtime.engine.backends.llama_native import Native, TokenData, TokenDataArray
from runtime.engine.protocol import TokenProbability

LOWEST = -3.4028234663852886e38
"""The logarithm of no probability at all, as llama-server writes it: JSON has no infinity."""

FIELDS = 3
"""A TokenData is three words of 4 bytes: the id, the logit, the probability."""


class Probabilities:
    """Reused from token to token: holds one row of the vocabulary, 12 bytes for each token."""

    def __init__(self, native: Native, n_vocab: int, piece: Callable[[int], bytes]) -> None:
        self._native = native
        self._n_vocab = n_vocab
        self._piece = piece
        self._row = (TokenData * n_vocab)()
        words = memoryview(self._row).cast("B")
        self._ids = words.cast("i")[0::FIELDS]
        self._logits = words.cast("f")[1::FIELDS]
        self._all_ids = memoryview(array("i", range(n_vocab)))
        self._softmax: int = native.llama_sampler_init_dist(0)
        self._top: dict[int, int] = {}

    def of(self, token: int, logits: Any, n_probs: int) -> TokenProbability:
        """Return the probability of `token` and the `n_probs` highest; logits: (n_vocab,) float32."""
        address = ctypes.addressof(logits.contents)
        source = (ctypes.c_float * self._n_vocab).from_address(address)
        self._ids[:] = self._all_ids
        self._logits[:] = memoryview(source).cast("B").cast("f")
        row = TokenDataArray(self._row, self._n_vocab, -1, False)
        self._native.llama_sampler_apply(self._softmax, ctypes.byref(row))
        own = self._row[token].p
        self._native.llama_sampler_apply(self._highest(n_probs), ctypes.byref(row))
        top = [self._one(data.id, data.p) for data in row.data[: row.size]]
        return self._one(token, own, top)

    def _highest(self, n_probs: int) -> int:
        if n_probs not in self._top:
            for handle in self._top.values():
                self._native.llama_sampler_free(handle)
            self._top = {n_probs: self._native.llama_sampler_init_top_k(n_probs)}
        return self._top[n_probs]

    def _one(self, token: int, probability: float, top: list[TokenProbability] | None = None) -> TokenProbability:
        piece = self._piece(token)
        return TokenProbability(
            id=token,
            token=piece.decode("utf-8", "ignore"),
            bytes=list(piece),
            logprob=math.log(probability) if probability > 0 else LOWEST,
            top_logprobs=top or [],
        )
