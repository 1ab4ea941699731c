"""What the step loop asks of an engine; each backend answers for one kind of model.

A slot is a place for one sequence in the model's memory, counted from 0. The step loop
says which tokens of which slot come next, the backend computes them and draws.
Does not know: requests, texts of answers, the wire.
"""

from typing import NamedTuple, Protocol

from runtime.engine.protocol import ModelFacts, Sampling, TokenProbability


class InvalidRequest(Exception):
    """The request asks for what this model cannot do; the text is for whoever asked."""


class Interrupted(Exception):
    """`interrupt` ended a run early; nothing of the run counts."""


class Drawn(NamedTuple):
    """The next token of a slot, and its probabilities if they were asked for."""

    token: int
    probability: TokenProbability | None = None


class Sampler(Protocol):
    """Draws the tokens of one request. Close it when the request has ended."""

    seed: int

    def close(self) -> None: ...


class Work(NamedTuple):
    """The next tokens of one slot. With a sampler, the token that follows them is drawn.

    position: how many tokens of the slot come before; the memory holds exactly these.
    """

    slot: int
    tokens: list[int]
    position: int
    sampler: Sampler | None


class Backend(Protocol):
    """One loaded model. Every method but `interrupt` belongs to the thread that loaded it."""

    facts: ModelFacts
    n_chunk: int
    """The most tokens that a `Work` may hold."""
    adds_bos: bool
    adds_eos: bool
    """Whether `tokenize` puts these tokens around a prompt by itself."""

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a whole prompt, special tokens in its text included."""

    def piece(self, token: int) -> bytes:
        """Return the bytes that `token` adds to an answer; none for a control token."""

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends the model's turn."""

    def sampler(self, sampling: Sampling, n_probs: int, prompt: list[int]) -> Sampler:
        """Return what draws the tokens that follow `prompt`. Raises: InvalidRequest."""

    def keep(self, slot: int, n_tokens: int) -> int:
        """Forget all but the first `n_tokens` of the slot; return how many really stayed."""

    def run(self, works: list[Work]) -> list[Drawn | None]:
        """Compute one step. Raises: Interrupted; EngineFailed when native code refuses."""

    def interrupt(self) -> None:
        """Make the run in progress, or the next one, raise Interrupted; from any thread."""

    def resume(self) -> None:
        """Let runs go on after an interrupt."""
