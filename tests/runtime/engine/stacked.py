"""Contexts of llama.cpp that compute with adapters: one set for all sequences, or a stack with one for each."""

import ctypes
from array import array
from collections.abc import Mapping, Sequence
from ctypes import c_float, c_void_p
from pathlib import Path

from runtime.engine.backends import llama_model
from runtime.engine.backends.llama_model import CFile, LoadedModel
from runtime.engine.config import WorkerConfig

Adapter = tuple[int, float]
"""The handle of a loaded adapter, and its scale."""

N_SEQUENCES = 8
N_CTX = 2048
BATCH = 512


def load(path: Path) -> LoadedModel:
    """A model in memory."""
    return llama_model.load(WorkerConfig(model_path=str(path)), lambda _: None)


def load_adapter(model: LoadedModel, path: Path) -> int:
    """Load a GGUF adapter; it is freed with the model."""
    file = CFile(str(path), 0)
    try:
        handle: int = model.native.llama_adapter_lora_init_from_file_ptr(model.handle, file.pointer)
    finally:
        file.close()
    assert handle
    return handle


class Stack:
    """A stack of sets of adapters."""

    def __init__(self, model: LoadedModel, n_slots: int, rank: int) -> None:
        self._native = model.native
        self.handle = model.native.llama_adapter_stack_init(model.handle, n_slots, rank)
        assert self.handle

    def set(self, slot: int, *adapters: Adapter) -> int:
        """Put the sum of adapters into a slot; return llama.cpp's code."""
        code: int = self._native.llama_adapter_stack_set(self.handle, slot, *_arrays(adapters))
        return code

    def free(self) -> None:
        """Free its memory; no context may have it."""
        self._native.llama_adapter_stack_free(self.handle)


class Run:
    """A context of eight sequences that computes with one thread."""

    def __init__(self, model: LoadedModel, *adapters: Adapter, stack: Stack | None = None) -> None:
        self._native = native = model.native
        params = native.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = N_CTX, BATCH, BATCH
        params.n_seq_max, params.kv_unified = N_SEQUENCES, True
        params.n_threads = params.n_threads_batch = 1
        self.handle = native.llama_init_from_model(model.handle, params)
        self._row_bytes = 4 * native.llama_vocab_n_tokens(model.vocab)
        self._batch = native.llama_batch_init(BATCH, 0, 1)
        self._n_held = [0] * N_SEQUENCES
        if adapters:
            assert native.llama_set_adapters_lora(self.handle, *_arrays(adapters)) == 0
        if stack:
            assert self.use(stack) == 0

    def use(self, stack: Stack | None) -> int:
        """Compute with a stack from now on; return llama.cpp's code."""
        code: int = self._native.llama_set_adapter_stack(self.handle, stack.handle if stack else None)
        return code

    def assign(self, sequence: int, slot: int) -> int:
        """Let the tokens of a sequence use a slot; return llama.cpp's code."""
        code: int = self._native.llama_adapter_stack_assign(self.handle, sequence, slot)
        return code

    def decode(self, texts: Mapping[int, Sequence[int]]) -> "dict[int, array[float]]":
        """Add tokens to sequences, all in one batch; return the logits after the last one of each."""
        last = {sequence: self._add(sequence, tokens) for sequence, tokens in texts.items()}
        assert self._native.llama_decode(self.handle, self._batch) == 0
        self._batch.n_tokens = 0
        return {sequence: self._logits(row) for sequence, row in last.items()}

    def close(self) -> None:
        """Free the context."""
        self._native.llama_free(self.handle)

    def _add(self, sequence: int, tokens: Sequence[int]) -> int:
        batch = self._batch
        for token in tokens:
            row = batch.n_tokens
            batch.token[row], batch.pos[row] = token, self._n_held[sequence]
            batch.n_seq_id[row], batch.seq_id[row][0], batch.logits[row] = 1, sequence, 0
            self._n_held[sequence] += 1
            batch.n_tokens += 1
        batch.logits[batch.n_tokens - 1] = 1
        return int(batch.n_tokens) - 1

    def _logits(self, row: int) -> "array[float]":
        pointer = self._native.llama_get_logits_ith(self.handle, row)
        return array("f", ctypes.string_at(pointer, self._row_bytes))


def _arrays(adapters: Sequence[Adapter]) -> tuple[ctypes.Array[c_void_p], int, ctypes.Array[c_float]]:
    handles = (c_void_p * len(adapters))(*(handle for handle, _ in adapters))
    return handles, len(adapters), (c_float * len(adapters))(*(scale for _, scale in adapters))
