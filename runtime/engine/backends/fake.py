"""A model made of arithmetic, for testing everything around a model.

Its vocabulary is the 256 bytes and one end-of-turn token; after any text it says the
answer it was given, byte for byte, and ends its turn. It records what it was asked to run,
and checks that its memory holds what the step loop believes.
"""

import time
from pathlib import Path
from threading import Event
from typing import NamedTuple

from runtime.engine.backend import (
    AdapterSet,
    Drawn,
    Embedder,
    Guesser,
    Interrupted,
    InvalidRequest,
    Memory,
    NoRoom,
    NotThere,
    Sampler,
    Work,
)
from runtime.engine.budget import Budget
from runtime.engine.protocol import Generate, ModelFacts, TokenProbability

END = 256
N_VOCAB = 257
KNOWN_ADAPTERS = ("one", "two", "three")


class FakeSampler:
    """Says `answer` once, then ends the turn; what a budget forces comes between."""

    def __init__(self, answer: bytes, seed: int, n_probs: int, budget: Budget | None = None) -> None:
        self.budget = budget
        self.seed = seed
        self.n_probs = n_probs
        self.is_closed = False
        self._answer: list[int] = [*answer, END]
        self._n_said = 0

    def next(self) -> int:
        forced = self.forced()
        if not forced:
            self._n_said += 1
        token = forced[0] if forced else self._answer[min(self._n_said, len(self._answer)) - 1]
        if self.budget:
            self.budget.accept(token)
        return token

    def forced(self) -> list[int]:
        return self.budget.forced if self.budget else []

    def close(self) -> None:
        self.is_closed = True


class FakeMemory:
    """Which token each sequence holds at each position, in cells that sequences share."""

    def __init__(self, n_cells: int, n_sequences: int, can_trim: bool) -> None:
        self.n_cells = n_cells
        self.n_sequences = n_sequences
        self.can_trim = can_trim
        self.can_shift = can_trim
        self.form = "fake"
        self.assigned: dict[int, AdapterSet] = {}
        self.held: list[dict[int, list[int]]] = [{} for _ in range(n_sequences)]

    def assign(self, sequence: int, adapters: AdapterSet) -> None:
        self.assigned[sequence] = adapters

    def share(self, source: int, target: int, begin: int, end: int) -> None:
        if not self.can_trim and (begin or end != len(self.held[source])):
            raise ValueError("only a whole sequence can be shared")
        self.held[target] |= {at: cell for at, cell in self.held[source].items() if begin <= at < end}

    def forget(self, sequence: int, begin: int = 0, end: int = -1) -> None:
        if not self.can_trim and begin and begin < len(self.held[sequence]):
            raise ValueError("only a whole sequence can be forgotten")
        last = end if end >= 0 else self.n_cells
        self.held[sequence] = {at: cell for at, cell in self.held[sequence].items() if not begin <= at < last}

    def shift(self, sequence: int, begin: int, by: int) -> None:
        self.held[sequence] = {at + by * (at >= begin): cell for at, cell in self.held[sequence].items()}

    def save(self, sequence: int, tokens: list[int], path: str) -> int:
        if self.text(sequence) != tokens:
            raise ValueError("the sequence holds something else")
        return Path(path).write_text(" ".join(map(str, tokens)), encoding="ascii")

    def stored(self, path: str) -> int:
        return len(self._read(path))

    def restore(self, sequence: int, path: str) -> tuple[list[int], int]:
        tokens = self._read(path)
        self.put(sequence, tokens, 0)
        return tokens, len(tokens)

    def data(self, sequence: int) -> bytes:
        return " ".join(f"{at} {cell[0]}" for at, cell in sorted(self.held[sequence].items())).encode("ascii")

    def fill(self, sequence: int, source: memoryview, begin: int, end: int) -> bool:
        numbers = [int(word) for word in bytes(source).split()]
        held = {at: [token] for at, token in zip(numbers[::2], numbers[1::2], strict=True)}
        if sorted(held) != list(range(begin, end)) or self.n_used() + len(held) > self.n_cells:
            return False
        self.held[sequence] = held
        return True

    def text(self, sequence: int) -> list[int]:
        """The tokens of a sequence in their order."""
        return [cell[0] for _, cell in sorted(self.held[sequence].items())]

    def put(self, sequence: int, tokens: list[int], position: int) -> None:
        """Take new tokens. Raises: ValueError when they do not follow what is held, NoRoom."""
        held = self.held[sequence]
        if sorted(held) != list(range(position)):
            raise ValueError(f"position {position}, but {sorted(held)} are held")
        if self.n_used() + len(tokens) > self.n_cells:
            raise NoRoom
        held |= {position + at: [token] for at, token in enumerate(tokens)}

    def n_used(self) -> int:
        """Cells that hold something."""
        return len({id(cell) for held in self.held for cell in held.values()})

    def _read(self, path: str) -> list[int]:
        try:
            return [int(word) for word in Path(path).read_text(encoding="ascii").split()]
        except OSError as error:
            raise NotThere(f"there is no file `{path}`") from error


class FakeShape(NamedTuple):
    """What a fake model has room for, and can; a set of adapters takes `load_s` seconds to open."""

    n_slots: int = 4
    n_sequences: int = 8
    n_cells: int = 0
    can_trim: bool = True
    shifts: bool = False
    load_s: float = 0.0
    n_sets: int = 2
    mixes: bool = False
    """Whether one memory computes with several sets of adapters."""


