"""Vectors and scores of texts: contexts beside the one that continues texts, one for each pooling in use.

Most of these models look at a text as a whole, so a text is never cut: it is part of
one native call, and the context has room for the longest that has come so far.
"""

import ctypes
from collections.abc import Iterator
from ctypes import POINTER, c_float, c_int8, c_int32, c_void_p
from itertools import chain

from runtime.engine.backends.llama_context import Computing
from runtime.engine.backends.llama_model import POOLINGS, LoadedModel, load_failure
from runtime.engine.backends.llama_native import FLASH_ATTENTION, Batch
from runtime.engine.backends.llama_texts import Texts
from runtime.engine.protocol import Pooling
from runtime.errors import EngineFailed, OutOfMemory
from runtime.hardware.memory import memory

N_CONTEXTS = 2
"""The one used longest ago makes room for the next."""

N_TEXTS = 64
"""Of one native call."""

LEAST_TOKENS = 512
"""What a context has room for at first."""

ABORTED = 2

FLOAT_BYTES = 4


class LlamaEmbedder:
    """Makes vectors with a loaded model (`runtime.engine.backend.Embedder`)."""

    def __init__(self, model: LoadedModel, computing: Computing) -> None:
        self._model = model
        self._computing = computing
        self._texts = Texts(model)
        self._contexts: dict[Pooling, _Context] = {}
        self.n_batch = model.longest_text

    def tokenize(self, text: str | list[int]) -> list[int]:
        """Return the tokens of a text with those that stand around it; ids as they are. Raises: InvalidRequest."""
        return self._texts.whole(text)

    def pair(self, query: str, document: str) -> list[int]:
        """Return the tokens by which a document is scored for a query. Raises: InvalidRequest."""
        return self._texts.pair(query, document)

    def run(self, texts: list[list[int]], pooling: Pooling) -> list[list[bytes]]:
        """Return for each text its vector, its score, or with pooling none the vectors of its tokens; float32.

        Raises: OutOfMemory, EngineFailed.
        """
        context = self._context(pooling, max(map(len, texts)))
        return list(chain.from_iterable(context.run(batch) for batch in _batches(texts, context)))

    def _context(self, pooling: Pooling, n_tokens: int) -> "_Context":
        context = self._contexts.pop(pooling, None)
        if context and context.n_tokens < n_tokens:
            context.close()
            context = None
        if context is None:
            while len(self._contexts) >= N_CONTEXTS:
                self._contexts.pop(next(iter(self._contexts))).close()
            context = _Context(self._model, pooling, _room(n_tokens, self.n_batch), self._computing)
        self._contexts[pooling] = context
        return context


class _Context:
    """A context for one way of pooling, with room for `n_tokens` tokens of `n_texts` texts."""

    def __init__(self, model: LoadedModel, pooling: Pooling, n_tokens: int, computing: Computing) -> None:
        native, config = model.native, model.config
        _check_room(model, n_tokens)
        self._native = native
        self._computing = computing
        self.pooling = pooling
        self.n_tokens = n_tokens
        self.n_texts = 1 if _keeps_state(model) else N_TEXTS
        params = native.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = n_tokens
        params.n_seq_max = self.n_texts
        params.kv_unified = True
        params.embeddings = True
        params.pooling_type = POOLINGS[pooling]
        params.flash_attn_type = FLASH_ATTENTION[config.flash_attention]
        params.abort_callback, params.abort_callback_data = computing.brake.function, computing.brake.argument
        self.handle: int = native.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise load_failure(config.model_path)
        self._memory: int | None = native.llama_get_memory(self.handle)
        width = 1 if pooling == "rank" else native.llama_model_n_embd_out(model.handle)
        self._row_bytes = width * FLOAT_BYTES
        self._batch = _TextBatch(n_tokens, self.n_texts)
        computing.attach(self)

    def run(self, texts: list[list[int]]) -> list[list[bytes]]:
        """Compute texts that fit, in one native call. Raises: EngineFailed."""
        batch = self._batch.fill(texts)
        while (status := self._compute(batch)) == ABORTED:
            pass  # to go on with fewer threads, or because another request has ended
        if status:
            raise EngineFailed(f"Computing {len(texts)} texts: llama.cpp refused them (status {status}).")
        return list(self._rows(texts))

    def close(self) -> None:
        self._computing.detach(self)
        self._native.llama_free(self.handle)

    def _compute(self, batch: Batch) -> int:
        native, control = self._native, self._computing.control
        self._computing.brake.release()
        if control:
            control.begin()
        if self._memory:
            native.llama_memory_clear(self._memory, False)
            status: int = native.llama_decode(self.handle, batch)
        else:
            status = native.llama_encode(self.handle, batch)
        if control:
            control.end()
        return status

    def _rows(self, texts: list[list[int]]) -> Iterator[list[bytes]]:
        first = 0
        for place, tokens in enumerate(texts):
            if self.pooling == "none":
                rows = range(first, first + len(tokens))
                yield [self._row(self._native.llama_get_embeddings_ith(self.handle, row)) for row in rows]
            else:
                yield [self._row(self._native.llama_get_embeddings_seq(self.handle, place))]
            first += len(tokens)

    def _row(self, numbers: "ctypes._Pointer[c_float]") -> bytes:
        if not numbers:
            raise EngineFailed("Computing texts: llama.cpp gave no vector for one of them.")
        return ctypes.string_at(numbers, self._row_bytes)


