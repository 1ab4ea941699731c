"""The memory of a context (`runtime.engine.backend.Memory`): sequences that share cells."""

from collections.abc import Callable

from runtime.engine.backend import AdapterSet, InvalidRequest
from runtime.engine.backends.llama_context import Context

NO_POSITION = -1


class LlamaMemory:
    """One context's cells. can_trim: False for models that keep a state, or a window, instead of every token."""

    def __init__(self, context: Context, n_sequences: int, n_vocab: int, can_trim: bool) -> None:
        self.context = context
        self.on_assign: Callable[[int, AdapterSet], None] | None = None
        """None: the whole context computes with one set."""
        self.n_cells = context.n_ctx
        self.n_sequences = n_sequences
        self.can_trim = can_trim
        self.form = context.form
        self._native = context.native
        self._handle = context.memory
        self._n_vocab = n_vocab
        self.can_shift: bool = can_trim and context.native.llama_memory_can_shift(context.memory)

    def assign(self, sequence: int, adapters: AdapterSet) -> None:
        if self.on_assign:
            self.on_assign(sequence, adapters)

    def share(self, source: int, target: int, begin: int, end: int) -> None:
        whole = not self.can_trim
        self._native.llama_memory_seq_cp(
            self._handle, source, target, NO_POSITION if whole else begin, NO_POSITION if whole else end
        )

    def forget(self, sequence: int, begin: int = 0, end: int = -1) -> None:
        self._native.llama_memory_seq_rm(self._handle, sequence, begin, end)

    def shift(self, sequence: int, begin: int, by: int) -> None:
        self._native.llama_memory_seq_add(self._handle, sequence, begin, NO_POSITION, by)

    def save(self, sequence: int, tokens: list[int], path: str) -> int:
        from runtime.engine.backends import llama_state  # most workers never save anything

        return llama_state.save(self.context, sequence, tokens, path)

    def stored(self, path: str) -> int:
        from runtime.engine.backends import llama_state

        return llama_state.n_tokens(path, self.n_cells)

    def restore(self, sequence: int, path: str) -> tuple[list[int], int]:
        from runtime.engine.backends import llama_state

        n_tokens = self.stored(path)
        try:
            return llama_state.restore(self.context, sequence, path, n_tokens, self._n_vocab)
        except InvalidRequest:
            self.forget(sequence)
            raise

    def data(self, sequence: int) -> bytes:
        from runtime.engine.backends import llama_state

        return llama_state.data(self.context, sequence)

    def fill(self, sequence: int, source: memoryview, begin: int, end: int) -> bool:
        from runtime.engine.backends import llama_state

        is_filled = llama_state.fill(self.context, sequence, source, begin, end)
        if not is_filled:
            self.forget(sequence)
        return is_filled