class FakeBackend:
    """Answers every prompt with `answer`; one step takes `step_s` seconds."""

    def __init__(
        self,
        answer: str = "Hello.",
        n_ctx: int = 256,
        n_chunk: int = 16,
        step_s: float = 0.0,
        shape: FakeShape | None = None,
    ) -> None:
        self._shape = shape or FakeShape()
        self.facts = facts(n_ctx, self._shape.n_slots)
        self.n_chunk = n_chunk
        self.n_outputs = 8 * self._shape.n_slots
        self.n_sets = self._shape.n_sets
        self.n_threads = 1
        self.shifts = self._shape.shifts
        self.adds_bos = self.adds_eos = False
        self.runs: list[list[Work]] = []
        self.samplers: list[FakeSampler] = []
        self.memories: dict[AdapterSet, FakeMemory] = {}
        self.ready: set[AdapterSet] = {()}
        self._answer = answer.encode()
        self._step_s = step_s
        self._interrupted = Event()

    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]:
        return list(text.encode())

    def token_bytes(self, token: int) -> bytes:
        if not 0 <= token < N_VOCAB:
            raise InvalidRequest(f"token {token} is not one of this model's {N_VOCAB}")
        return bytes([token]) if token < END else b"<end>"

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < END else b""

    def is_end(self, token: int) -> bool:
        return token == END

    def sampler(self, request: Generate, prompt: list[int], budget: Budget | None = None) -> FakeSampler:
        if request.sampling.temperature != request.sampling.temperature:
            raise InvalidRequest("temperature is not a number")
        if budget:
            budget.begin()
        sampler = FakeSampler(self._answer, max(request.sampling.seed, 0), request.n_probs, budget)
        self.samplers.append(sampler)
        return sampler

    def adapters(self, request: Generate) -> AdapterSet:
        chosen = tuple(sorted((name, scale) for name, scale in request.adapters or [] if scale))
        for name, _ in chosen:
            if name not in KNOWN_ADAPTERS:
                raise NotThere(f"there is no adapter `{name}`")
        return chosen

    def open(self, adapters: AdapterSet) -> FakeMemory:
        if adapters:
            time.sleep(self._shape.load_s)
            if self._shape.mixes:
                self.ready.add(adapters)
                return self.memories[()]
        memory = self.memories[adapters] = FakeMemory(
            self._shape.n_cells or self.facts.n_ctx, self._shape.n_sequences, self._shape.can_trim
        )
        return memory

    def close(self, memory: Memory, adapters: AdapterSet) -> None:
        self.ready.discard(adapters)
        self.memories.pop(adapters, None)

    def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn] | InvalidRequest]:
        deadline = time.monotonic() + self._step_s
        while (left_s := deadline - time.monotonic()) > 0 and not self._interrupted.is_set():
            self._interrupted.wait(left_s)
        if self._interrupted.is_set():
            raise Interrupted
        self.runs.append(works)
        if not isinstance(memory, FakeMemory):
            raise TypeError("not a memory of this backend")
        for work in works:
            memory.put(work.sequence, work.tokens, work.position)
        return [self._drawn(work) for work in works]

    def interrupt(self) -> None:
        self._interrupted.set()

    def resume(self) -> None:
        self._interrupted.clear()

    def guesser(self) -> Guesser | None:
        return None

    def embedder(self) -> Embedder:
        raise InvalidRequest("this model makes no vectors")

    def _drawn(self, work: Work) -> list[Drawn]:
        if work.asked:
            return [self._told(token, work.asked.n_probs) for token in work.asked.following]
        drawn: list[Drawn] = []
        for guess in [*work.tokens[len(work.tokens) - work.n_guessed :], None] if work.sampler else []:
            drawn.append(self._draw(work.sampler))
            if drawn[-1].token != guess:
                break
        return drawn

    def _draw(self, sampler: Sampler | None) -> Drawn:
        if not isinstance(sampler, FakeSampler):
            raise TypeError("not a sampler of this backend")
        token = sampler.next()
        return self._told(token, 0) if sampler.n_probs else Drawn(token)

    def _told(self, token: int, n_probs: int) -> Drawn:
        """Return a token as the only likely one; all others are equally unlikely."""
        piece = self.piece(token)
        top = [TokenProbability(id=other, token="", bytes=[], logprob=-1.0) for other in range(n_probs)]
        found = TokenProbability(
            id=token, token=piece.decode("latin-1"), bytes=list(piece), logprob=0.0, top_logprobs=top
        )
        return Drawn(token, found)


def facts(n_ctx: int, n_slots: int = 1) -> ModelFacts:
    """Return the facts of a fake model."""
    return ModelFacts(
        name="fake",
        architecture="fake",
        description="a model made of arithmetic",
        parameters=0,
        size_bytes=0,
        n_ctx=n_ctx,
        n_ctx_train=n_ctx,
        n_vocab=N_VOCAB,
        n_embd=1,
        vocab_type=0,
        file_type="none",
        chat_template="",
        bos_token="",
        eos_token="",
        n_threads=1,
        n_threads_batch=1,
        n_gpu_layers=0,
        cpu_variant="none",
        accelerators=[],
        flash_attention=False,
        memory_bytes=0,
        n_slots=n_slots,
    )
