"""A draft model: a smaller one with the same vocabulary that guesses what the model will say.

It follows every answer in a context of its own. Its guesses are checked by the model in one
step, so it may be wrong; it stops as soon as it is unsure.
"""

from __future__ import annotations

from runtime.engine.backend import Work
from runtime.engine.backends.llama_batch import StepBatch
from runtime.engine.backends.llama_context import Computing, Context, Shape
from runtime.engine.backends.llama_model import LoadedModel
from runtime.engine.backends.llama_vocabulary import LlamaVocabulary
from runtime.engine.prefix_node import common_beginning
from runtime.errors import ModelUnsupported

LEAST_LOGPROB = -0.29
"""ln 0.75: a guess that the draft model itself gives less is wrong too often to be worth checking."""

COMPARED = 97
"""Every so many tokens of the two vocabularies are compared."""

N_CHUNK = 512


class _Marker:
    """Stands for a sampler: the logits are wanted, and read here."""

    seed = 0

    def forced(self) -> list[int]:
        return []

    def close(self) -> None:
        """Nothing is held."""


WANTED = _Marker()


class DraftModel:
    """Guesses for up to `n_sequences` answers at once (`runtime.engine.backend.Guesser`)."""

    def __init__(
        self, model: LoadedModel, target: LlamaVocabulary, computing: Computing, n_ctx: int, n_sequences: int
    ) -> None:
        """Make its context. Raises: ModelUnsupported when the vocabularies differ; OutOfMemory, EngineFailed."""
        vocabulary = LlamaVocabulary(model)
        _check_same(vocabulary, target, model.config.model_path)
        self._native = model.native
        self._n_vocab = vocabulary.n_vocab
        self._context = Context(model, Shape(n_ctx, n_sequences, n_sequences), computing.brake)
        computing.attach(self._context)
        self._batch = StepBatch(model.config.n_batch, n_sequences)
        self._held: dict[int, list[int]] = {}
        self._sequence: dict[int, int] = {}
        self._free = list(range(n_sequences))

    def guess(self, sequences: dict[int, list[int]], n_most: int) -> dict[int, list[int]]:
        """Return the likeliest continuation of each sequence; none for one that is still being read."""
        ready = [key for key, tokens in sequences.items() if self._follow(key, tokens)]
        guesses: dict[int, list[int]] = {key: [] for key in ready}
        for _ in range(n_most):
            ready = [key for key in ready if guesses[key] or sequences[key]]
            if not ready:
                break
            works = [self._last(key, (guesses[key] or sequences[key])[-1]) for key in ready]
            rows = self._run(works)
            if rows is None:
                break
            ready = [key for key, row in zip(ready, rows, strict=True) if self._take(guesses[key], row)]
        return {key: found for key, found in guesses.items() if found}

    def forget(self, key: int) -> None:
        if key in self._sequence:
            sequence = self._sequence.pop(key)
            self._native.llama_memory_seq_rm(self._context.memory, sequence, -1, -1)
            self._free.append(sequence)
            del self._held[key]

    def _follow(self, key: int, tokens: list[int]) -> bool:
        """Compute all but the last token of a sequence, a chunk at most; tell whether that was all."""
        if key not in self._sequence:
            if not self._free:
                return False
            self._sequence[key], self._held[key] = self._free.pop(), []
        held = self._held[key]
        n_right = common_beginning(held, tokens[:-1])
        if n_right < len(held):
            del held[n_right:]
            self._native.llama_memory_seq_rm(self._context.memory, self._sequence[key], n_right, -1)
        missing = tokens[n_right:-1]
        if missing and self._run([Work(self._sequence[key], missing[:N_CHUNK], n_right)]) is None:
            return False
        held += missing[:N_CHUNK]
        return len(missing) <= N_CHUNK

    def _last(self, key: int, token: int) -> Work:
        held = self._held[key]
        work = Work(self._sequence[key], [token], len(held), WANTED)
        held.append(token)
        return work

    def _take(self, guesses: list[int], row: int) -> bool:
        """Add the likeliest token of a row of logits; False when it is not likely enough."""
        logits = self._native.llama_get_logits_ith(self._context.handle, row)
        token: int = self._native.rows_argmax(logits, self._n_vocab)
        if token < 0 or self._native.rows_logprob(logits, self._n_vocab, token) < LEAST_LOGPROB:
            return False
        guesses.append(token)
        return True

    def _run(self, works: list[Work]) -> list[int] | None:
        """Compute; return the rows of the logits, None when it was refused or interrupted: then nothing is known."""
        batch, rows = self._batch.fill(works)
        if self._native.llama_decode(self._context.handle, batch) == 0:
            return rows
        for key in list(self._sequence):
            self.forget(key)
        return None


def _check_same(draft: LlamaVocabulary, target: LlamaVocabulary, path: str) -> None:
    """Raises: ModelUnsupported when a token means something else to the two models."""
    same = draft.n_vocab == target.n_vocab and all(
        draft.token_bytes(token) == target.token_bytes(token) for token in range(0, target.n_vocab, COMPARED)
    )
    if not same:
        raise ModelUnsupported(path, "as a draft model it needs the same vocabulary as the model it guesses for")
