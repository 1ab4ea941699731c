"""One request on its way: its tokens, how many of them are computed, what was said so far.

There is no prompt phase and no answer phase: a step computes the next tokens that are
known, and when none is left unknown the next one is drawn. Does not know: the model.
"""

from time import perf_counter

from runtime.engine.backend import Drawn, Sampler
from runtime.engine.protocol import Delta, Event, Finished, FinishReason, Generate, Timings, TokenProbability
from runtime.engine.text import TextAssembler


class Sequence:
    """The state of one request from its admission to its end."""

    def __init__(self, request: Generate, prompt: list[int], n_cached: int, sampler: Sampler) -> None:
        self.request = request
        self.tokens = list(prompt)
        self.n_prompt = len(prompt)
        self.n_cached = n_cached
        self.n_computed = n_cached
        self.sampler = sampler
        self.reason: FinishReason | None = None
        self.truncated = False
        self._text = TextAssembler(request.stop)
        self._unsent: list[int] = []
        self._probabilities: list[TokenProbability] = []
        self._started_at = perf_counter()
        self._first_at = 0.0
        self._last_at = 0.0

    @property
    def n_predicted(self) -> int:
        return len(self.tokens) - self.n_prompt

    def next_tokens(self, n_most: int) -> list[int]:
        """Return the tokens to compute next, at most `n_most`."""
        return self.tokens[self.n_computed : self.n_computed + n_most]

    def is_last_chunk(self, n_tokens: int) -> bool:
        """Tell whether computing `n_tokens` more leaves only the next token unknown."""
        return self.n_computed + n_tokens == len(self.tokens)

    def add(self, drawn: Drawn, piece: bytes, is_end: bool, n_ctx: int) -> Delta | None:
        """Take the drawn token, decide whether it was the last, and return what may be shown."""
        self._last_at = perf_counter()
        if self.n_prompt == len(self.tokens):
            self._first_at = self._last_at
        self.tokens.append(drawn.token)
        self._unsent.append(drawn.token)
        if drawn.probability:
            self._probabilities.append(drawn.probability)
        text = self._text.push(piece)
        self._decide(is_end, n_ctx)
        return self._delta(text) if text else None

    def end(self, reason: FinishReason) -> list[Event]:
        """Return what was still held back and the `Finished` of this request."""
        self.reason = reason
        text = self._text.finish()
        events: list[Event] = [self._delta(text)] if text or self._unsent else []
        finished = Finished(
            id=self.request.id,
            reason=reason,
            stopping_word=self._text.stopped_by,
            timings=self._timings(),
            seed=self.sampler.seed,
            truncated=self.truncated,
            has_new_line=self._text.has_new_line,
        )
        return [*events, finished]

    def _decide(self, is_end: bool, n_ctx: int) -> None:
        limit = self.request.max_tokens
        if self._text.stopped_by:
            self.reason = "word"
        elif is_end:
            self.reason = "stop"
        elif self.n_computed + 1 >= n_ctx:
            self.reason = "length"
            self.truncated = True
        elif 0 <= limit <= self.n_predicted:
            self.reason = "length"

    def _delta(self, text: str) -> Delta:
        delta = Delta(id=self.request.id, text=text, tokens=self._unsent, probabilities=self._probabilities)
        self._unsent, self._probabilities = [], []
        return delta

    def _timings(self) -> Timings:
        answered = self._first_at or perf_counter()
        return Timings(
            cache_n=self.n_cached,
            prompt_n=self.n_prompt - self.n_cached,
            prompt_ms=(answered - self._started_at) * 1e3,
            predicted_n=self.n_predicted,
            predicted_ms=(self._last_at - self._first_at) * 1e3,
        )
