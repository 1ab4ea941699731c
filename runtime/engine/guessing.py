"""Decides which tokens are guessed ahead, so that one step can give several tokens of an answer.

Three can guess: a grammar that leaves no choice, a draft model, and the text itself by what
it said before. A guess never changes an answer: what does not come out is dropped.
"""

from runtime.engine.backend import Guesser
from runtime.engine.lookup import Lookup
from runtime.engine.sequence import Sequence


class Guessing:
    """n_most: guesses for each sequence at most, where a request does not say; guesser: a draft model."""

    def __init__(self, n_most: int, guesser: Guesser | None = None) -> None:
        self._n_most = n_most
        self._guesser = guesser

    def guess(self, sequences: list[Sequence], n_outputs: int, n_ctx: int) -> dict[int, list[int]]:
        """Return guesses by request id, at most `n_outputs` in all; `sequences` wait for their next token."""
        guesses: dict[int, list[int]] = {}
        asked: dict[int, list[int]] = {}
        limits: dict[int, int] = {}
        share = n_outputs // max(1, len(sequences))
        for sequence in sequences:
            n_most = min(self._limit(sequence), share, sequence.n_room - 1, n_ctx - len(sequence.tokens) - 1)
            if n_most <= 0 or not (sequence.place and sequence.place.lane.memory.can_trim):
                continue
            if forced := sequence.sampler.forced()[:n_most]:
                guesses[sequence.request.id] = forced
            elif self._guesser:
                asked[sequence.request.id] = sequence.tokens
                limits[sequence.request.id] = n_most
            elif found := self._lookup(sequence).guess(sequence.tokens, n_most):
                guesses[sequence.request.id] = found
        if self._guesser and asked:
            guessed = self._guesser.guess(asked, max(limits.values()))
            guesses |= {key: tokens[: limits[key]] for key, tokens in guessed.items()}
        return guesses

    def judge(self, sequence: Sequence, n_guessed: int, n_right: int) -> None:
        """Learn from what came out."""
        sequence.n_guessed += n_guessed
        sequence.n_judged += n_guessed > 0
        sequence.n_guessed_right += n_right
        if sequence.lookup:
            sequence.lookup.judge(n_guessed, n_right)

    def forget(self, sequence: Sequence) -> None:
        """A request has ended."""
        if self._guesser:
            self._guesser.forget(sequence.request.id)

    def _limit(self, sequence: Sequence) -> int:
        return sequence.request.n_draft if sequence.request.n_draft >= 0 else self._n_most

    def _lookup(self, sequence: Sequence) -> Lookup:
        if sequence.lookup is None:
            sequence.lookup = Lookup(self._limit(sequence))
        return sequence.lookup
