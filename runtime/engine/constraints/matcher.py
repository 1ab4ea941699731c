"""Follows one answer through its grammar: what may come next, and what must.

All methods are for the thread that draws tokens. A grammar that turns out too costly for
the answer at hand raises InvalidRequest from any of them.
"""

from collections import deque
from typing import NamedTuple

from llguidance._lib import LLMatcher

from runtime.engine.backend import InvalidRequest
from runtime.engine.constraints import limits
from runtime.engine.constraints.trigger import START, Watch, Watched
from runtime.engine.constraints.vocabulary import Table

REMEMBERED = 512
"""Tokens before a trigger that `rollback` can take back; drafts are shorter."""


class Compiled(NamedTuple):
    """A grammar at its beginning; `field` names it in messages."""

    native: LLMatcher
    watch: Watch | None
    field: str


class Matcher:
    """One answer. Lazy grammars constrain nothing until a trigger has appeared."""

    def __init__(self, table: Table, compiled: Compiled) -> None:
        self._table = table
        self._compiled = compiled
        self._native = compiled.native.deep_copy()
        self._ends = table.ends
        self._mask_bytes = (table.n_vocab + 31) // 32 * 4
        self._waiting = compiled.watch is not None
        self._watched = START
        self._past: deque[Watched] = deque(maxlen=REMEMBERED)
        self._n_consumed = 0
        self._n_ended = 0

    @property
    def is_constrained(self) -> bool:
        """Whether there is a mask now; False while a lazy grammar waits for its trigger."""
        return not self._waiting

    @property
    def is_complete(self) -> bool:
        """Whether nothing but the end may follow."""
        return not self._waiting and (self._n_ended > 0 or (self._native.is_stopped() and not self._native.is_error()))

    @property
    def may_end(self) -> bool:
        """Whether the answer may end here."""
        return self._waiting or self._n_ended > 0 or self._native.is_accepting()

    def mask(self, address: int) -> bool:
        """Write which tokens may come next, a bit for each, to ceil(n_vocab / 32) uint32 at `address`.

        Returns False, and writes nothing, when all may. `address` must be a multiple of 4.
        Raises: InvalidRequest.
        """
        if self._waiting:
            return False
        self._native.unsafe_compute_mask_ptr(address, self._mask_bytes)
        self._check()
        return True

    def accept(self, token: int) -> None:
        """Go on by a token that was drawn. Raises: InvalidRequest when the grammar forbids it."""
        if self._waiting:
            self._watch(token)
        elif token in self._ends:
            self._end()
        elif self._native.consume_token(token):
            self._n_consumed += 1
        else:
            self._check()
            raise InvalidRequest(f"`{self._compiled.field}`: the grammar forbids the token {token} that was drawn")

    def allows(self, tokens: list[int]) -> int:
        """Return how many of a drafted run may come next, one after the other; the state stays."""
        if self._waiting:
            return len(tokens)
        if self._n_ended:
            return 0
        n_text = next((index for index, token in enumerate(tokens) if token in self._ends), len(tokens))
        n_allowed = self._native.try_consume_tokens(tokens[:n_text])
        ends = n_text < len(tokens) and n_allowed == n_text and self._native.is_accepting()
        self._take_back(n_allowed)
        return n_allowed + ends

    def forced(self) -> list[int]:
        """Return the tokens that must come next; empty when there is a choice."""
        if self._waiting or self._n_ended or self.is_complete:
            return []
        return self._native.compute_ff_tokens()

    def rollback(self, n: int) -> None:
        """Take the last `n` accepted tokens back. Raises: ValueError when there were fewer, or too many to remember."""
        n_ended = min(n, self._n_ended)
        self._n_ended -= n_ended
        n -= n_ended
        if n <= self._n_consumed:
            self._take_back(n)
            self._n_consumed -= n
            return
        n -= self._n_consumed
        if n > len(self._past):
            raise ValueError(f"taking back {n} tokens more than the {len(self._past)} that are remembered")
        for _ in range(n):
            self._watched = self._past.pop()
        self._waiting = True
        self._n_consumed = 0
        self._native = self._compiled.native.deep_copy()

    def fork(self) -> "Matcher":
        """Return another matcher in the same state, for another answer to the same prompt; takes 10 µs."""
        twin = Matcher.__new__(Matcher)
        twin.__dict__ |= self.__dict__
        twin._native = self._native.deep_copy()
        twin._past = self._past.copy()
        return twin

    def _watch(self, token: int) -> None:
        watch = self._compiled.watch
        if watch is None or token in self._ends:
            return
        self._past.append(self._watched)
        if token in watch.tokens:
            # as a reference to the token in the grammar, or else as its text
            started = self._start([token]) or self._start_with(self._table.pieces[token])
        else:
            self._watched, text = watch.feed(self._watched, self._table.pieces[token])
            started = text is not None and self._start_with(text)
        self._waiting = not started

    def _start_with(self, text: bytes) -> bool:
        return self._start(self._table.native.tokenize_bytes(text))

    def _start(self, tokens: list[int]) -> bool:
        """Begin the grammar with what the trigger took; an answer that goes on otherwise than it stays free."""
        self._native = self._compiled.native.deep_copy()
        return self._native.try_consume_tokens(tokens) == len(tokens)

    def _end(self) -> None:
        if not self.may_end:
            self._check()
            raise InvalidRequest(f"`{self._compiled.field}`: the answer ended before its grammar did")
        self._n_ended += 1

    def _take_back(self, n_tokens: int) -> None:
        if n_tokens and not self._native.rollback(n_tokens):
            self._check()

    def _check(self) -> None:
        if self._native.is_error():
            raise InvalidRequest(f"`{self._compiled.field}`: {reason(self._native.get_error())}")


def reason(error: str) -> str:
    """Return what llguidance says in one line, without the state that it prints below, and without its own options."""
    if "coerce_one_of" in error:
        return "the parts of a `oneOf` may overlap, which is not supported; use `anyOf`"
    said = error.strip().partition("\n")[0].removeprefix("Parser Error: ").partition(";")[0]
    return limits.cut(said, 160) or "the grammar cannot be followed"
