"""Draws the tokens of one request from rows of logits: grammar, then samplers, and what is told about it.

Where a budget for thoughts forces a token, nothing is drawn: a seed gives the same numbers before and after.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.engine.backend import Drawn, InvalidRequest
from runtime.engine.backends.llama_rows import Rows
from runtime.engine.budget import Budget
from runtime.engine.protocol import Generate

if TYPE_CHECKING:
    from runtime.engine.constraints.matcher import Matcher


class Chain(NamedTuple):
    """A chain of llama.cpp's samplers.

    is_greedy: it can only end with the greatest logit of the tokens that are not `banned`.
    """

    handle: int
    seed: int
    is_greedy: bool
    banned: list[int]


class LlamaSampler:
    """Draws the tokens of one request (`runtime.engine.backend.Sampler`)."""

    def __init__(
        self, chain: Chain, rows: Rows, matcher: Matcher | None, request: Generate, budget: Budget | None = None
    ) -> None:
        self.handle = chain.handle
        self.seed = chain.seed
        self._native = rows.native
        self._rows = rows
        self._matcher = matcher
        self._budget = budget
        self._is_greedy = chain.is_greedy
        self._banned = chain.banned
        self._n_probs = request.n_probs
        self._post_sampling = request.post_sampling
        if budget:
            budget.begin(matcher.allows if matcher else len)

    def draw(self, context: int, row: int) -> Drawn:
        """Draw from a row of the last run's logits. Raises: InvalidRequest when a grammar leaves nothing."""
        logits = self._native.llama_get_logits_ith(context, row)
        if self._budget and self._budget.forced:
            return self._force(self._budget.forced[0], logits)
        if self._n_probs and not self._post_sampling:
            return self._draw_and_tell(context, row, logits)
        if self._matcher and self._matcher.mask(self._rows.mask):
            self._rows.apply_mask(logits)
        if self._n_probs:
            drawn = self._rows.sampled(self.handle, logits, self._n_probs)
        else:
            drawn = Drawn(self._drawn(context, row, logits))
        self._accept(drawn.token)
        return drawn

    def forced(self) -> list[int]:
        if self._budget and self._budget.forced:
            return self._budget.forced
        return self._matcher.forced() if self._matcher else []

    def close(self) -> None:
        """Free the chain. Idempotent."""
        handle, self.handle = self.handle, 0
        if handle:
            self._native.llama_sampler_free(handle)

    def _draw_and_tell(self, context: int, row: int, logits: Any) -> Drawn:
        """Draw, and tell the probabilities as they were before grammar and samplers."""
        before = self._rows.copy(logits)
        if self._matcher and self._matcher.mask(self._rows.mask):
            self._rows.apply_mask(logits)
        token = self._drawn(context, row, logits)
        self._accept(token)
        return Drawn(token, self._rows.probability(token, before, self._n_probs))

    def _force(self, token: int, logits: Any) -> Drawn:
        """Say `token` whatever the logits are; they tell how likely it was."""
        self._native.llama_sampler_accept(self.handle, token)
        self._accept(token)
        if not self._n_probs:
            return Drawn(token)
        if self._post_sampling:
            return Drawn(token, self._rows.certain(token))
        return Drawn(token, self._rows.probability(token, logits, self._n_probs))

    def _drawn(self, context: int, row: int, logits: Any) -> int:
        if self._is_greedy:
            for banned in self._banned:
                logits[banned] = -inf
            greatest: int = self._native.rows_argmax(logits, self._rows.n_vocab)
            if greatest < 0:
                raise InvalidRequest("the model computed no numbers for this prompt; its file may be damaged")
            return greatest
        token: int = self._native.llama_sampler_sample(self.handle, context, row)
        return token

    def _accept(self, token: int) -> None:
        if self._matcher:
            self._matcher.accept(token)
        if self._budget:
            self._budget.accept(token)
