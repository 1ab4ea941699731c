"""llama.cpp in the tests' own process: loaded small, and driven token by token or by the step loop."""

from pathlib import Path

from runtime.engine.backend import Work
from runtime.engine.backends import llama_model
from runtime.engine.backends.llama import LlamaBackend
from runtime.engine.backends.llama_memory import LlamaMemory
from runtime.engine.config import WorkerConfig
from runtime.engine.protocol import Delta, Generate, Sampling, TokenProbability
from tests.runtime.engine.loop import Loop

GREEDY = Sampling(temperature=0.0)
NEAR_TIE = 0.25
"""Where the two likeliest tokens are this close, in ln p, either may come in a batch of another shape: long
batches are computed by kernels that round in another way (up to 0.3 measured; the same shape gives the same bits)."""


def load(path: Path, **settings: object) -> LlamaBackend:
    """A model with a small context and one thread, unless `settings` say otherwise."""
    config = WorkerConfig(**{"model_path": str(path), "n_ctx": 1024, "n_threads": 1, **settings})  # type: ignore[arg-type]
    return LlamaBackend(llama_model.load(config, lambda _: None))


def request(prompt: str = "", **fields: object) -> Generate:
    return Generate(**{"id": 1, "prompt": prompt, "sampling": GREEDY, **fields})  # type: ignore[arg-type]


def say(
    backend: LlamaBackend,
    prompt: list[int],
    n_tokens: int,
    sampling: Sampling = GREEDY,
    n_held: int = 0,
    memory: LlamaMemory | None = None,
) -> list[int]:
    """Continue `prompt`, whose first `n_held` tokens sequence 0 holds; what it said stays there."""
    memory = memory or backend.open(())
    memory.forget(0, n_held)
    sampler = backend.sampler(request(sampling=sampling), prompt)
    said: list[int] = []
    tokens = prompt[n_held:]
    while len(said) < n_tokens:
        ((drawn,),) = backend.run(memory, [Work(0, tokens, n_held, sampler)])
        n_held += len(tokens)
        tokens = [drawn.token]
        said += tokens
    sampler.close()
    return said


class Engine(Loop):
    """The step loop over a real model; each question is greedy and tells the two likeliest tokens."""

    def __init__(self, backend: LlamaBackend, n_draft: int = 0) -> None:
        memory = backend.open(())
        for sequence in range(memory.n_sequences):
            memory.forget(sequence)
        super().__init__(backend, n_draft=n_draft)  # type: ignore[arg-type]
        self.n_asked = 0

    def close(self) -> None:
        """Free the memories of adapters."""
        for lane in self.lanes[1:]:
            self.backend.close(lane.memory, lane.memory.adapters)

    def ask(self, prompt: str | list[int], n_tokens: int = 16, **more: object) -> int:
        """Submit a question; return its number."""
        self.n_asked += 1
        self.submit(self.n_asked, prompt, **{"max_tokens": n_tokens, "sampling": GREEDY, "n_probs": 2, **more})
        return self.n_asked

    def answer(self, prompt: str | list[int], n_tokens: int = 16, **more: object) -> "Answer":
        """Ask and wait for the answer."""
        number = self.ask(prompt, n_tokens, **more)
        self.run()
        return self.said(number)

    def said(self, number: int) -> "Answer":
        self.last(number)
        told = [one for event in self.of(number) if isinstance(event, Delta) for one in event.probabilities]
        return Answer(self.tokens(number), told)


class Answer:
    """Tokens, and the two likeliest of each place. Equal: the same, or another way from a near tie on."""

    def __init__(self, tokens: list[int], told: list[TokenProbability]) -> None:
        self.tokens = tokens
        self.told = told

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        pairs = zip(self.tokens, other.tokens, strict=False)
        fork = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), None)
        return (
            self.is_near_tie(fork) or other.is_near_tie(fork)
            if fork is not None
            else len(self.tokens) == len(other.tokens)
        )

    def is_near_tie(self, at: int) -> bool:
        first, second = self.told[at].top_logprobs
        return first.logprob - second.logprob < NEAR_TIE

    def is_close(self, other: "Answer") -> bool:
        """Whether the probabilities are nearly the same as well; for models that round hardly at all."""
        pairs = zip(self.told, other.told, strict=True)
        return self.tokens == other.tokens and all(abs(a.logprob - b.logprob) < 0.01 for a, b in pairs)

    def __repr__(self) -> str:
        return "".join(one.token for one in self.told)

    __hash__ = None  # type: ignore[assignment]
