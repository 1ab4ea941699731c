"""A model made of arithmetic, for testing everything around a model.

Its vocabulary is the 256 bytes and one end-of-turn token; after any text it says the
answer it was given, byte for byte, and ends its turn. It records what it was asked to run.
"""

import time
from threading import Event

from runtime.engine.backend import Drawn, Interrupted, InvalidRequest, Sampler, Work
from runtime.engine.protocol import ModelFacts, Sampling, TokenProbability

END = 256
N_VOCAB = 257


class FakeSampler:
    """Says `answer` once, then ends the turn."""

    def __init__(self, answer: bytes, seed: int, n_probs: int) -> None:
        self.seed = seed
        self.n_probs = n_probs
        self.is_closed = False
        self._coming = [*answer, END]

    def next(self) -> int:
        return self._coming.pop(0) if self._coming else END

    def close(self) -> None:
        self.is_closed = True


class FakeBackend:
    """Answers every prompt with `answer`; one step takes `step_s` seconds."""

    def __init__(self, answer: str = "Hello.", n_ctx: int = 256, n_chunk: int = 16, step_s: float = 0.0) -> None:
        self.facts = facts(n_ctx)
        self.n_chunk = n_chunk
        self.adds_bos = self.adds_eos = False
        self.runs: list[list[Work]] = []
        self.held: list[int] = []
        self.samplers: list[FakeSampler] = []
        self._answer = answer.encode()
        self._step_s = step_s
        self._interrupted = Event()

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < END else b""

    def is_end(self, token: int) -> bool:
        return token == END

    def sampler(self, sampling: Sampling, n_probs: int, prompt: list[int]) -> FakeSampler:
        if sampling.temperature != sampling.temperature:
            raise InvalidRequest("temperature is not a number")
        sampler = FakeSampler(self._answer, max(sampling.seed, 0), n_probs)
        self.samplers.append(sampler)
        return sampler

    def keep(self, slot: int, n_tokens: int) -> int:
        del self.held[n_tokens:]
        return len(self.held)

    def run(self, works: list[Work]) -> list[Drawn | None]:
        deadline = time.monotonic() + self._step_s
        while (left_s := deadline - time.monotonic()) > 0 and not self._interrupted.is_set():
            self._interrupted.wait(left_s)
        if self._interrupted.is_set():
            raise Interrupted
        self.runs.append(works)
        return [self._compute(work) for work in works]

    def interrupt(self) -> None:
        self._interrupted.set()

    def resume(self) -> None:
        self._interrupted.clear()

    def _compute(self, work: Work) -> Drawn | None:
        if work.position != len(self.held):
            raise ValueError(f"position {work.position}, but {len(self.held)} tokens are held")
        self.held += work.tokens
        return self._draw(work.sampler) if work.sampler else None

    def _draw(self, sampler: Sampler) -> Drawn:
        if not isinstance(sampler, FakeSampler):
            raise TypeError("not a sampler of this backend")
        token = sampler.next()
        if not sampler.n_probs:
            return Drawn(token)
        piece = list(self.piece(token))
        return Drawn(token, TokenProbability(id=token, token=bytes(piece).decode("latin-1"), bytes=piece, logprob=0.0))


def facts(n_ctx: int) -> ModelFacts:
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
    )
