"""What the step loop asks of an engine; each backend answers for one kind of model.

A memory holds the computed tokens of sequences, counted from 0. The step loop says which
tokens of which sequence come next, the backend computes them and draws.
Does not know: requests, texts of answers, the wire.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from runtime.engine.budget import Budget
from runtime.engine.protocol import Generate, ModelFacts, Pooling, TokenProbability

AdapterSet = tuple[tuple[str, float], ...]
"""Names of adapters and their weights, sorted; empty: the model as it is."""


class InvalidRequest(Exception):
    """The request asks for what this model cannot do; the text is for whoever asked."""


class NotThere(InvalidRequest):
    """The request names an adapter or a file that does not exist."""


class Interrupted(Exception):
    """`interrupt` ended a run early; nothing of the run counts."""


class NoRoom(Exception):
    """The memory cannot take the tokens of this run; nothing of it was computed."""


class Drawn(NamedTuple):
    """The next token of a sequence, and its probabilities if they were asked for."""

    token: int
    probability: TokenProbability | None = None


class Sampler(Protocol):
    """Draws the tokens of one request. Close it when the request has ended."""

    seed: int

    def forced(self) -> list[int]:
        """Return tokens that have to come next, if that is known."""

    def close(self) -> None: ...


class Asked(NamedTuple):
    """How likely is each of `following`, the tokens that come after those of a work? With `n_probs` alternatives."""

    following: list[int]
    n_probs: int


class Work(NamedTuple):
    """The next tokens of one sequence. With a sampler, the token that follows them is drawn.

    position: how many tokens of the sequence come before; the memory holds exactly these.
    n_guessed: the last so many tokens are guesses. What follows is drawn after the token
    before each of them, too, up to the first guess that was wrong.
    asked: what to tell of each token, in place of drawing.
    """

    sequence: int
    tokens: list[int]
    position: int
    sampler: Sampler | None = None
    n_guessed: int = 0
    asked: Asked | None = None


class Memory(Protocol):
    """The tokens of the sequences of one context: `n_cells` tokens of up to `n_sequences` sequences.

    can_trim: the end of a sequence can be forgotten, and any beginning of it shared. Where it
    cannot, only a whole sequence can be shared, as it is at that moment.
    can_shift: positions can be moved.
    form: how it keeps tokens; only a memory of the same form can take over what another has computed.
    """

    n_cells: int
    n_sequences: int
    can_trim: bool
    can_shift: bool
    form: str

    def assign(self, sequence: int, adapters: AdapterSet) -> None:
        """Compute the tokens of a sequence with these adapters from now on, which `open` has made ready."""

    def share(self, source: int, target: int, begin: int, end: int) -> None:
        """Let `target` hold the tokens from `begin` to before `end` of `source`, too; takes no room."""

    def forget(self, sequence: int, begin: int = 0, end: int = -1) -> None:
        """Drop tokens of a sequence; end -1: to the last."""

    def shift(self, sequence: int, begin: int, by: int) -> None:
        """Move the tokens from `begin` on by so many positions. Nobody else may hold them."""

    def save(self, sequence: int, tokens: list[int], path: str) -> int:
        """Write the sequence, which holds exactly `tokens`, to a file; return its bytes. Raises: InvalidRequest."""

    def stored(self, path: str) -> int:
        """Return how many tokens a file holds. Raises: InvalidRequest, NotThere."""

    def restore(self, sequence: int, path: str) -> tuple[list[int], int]:
        """Read a sequence; return its tokens and the file's bytes. Raises: InvalidRequest, NotThere."""

    def data(self, sequence: int) -> bytes:
        """Return all that a sequence holds, for `fill`. Raises: InvalidRequest."""

    def fill(self, sequence: int, source: memoryview, begin: int, end: int) -> bool:
        """Let an unused sequence hold the tokens [begin, end) that `data` returned of another; False if it cannot.

        source: writable, and never written; whoever calls vouches for it: native code trusts it.
        """


class Guesser(Protocol):
    """A small model that guesses the next tokens of several sequences at once."""

    def guess(self, sequences: dict[int, list[int]], n_most: int) -> dict[int, list[int]]:
        """Return the likeliest continuation of each sequence, keyed as they are."""

    def forget(self, key: int) -> None:
        """Drop what is known of a sequence."""


class Embedder(Protocol):
    """Makes vectors of texts."""

    n_batch: int
    """The most tokens of one run, and of one text."""

    def tokenize(self, text: str | list[int]) -> list[int]: ...
    def pair(self, query: str, document: str) -> list[int]: ...
    def run(self, texts: list[list[int]], pooling: Pooling) -> list[list[bytes]]: ...


class Backend(Protocol):
    """One loaded model. A method belongs to the thread that computes, unless it is for any thread."""

    facts: ModelFacts
    n_chunk: int
    """The most tokens that one run may hold."""
    n_outputs: int
    """The most tokens that one run may draw, or tell the probability of."""
    shifts: bool
    """Whether a full context drops its oldest tokens instead of ending the answer."""
    n_sets: int
    """How many sets of adapters can be ready at once, the empty one included."""
    adds_bos: bool
    adds_eos: bool
    """Whether `tokenize` puts these tokens around a prompt by itself."""

    @property
    def n_threads(self) -> int:
        """The threads that compute now; their number may change from step to step."""

    def tokenize(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]:
        """Return the tokens of a text, for any thread; those of a whole prompt unless told otherwise.

        add_special: with the tokens that the model wants around a prompt. parse_special: the text of a
        special token means that token. Raises: InvalidRequest.
        """

    def token_bytes(self, token: int) -> bytes:
        """Return what `token` stands for, for any thread; of a special one its own text. Raises: InvalidRequest."""

    def piece(self, token: int) -> bytes:
        """Return the bytes that `token` adds to an answer; none for a control token."""

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends the model's turn."""

    def sampler(self, request: Generate, prompt: list[int], budget: Budget | None = None) -> Sampler:
        """Return what draws the tokens that follow `prompt`, or says what `budget` forces. Raises: InvalidRequest."""

    def adapters(self, request: Generate) -> AdapterSet:
        """Return the adapters that a request asks for. Raises: NotThere, InvalidRequest."""

    def open(self, adapters: AdapterSet) -> Memory:
        """Make a set of adapters ready; return the memory that computes with it, which others may use, too.

        For any thread. Raises: InvalidRequest, LmfileError.
        """

    def close(self, memory: Memory, adapters: AdapterSet) -> None:
        """Forget a set that `open` made ready, with its memory if it has one of its own."""

    def run(self, memory: Memory, works: list[Work]) -> list[list[Drawn] | InvalidRequest]:
        """Compute one step; for each work what was drawn or asked, or why that cannot go on.

        Raises: Interrupted, NoRoom, EngineFailed."""

    def interrupt(self) -> None:
        """Make the run in progress, or the next one, raise Interrupted; for any thread."""

    def resume(self) -> None:
        """Let runs go on after an interrupt."""

    def guesser(self) -> Guesser | None:
        """Return the draft model, if there is one. Raises: LmfileError."""

    def embedder(self) -> Embedder:
        """Return what makes vectors with this model. Raises: InvalidRequest, LmfileError."""
