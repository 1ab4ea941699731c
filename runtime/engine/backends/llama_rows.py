"""What is done with a row of logits besides sampling: masks of grammars, and the probabilities of tokens.

A row has a number for each token of the vocabulary: 150,000 of them in Python would take
longer than a step, so C functions of ours do it (build/engine/rows).
"""

import ctypes
import math
from collections.abc import Callable
from ctypes import c_float, c_int32, c_uint32, sizeof
from typing import Any

from runtime.engine.backend import Drawn
from runtime.engine.backends.llama_native import Native, TokenData, TokenDataArray
from runtime.engine.protocol import TokenProbability

LOWEST = -3.4028234663852886e38
"""The logarithm of no probability at all, as llama-server writes it: JSON has no infinity."""

BITS = 32


class Rows:
    """Buffers for one row, made when they are first needed."""

    def __init__(self, native: Native, n_vocab: int, piece: Callable[[int], bytes]) -> None:
        self.n_vocab = n_vocab
        self.native = native
        self._piece = piece
        self._mask = (c_uint32 * ((n_vocab + BITS - 1) // BITS))()
        self._copy: Any = None
        self._candidates: Any = None

    @property
    def mask(self) -> int:
        """The address of a bit for each token, for a grammar to write."""
        return ctypes.addressof(self._mask)

    def apply_mask(self, logits: Any) -> None:
        """Forbid the tokens whose bit is 0."""
        self.native.rows_mask(logits, self._mask, self.n_vocab)

    def copy(self, logits: Any) -> Any:
        """Return the row as it is now; the next copy takes its place."""
        if self._copy is None:
            self._copy = (c_float * self.n_vocab)()
        ctypes.memmove(self._copy, logits, self.n_vocab * sizeof(c_float))
        return self._copy

    def probability(self, token: int, logits: Any, n_probs: int) -> TokenProbability:
        """Return the probability of `token` and of the `n_probs` likeliest; logits: (n_vocab,) float32."""
        n_most = min(n_probs, self.n_vocab)
        ids, logprobs = (c_int32 * n_most)(), (c_float * n_most)()
        n_found = self.native.rows_top(logits, self.n_vocab, n_most, ids, logprobs)
        top = [self._one(ids[index], logprobs[index]) for index in range(n_found)]
        return self._one(token, self.native.rows_logprob(logits, self.n_vocab, token), top)

    def sampled(self, chain: int, logits: Any, n_probs: int) -> Drawn:
        """Draw by a chain of samplers, and tell the probabilities that they have left."""
        if self._candidates is None:
            self._candidates = (TokenData * self.n_vocab)()
        self.native.rows_fill(self._candidates, logits, self.n_vocab)
        row = TokenDataArray(self._candidates, self.n_vocab, -1, False)
        self.native.llama_sampler_apply(chain, ctypes.byref(row))
        token, own = row.data[row.selected].id, row.data[row.selected].p
        self.native.llama_sampler_accept(chain, token)
        left = [(one.p, one.id) for one in row.data[: row.size]]
        left.sort(key=lambda pair: (-pair[0], pair[1]))
        top = [self._one(found, math.log(p) if p > 0 else LOWEST) for p, found in left[:n_probs]]
        return Drawn(token, self._one(token, math.log(own) if own > 0 else LOWEST, top))

    def certain(self, token: int) -> TokenProbability:
        """Return the probability of a token that had to come."""
        return self._one(token, 0.0, [self._one(token, 0.0)])

    def _one(self, token: int, logprob: float, top: list[TokenProbability] | None = None) -> TokenProbability:
        piece = self._piece(token)
        return TokenProbability(
            id=token,
            token=piece.decode("utf-8", "ignore"),
            bytes=list(piece),
            logprob=max(logprob, LOWEST),
            top_logprobs=top or [],
        )