class _TextBatch:
    """The arrays of a `Batch` of several texts, each a sequence of its own from position 0."""

    def __init__(self, n_tokens: int, n_texts: int) -> None:
        self._tokens = (c_int32 * n_tokens)()
        self._positions = (c_int32 * n_tokens)()
        self._sequences = (c_void_p * n_tokens)()
        self._one = (c_int32 * n_tokens)(*[1] * n_tokens)
        self._wanted = (c_int8 * n_tokens)(*[1] * n_tokens)
        self._ids = (c_int32 * n_texts)(*range(n_texts))
        self._places = [ctypes.addressof(self._ids) + index * ctypes.sizeof(c_int32) for index in range(n_texts)]
        sequences = ctypes.cast(self._sequences, POINTER(POINTER(c_int32)))
        self._batch = Batch(0, self._tokens, None, self._positions, self._one, sequences, self._wanted)

    def fill(self, texts: list[list[int]]) -> Batch:
        first = 0
        for place, tokens in zip(self._places, texts, strict=False):
            n_tokens = len(tokens)
            end = first + n_tokens
            self._tokens[first:end] = [*tokens]
            self._positions[first:end] = [*range(n_tokens)]
            self._sequences[first:end] = [place] * n_tokens
            first = end
        self._batch.n_tokens = first
        return self._batch


def _batches(texts: list[list[int]], context: _Context) -> Iterator[list[list[int]]]:
    """Yield the texts in their order, as many together as fit."""
    batch: list[list[int]] = []
    n_tokens = 0
    for tokens in texts:
        if batch and (n_tokens + len(tokens) > context.n_tokens or len(batch) == context.n_texts):
            yield batch
            batch, n_tokens = [], 0
        batch.append(tokens)
        n_tokens += len(tokens)
    yield batch


def _room(n_tokens: int, n_most: int) -> int:
    """Return the size of a context: a power of two, so that it grows seldom."""
    size = LEAST_TOKENS
    while size < n_tokens:
        size *= 2
    return min(size, n_most)


def _check_room(model: LoadedModel, n_tokens: int) -> None:
    """Refuse a context that this computer has no memory for. Raises: OutOfMemory."""
    native, handle = model.native, model.handle
    # Logits are kept twice, in the graph and for us, and a layer's states a few times at once.
    wide = 2 * native.llama_vocab_n_tokens(model.vocab) + 16 * native.llama_model_n_embd(handle)
    n_heads = max(1, native.llama_model_n_head(handle))
    needed_bytes = FLOAT_BYTES * n_tokens * (wide + min(n_tokens, LEAST_TOKENS) * n_heads + n_tokens)
    available = memory().available
    if needed_bytes > available:
        raise OutOfMemory(
            f"Making room for a text of {n_tokens} tokens: it takes {needed_bytes / 1e9:.1f} GB and "
            f"{available / 1e9:.1f} GB of memory are available; send shorter texts or close other programs."
        )


def _keeps_state(model: LoadedModel) -> bool:
    """Whether each text takes room for a state of its own."""
    native, handle = model.native, model.handle
    return bool(native.llama_model_is_recurrent(handle) or native.llama_model_is_hybrid(handle))
