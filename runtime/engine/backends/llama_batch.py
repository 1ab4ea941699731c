"""The tokens of one step as llama.cpp takes them: arrays that are made once and filled for each step."""

import ctypes
from ctypes import POINTER, c_int8, c_int32, c_void_p

from runtime.engine.backend import Work
from runtime.engine.backends.llama_native import Batch


class StepBatch:
    """Room for `n_most` tokens of up to `n_sequences` sequences."""

    def __init__(self, n_most: int, n_sequences: int) -> None:
        self.n_most = n_most
        self._tokens = (c_int32 * n_most)()
        self._positions = (c_int32 * n_most)()
        self._wanted = (c_int8 * n_most)()
        self._sequences = (c_void_p * n_most)()
        self._one = (c_int32 * n_most)(*[1] * n_most)
        self._ids = (c_int32 * n_sequences)(*range(n_sequences))
        size = ctypes.sizeof(c_int32)
        self._addresses = [ctypes.addressof(self._ids) + index * size for index in range(n_sequences)]
        sequences = ctypes.cast(self._sequences, POINTER(POINTER(c_int32)))
        self._batch = Batch(0, self._tokens, None, self._positions, self._one, sequences, self._wanted)

    def fill(self, works: list[Work]) -> tuple[Batch, list[int]]:
        """Return the batch, and for each work the row of its first wanted logits (-1: none)."""
        n_filled, rows = 0, []
        ctypes.memset(self._wanted, 0, self._batch.n_tokens)
        for work in works:
            begin, n_filled = n_filled, n_filled + len(work.tokens)
            self._tokens[begin:n_filled] = work.tokens  # type: ignore[assignment]
            self._positions[begin:n_filled] = list(range(work.position, work.position + len(work.tokens)))
            self._sequences[begin:n_filled] = [self._addresses[work.sequence]] * len(work.tokens)
            n_wanted = len(work.tokens) if work.asked else 1 + work.n_guessed if work.sampler else 0
            if n_wanted:
                self._wanted[n_filled - n_wanted : n_filled] = [1] * n_wanted
            rows.append(n_filled - n_wanted if n_wanted else -1)
        self._batch.n_tokens = n_filled
        return self._batch, rows
