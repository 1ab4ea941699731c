"""llama.cpp as an engine: tokens in and out, one step at a time, with nothing that could abort the process.

Does not know: requests, the wire, when to stop.
"""

import ctypes
from ctypes import POINTER, c_int8, c_int32

from runtime.engine.backend import Drawn, Interrupted, InvalidRequest, Sampler, Work
from runtime.engine.backends import llama_sampling
from runtime.engine.backends.llama_context import Context
from runtime.engine.backends.llama_facts import facts
from runtime.engine.backends.llama_model import LoadedModel
from runtime.engine.backends.llama_native import NO_TOKEN, Batch, Native
from runtime.engine.backends.llama_probabilities import Probabilities
from runtime.engine.backends.llama_sampling import LlamaSampler
from runtime.engine.protocol import Sampling
from runtime.errors import EngineFailed

PIECE_BYTES = 512
ABORTED = 2


class LlamaBackend:
    """One model in one context with one slot (`runtime.engine.backend.Backend`)."""

    def __init__(self, model: LoadedModel) -> None:
        """Make the context of `model`. Raises: OutOfMemory, EngineFailed."""
        self._native: Native = model.native
        self._vocab = model.vocab
        self._context = Context(model)
        self._piece_buffer = ctypes.create_string_buffer(PIECE_BYTES)
        self._known: dict[int, tuple[bytes, bool]] = {}
        self._n_held = 0
        self._n_swa: int = model.native.llama_model_n_swa(model.handle)
        self._batch = _OneSlotBatch(self._context.n_chunk)
        self._probabilities: Probabilities | None = None
        self.n_chunk = self._context.n_chunk
        self.adds_bos: bool = model.native.llama_vocab_get_add_bos(model.vocab)
        self.adds_eos: bool = model.native.llama_vocab_get_add_eos(model.vocab)
        self.facts = facts(model, self._context, self._special)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode("utf-8", "replace")
        buffer = (c_int32 * (len(raw) + 16))()
        n_tokens = self._native.llama_tokenize(self._vocab, raw, len(raw), buffer, len(buffer), True, True)
        if n_tokens < 0:
            raise InvalidRequest("the prompt cannot be cut into tokens")
        return buffer[:n_tokens]

    def piece(self, token: int) -> bytes:
        return self._look_up(token)[0]

    def is_end(self, token: int) -> bool:
        return self._look_up(token)[1]

    def sampler(self, sampling: Sampling, n_probs: int, prompt: list[int]) -> LlamaSampler:
        sampler = llama_sampling.build(self._native, self._vocab, sampling, n_probs, self.facts.n_ctx)
        n_last = llama_sampling.remembers(sampling)
        for token in prompt if n_last < 0 else prompt[len(prompt) - min(n_last, len(prompt)) :]:
            self._native.llama_sampler_accept(sampler.handle, token)
        return sampler

    def keep(self, slot: int, n_tokens: int) -> int:
        n_kept = min(n_tokens, self._n_held)
        if n_kept < self._n_held:
            self._n_held = n_kept
            self._cut(slot)
        return self._n_held

    def run(self, works: list[Work]) -> list[Drawn | None]:
        return [self._compute(work) for work in works]

    def interrupt(self) -> None:
        self._context.brake.pull()

    def resume(self) -> None:
        self._context.brake.release()

    def _compute(self, work: Work) -> Drawn | None:
        if work.position != self._n_held:
            raise EngineFailed(f"Computing from token {work.position}: the model's memory holds {self._n_held}.")
        batch = self._batch.fill(work.tokens, work.position)
        status = self._decode(batch)
        if status:
            self._cut(work.slot)
            if status == ABORTED:
                raise Interrupted
            raise EngineFailed(f"Computing {len(work.tokens)} tokens: llama.cpp refused them (status {status}).")
        self._n_held += len(work.tokens)
        return self._draw(work.sampler, len(work.tokens) - 1) if work.sampler else None

    def _decode(self, batch: Batch) -> int:
        threads = self._context.threads
        if threads is None:
            status: int = self._native.llama_decode(self._context.handle, batch)
            return status
        threads.begin()
        status = self._native.llama_decode(self._context.handle, batch)
        threads.end()
        return status

    def _draw(self, sampler: Sampler, row: int) -> Drawn:
        if not isinstance(sampler, LlamaSampler) or not sampler.handle:
            raise EngineFailed("Drawing a token: the sampler is not one of this engine, or is closed.")
        token: int = self._native.llama_sampler_sample(sampler.handle, self._context.handle, row)
        if not sampler.n_probs:
            return Drawn(token)
        if self._probabilities is None:
            self._probabilities = Probabilities(self._native, self.facts.n_vocab, self.piece)
        logits = self._native.llama_get_logits_ith(self._context.handle, row)
        return Drawn(token, self._probabilities.of(token, logits, sampler.n_probs))

    def _cut(self, slot: int) -> None:
        """Forget what lies beyond the held tokens; all of it where the model cannot go back.

        Recurrent models keep one state and cannot; a sliding window may have dropped what comes before.
        """
        memory, n_held = self._context.memory, self._n_held
        if n_held and self._native.llama_memory_seq_rm(memory, slot, n_held, -1):
            first: int = self._native.llama_memory_seq_pos_min(memory, slot)
            if not self._n_swa or first <= max(0, n_held - self._n_swa):
                return
        self._native.llama_memory_seq_rm(memory, slot, -1, -1)
        self._n_held = 0

    def _look_up(self, token: int) -> tuple[bytes, bool]:
        """Return the piece of a token and whether it ends the turn, asked of native code once."""
        known = self._known.get(token)
        if known is None:
            piece = self._piece(token, special=False)
            known = self._known[token] = piece, self._native.llama_vocab_is_eog(self._vocab, token)
        return known

    def _special(self, token: int) -> str:
        return self._piece(token, special=True).decode("utf-8", "replace") if token != NO_TOKEN else ""

    def _piece(self, token: int, special: bool) -> bytes:
        if not 0 <= token < self._native.llama_vocab_n_tokens(self._vocab):
            raise InvalidRequest(f"token {token} is not one of this model's")
        buffer = self._piece_buffer
        size = self._native.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, special)
        if size < 0:
            self._piece_buffer = ctypes.create_string_buffer(-size)
            return self._piece(token, special)
        return buffer.raw[:size]


class _OneSlotBatch:
    """The arrays of a `Batch` for the tokens of slot 0; the last token's logits are wanted."""

    def __init__(self, n_most: int) -> None:
        self._tokens = (c_int32 * n_most)()
        self._positions = (c_int32 * n_most)()
        self._wanted = (c_int8 * n_most)()
        self._one = (c_int32 * n_most)(*[1] * n_most)
        slot = ctypes.pointer(c_int32(0))
        self._slots = (POINTER(c_int32) * n_most)(*[slot] * n_most)
        self._batch = Batch(0, self._tokens, None, self._positions, self._one, self._slots, self._wanted)

    def fill(self, tokens: list[int], position: int) -> Batch:
        n_tokens = len(tokens)
        self._tokens[:n_tokens] = tokens  # type: ignore[assignment]
        self._positions[:n_tokens] = list(range(position, position + n_tokens))
        self._wanted[max(0, self._batch.n_tokens - 1)] = 0
        self._wanted[n_tokens - 1] = 1
        self._batch.n_tokens = n_tokens
        return self._batch
