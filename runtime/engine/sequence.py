"""One request on its way: its tokens, how many of them are computed, what was said so far.

There is no prompt phase and no answer phase: a step computes the next tokens that are
known, and when none is left unknown the next one is drawn. Does not know: the model.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Literal

from runtime.engine.backend import AdapterSet, Drawn, Sampler
from runtime.engine.lookup import Lookup
from runtime.engine.protocol import Delta, Event, Finished, FinishReason, Generate, Timings, TokenProbability
from runtime.engine.text import TextAssembler

if TYPE_CHECKING:
    from runtime.engine.lane import Place

Stage = Literal["queued", "prefilling", "decoding", "finishing", "cancelled"]
"""queued: no place in a memory; finishing: it has a reason to end."""


class Sequence:
    """The state of one request from its admission to its end.

    place: where its tokens are held; None while it waits. n_cached: tokens of the prompt that
    others had computed. is_shifted: tokens were dropped from its middle, so that what the memory
    holds is not what these tokens alone would give. n_told: tokens of the prompt, after its
    first, whose probability was told. shown: special tokens that are part of the answer, with their bytes.
    """

    def __init__(self, request: Generate, prompt: list[int], text: str, sampler: Sampler, adapters: AdapterSet) -> None:
        self.request = request
        self.tokens = list(prompt)
        self.text = text
        self.n_prompt = len(prompt)
        self.n_predicted = 0
        self.n_cached = 0
        self.n_computed = 0
        self.sampler = sampler
        self.adapters = adapters
        self.slot = -1
        self.place: Place | None = None
        self.reason: FinishReason | None = None
        self.truncated = False
        self.is_shifted = False
        self.was_announced = False
        self.n_told = 0
        self.shown: dict[int, bytes] = {}
        self.lookup: Lookup | None = None
        self.n_guessed = 0
        self.n_judged = 0
        self.n_guessed_right = 0
        self._assembler = TextAssembler(request.stop, request.n_indent)
        self._unsent: list[int] = []
        self._probabilities: list[TokenProbability] = []
        self._started_at = perf_counter()
        self._first_at = 0.0
        self._last_at = 0.0

    @property
    def stage(self) -> Stage:
        if self.reason:
            return "cancelled" if self.reason == "cancelled" else "finishing"
        if self.place is None:
            return "queued"
        return "prefilling" if self.n_left > 1 or not self.n_predicted else "decoding"

    @property
    def n_left(self) -> int:
        """Tokens that are known and not computed."""
        return len(self.tokens) - self.n_computed

    @property
    def n_room(self) -> int:
        """Tokens that this request may still add; a large number when it may go on to the end."""
        limit = self.request.max_tokens
        return limit - self.n_predicted if limit >= 0 else 1 << 30

    @property
    def is_telling(self) -> bool:
        """Whether the probabilities of its prompt's tokens are still to be told."""
        return self.request.prompt_probs >= 0 and self.n_told < self.n_prompt - 1

    @property
    def age_ms(self) -> float:
        """Since the request was ready to be computed."""
        return (perf_counter() - self._started_at) * 1e3

    @property
    def is_full(self) -> bool:
        """Whether it ended because its context is full."""
        return self.reason == "length" and self.truncated

    def add(self, drawn: Drawn, piece: bytes, is_end: bool, n_ctx: int) -> str:
        """Take the drawn token, decide whether it was the last, and return what may be shown."""
        self._last_at = perf_counter()
        if not self.n_predicted:
            self._first_at = self._last_at
        self.tokens.append(drawn.token)
        self.n_predicted += 1
        self._unsent.append(drawn.token)
        if drawn.probability:
            self._probabilities.append(drawn.probability)
        text = self._assembler.push(piece)
        self._decide(is_end, n_ctx)
        return text

    @property
    def has_new_line(self) -> bool:
        """Whether a line of the answer is complete."""
        return self._assembler.has_new_line

    def delta(self, text: str) -> list[Event]:
        """Return the event that shows `text` with the tokens since the last one; none while all is held back."""
        if not text:
            return []
        delta = Delta(id=self.request.id, text=text, tokens=self._unsent, probabilities=self._probabilities)
        self._unsent, self._probabilities = [], []
        return [delta]

    def end(self, reason: FinishReason) -> list[Event]:
        """Return what was still held back and the `Finished` of this request."""
        self.reason = reason
        text = self._assembler.finish()
        events: list[Event] = []
        if text or self._unsent:
            events = [
                Delta(id=self.request.id, text=text, tokens=self._unsent, probabilities=self._probabilities),
            ]
        finished = Finished(
            id=self.request.id,
            reason=reason,
            stopping_word=self._assembler.stopped_by,
            timings=self._timings(),
            seed=self.sampler.seed,
            truncated=self.truncated,
            has_new_line=self.has_new_line,
        )
        return [*events, finished]

    def drop(self, n_kept: int, n_dropped: int) -> None:
        """Forget so many tokens after the first `n_kept`: a context shift."""
        del self.tokens[n_kept : n_kept + n_dropped]
        self.n_computed -= n_dropped
        self.truncated = True
        self.lookup = None

    def _decide(self, is_end: bool, n_ctx: int) -> None:
        if self._assembler.stopped_by:
            self.reason = "word"
        elif is_end:
            self.reason = "stop"
        elif len(self.tokens) >= n_ctx:
            self.reason = "length"
            self.truncated = True
        elif self.n_room <= 0 or self._assembler.is_dedented or self._is_late():
            self.reason = "length"

    def _is_late(self) -> bool:
        limit_ms = self.request.max_ms
        return limit_ms > 0 and self._assembler.has_new_line and (self._last_at - self._first_at) * 1e3 > limit_ms

    def _timings(self) -> Timings:
        answered = self._first_at or perf_counter()
        return Timings(
            cache_n=self.n_cached,
            prompt_n=self.n_prompt - self.n_cached,
            prompt_ms=(answered - self._started_at) * 1e3,
            predicted_n=self.n_predicted,
            predicted_ms=(self._last_at - self._first_at) * 1e3,
            draft_n=self.n_guessed,
            draft_n_accepted=self.n_guessed_right,
            draft_steps=self.n_judged,
        )
