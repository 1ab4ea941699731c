"""llama.cpp as an engine: many sequences in one step, with nothing that could abort the process.

Does not know: requests beyond how they are sampled, the wire, when to stop.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from runtime.engine.backend import (
    AdapterSet,
    Asked,
    Drawn,
    Embedder,
    Interrupted,
    InvalidRequest,
    Memory,
    NoRoom,
    Sampler,
    Work,
)
from runtime.engine.backends import llama_model, llama_sampling
from runtime.engine.backends.llama_adapters import LlamaAdapters
from runtime.engine.backends.llama_batch import StepBatch
from runtime.engine.backends.llama_context import Computing, Context, Shape, on_cpu
from runtime.engine.backends.llama_facts import facts
from runtime.engine.backends.llama_fit import fitting_n_ctx, n_memories
from runtime.engine.backends.llama_memory import LlamaMemory
from runtime.engine.backends.llama_model import LoadedModel
from runtime.engine.backends.llama_native import Native
from runtime.engine.backends.llama_rows import Rows
from runtime.engine.backends.llama_sampler import LlamaSampler
from runtime.engine.backends.llama_stack import AdapterStack
from runtime.engine.backends.llama_vocabulary import LlamaVocabulary
from runtime.engine.budget import Budget
from runtime.engine.protocol import Generate
from runtime.errors import EngineFailed

if TYPE_CHECKING:
    from runtime.engine.backends.llama_draft import DraftModel
    from runtime.engine.backends.llama_embedding import LlamaEmbedder
    from runtime.engine.constraints.constraints import Constraints

NO_CELLS = 1
ABORTED = 2

TOKENS_PER_SLOT = 512
"""So many tokens of context for each request at once, by default."""

LEAST_SLOTS, MOST_SLOTS, ALL_SLOTS = 4, 16, 128
SEQUENCES_PER_SLOT = 4
"""Of these, all but one remember what earlier requests have computed."""

SPARE_STATES = 8
"""What models that keep one state for each sequence may remember; each is megabytes."""

MAX_SEQUENCES = 256
"""LLAMA_MAX_SEQ"""

GUESSES_PER_STEP = 32
MAX_PROBABILITIES = 1 << 18
MAX_PROMPT_PROBABILITIES = 1 << 10
"""They are told of many tokens at once."""


class LlamaBackend:
    """One model and its contexts (`runtime.engine.backend.Backend`)."""

    def __init__(self, model: LoadedModel) -> None:
        """Make the context of `model`. Raises: OutOfMemory, EngineFailed."""
        self._model = model
        self._native: Native = model.native
        self._vocabulary = LlamaVocabulary(model)
        self._computing = Computing(model)
        self._lock = Lock()
        self._adapters = LlamaAdapters(model, self._lock)
        self._constraints: Constraints | None = None
        self._embedder: LlamaEmbedder | None = None
        self._first: LlamaMemory | None = None
        self._shape = Shape(0, 0, 0)
        self.shifts = model.config.context_shift
        self.n_chunk = self.n_outputs = 1
        if model.generates:
            self._shape = _shape(model)
            self._first = self._open(())
            self.n_chunk, self.n_outputs = self._first.context.n_chunk, self._shape.n_outputs
        self.n_sets = n_memories(model, self._shape.n_ctx)
        if self._first:
            self._first.on_assign = self._adapters.assign
            self._adapters.stack = AdapterStack(self._native, model.handle, self._first.context, self.n_sets)
        self._batch = StepBatch(model.config.n_batch, max(1, self._shape.n_sequences))
        self.adds_bos, self.adds_eos = self._vocabulary.adds_bos, self._vocabulary.adds_eos
        n_ctx = self._first.n_cells if self._first else 0
        self.facts = facts(model, n_ctx, _n_slots(model, n_ctx), self._computing, self._vocabulary.special)
        self._rows = Rows(self._native, self._vocabulary.n_vocab, self._vocabulary.piece)
        self._prompt_rows = Rows(self._native, self._vocabulary.n_vocab, self._vocabulary.token_bytes)
        self.tokenize, self.token_bytes = self._vocabulary.cut, self._vocabulary.token_bytes
        self.piece, self.is_end = self._vocabulary.piece, self._vocabulary.is_end

    @property
    def n_threads(self) -> int:
        """That compute now."""
        control = self._computing.control
        return control.n_threads if control else self._computing.n_threads

    def sampler(self, request: Generate, prompt: list[int], budget: Budget | None = None) -> LlamaSampler:
        if not 0 <= request.n_probs <= MAX_PROBABILITIES:
            raise InvalidRequest(f"n_probs is {request.n_probs}; it must be between 0 and {MAX_PROBABILITIES}")
        if request.prompt_probs > MAX_PROMPT_PROBABILITIES:
            raise InvalidRequest(
                f"{request.prompt_probs} probabilities of each token of the prompt are asked for; "
                f"expected at most {MAX_PROMPT_PROBABILITIES}"
            )
        matcher = self._all_constraints().matcher(request.grammar) if request.grammar else None
        n_ctx = max(1, self.facts.n_ctx)
        chain = llama_sampling.build(self._native, self._vocabulary, request.sampling, n_ctx, prompt)
        return LlamaSampler(chain, self._rows, matcher, request, budget)

    def adapters(self, request: Generate) -> AdapterSet:
        if not self._first:
            raise InvalidRequest("this model makes vectors of texts; it cannot continue one")
        return self._adapters.asked_for(request)

    def open(self, adapters: AdapterSet) -> LlamaMemory:
        if self._first and (not adapters or self._adapters.stacked(adapters)):
            return self._first
        return self._open(adapters)

    def close(self, memory: Memory, adapters: AdapterSet) -> None:
        if memory is self._first:
            self._adapters.unstack(adapters)
        elif isinstance(memory, LlamaMemory):
            self._computing.detach(memory.context)
            memory.context.close()
            self._adapters.release(memory.context)

    def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn] | InvalidRequest]:
        if not isinstance(memory, LlamaMemory):
            raise EngineFailed("Computing: this memory belongs to another engine.")
        batch, rows = self._batch.fill(works)
        control = self._computing.control
        with self._lock:
            if control:
                control.begin()
            status: int = self._native.llama_decode(memory.context.handle, batch)
            if control:
                control.end()
        if status == ABORTED:
            raise Interrupted
        if status == NO_CELLS:
            raise NoRoom
        if status:
            raise EngineFailed(f"Computing {batch.n_tokens} tokens: llama.cpp refused them (status {status}).")
        return [self._drawn(memory, work, row) for work, row in zip(works, rows, strict=True)]

    def interrupt(self) -> None:
        self._computing.brake.pull()

    def resume(self) -> None:
        self._computing.brake.release()

    def embedder(self) -> Embedder:
        if self._embedder is None:
            from runtime.engine.backends.llama_embedding import LlamaEmbedder

            self._embedder = LlamaEmbedder(self._model, self._computing)
        return self._embedder

    def _open(self, adapters: AdapterSet) -> LlamaMemory:
        context = Context(self._model, self._shape, self._computing.brake)
        if adapters:
            self._adapters.apply(context, adapters)
        self._computing.attach(context)
        return LlamaMemory(
            context, self._shape.n_sequences, self._vocabulary.n_vocab, can_trim=not _keeps_state(self._model)
        )

    def guesser(self) -> DraftModel | None:
        config = self._model.config
        if not config.draft_path or not self._first:
            return None
        from runtime.engine.backends.llama_draft import DraftModel

        config = config._replace(model_path=config.draft_path, offset=config.draft_offset, size=config.draft_size)
        draft = llama_model.load_beside(self._native, config)
        return DraftModel(draft, self._vocabulary, self._computing, self.facts.n_ctx, self.facts.n_slots)

    def _drawn(self, memory: LlamaMemory, work: Work, row: int) -> list[Drawn] | InvalidRequest:
        """Draw after the last known token, and after each guess as long as the guesses are right."""
        if work.asked:
            return self._told(memory, work.asked, row)
        drawn: list[Drawn] = []
        try:
            for guess in [*work.tokens[len(work.tokens) - work.n_guessed :], None] if work.sampler else []:
                drawn.append(self._draw(memory, work.sampler, row + len(drawn)))
                if drawn[-1].token != guess or self.is_end(drawn[-1].token):
                    break
        except InvalidRequest as refusal:  # of a grammar, which may turn out too costly only now
            return refusal
        return drawn

    def _told(self, memory: LlamaMemory, asked: Asked, first_row: int) -> list[Drawn]:
        """Return the tokens that are known to come next, with their probabilities."""
        told: list[Drawn] = []
        for row, token in enumerate(asked.following, first_row):
            logits = self._native.llama_get_logits_ith(memory.context.handle, row)
            told.append(Drawn(token, self._prompt_rows.probability(token, logits, asked.n_probs)))
        return told

    def _draw(self, memory: LlamaMemory, sampler: Sampler | None, row: int) -> Drawn:
        if not isinstance(sampler, LlamaSampler) or not sampler.handle:
            raise EngineFailed("Drawing a token: the sampler is not one of this engine, or is closed.")
        return sampler.draw(memory.context.handle, row)

    def _all_constraints(self) -> Constraints:
        if self._constraints is None:
            from runtime.engine.constraints.constraints import Constraints

            self._constraints = Constraints(self._vocabulary)
        return self._constraints


def _shape(model: LoadedModel) -> Shape:
    """Decide what the contexts have room for. Raises: OutOfMemory."""
    n_ctx = fitting_n_ctx(model) if on_cpu(model) else max(0, model.config.n_ctx)
    n_slots = _n_slots(model, n_ctx)
    n_sequences = 2 * n_slots + SPARE_STATES if _is_recurrent(model) else SEQUENCES_PER_SLOT * n_slots
    n_sequences = min(MAX_SEQUENCES, n_sequences)
    return Shape(n_ctx, n_sequences, max(n_sequences, n_slots + GUESSES_PER_STEP))  # llama.cpp asks for one each


def _n_slots(model: LoadedModel, n_ctx: int) -> int:
    if model.config.n_parallel > 0:
        return min(model.config.n_parallel, ALL_SLOTS)
    if _is_recurrent(model):
        return LEAST_SLOTS
    return max(LEAST_SLOTS, min(MOST_SLOTS, n_ctx // TOKENS_PER_SLOT))


def _is_recurrent(model: LoadedModel) -> bool:
    native = model.native
    return bool(native.llama_model_is_recurrent(model.handle) or native.llama_model_is_hybrid(model.handle))


def _keeps_state(model: LoadedModel) -> bool:
    """Tell whether a sequence cannot be cut: the model keeps a state of all tokens, or only a window of them."""
    return _is_recurrent(model) or bool(model.native.llama_model_n_swa(model.handle))
