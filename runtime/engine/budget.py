"""Keeps the thoughts of one answer within their budget: once it is used up, a thought has to end.

Marks are looked for in the bytes of tokens, since what is no special token can be cut in many ways.
Does not know: logits, how tokens are drawn, where the marks come from.
"""

import codecs
from collections.abc import Callable, Sequence
from typing import NamedTuple

LEEWAY_TOKENS = 8
"""Over the budget at most, so that a character or a mark that has begun can be finished."""


class Marks(NamedTuple):
    """What stands around a thought. closing: the tokens that end one.

    is_everywhere: `begin` opens a thought wherever it comes; else only where nothing was said before, since
    an answer may speak of its own marks.
    """

    begin: bytes
    ends: Sequence[bytes]
    closing: Sequence[int]
    is_everywhere: bool


class Budget:
    """forced: the tokens that have to come next; empty while the model is free.

    is_open: whether the answer begins inside a thought. said: what the answer begins with already.
    """

    def __init__(
        self, marks: Marks, n_tokens: int, token_bytes: Callable[[int], bytes], is_open: bool, said: bytes = b""
    ) -> None:
        self.forced: list[int] = []
        self._marks = marks
        self._n_left = n_tokens
        self._token_bytes = token_bytes
        self._allows: Callable[[list[int]], int] = len
        self._is_open = is_open
        self._is_over = False
        self._tail = b""
        self._n_tail = max(map(len, (marks.begin, *marks.ends)))
        self._read(said)

    def begin(self, allows: Callable[[list[int]], int] = len) -> None:
        """Nothing is drawn yet. allows: how many tokens of a run a grammar lets through, which counts more."""
        self._allows = allows
        self._close_if_due()

    def accept(self, token: int) -> None:
        """Go on by a token, which is the first forced one if there are any."""
        if self.forced:
            self.forced = self.forced[1:]
            if not self.forced:
                self._is_open, self._tail, self._n_left = False, b"", 0
        elif not self._is_over:
            self._n_left -= self._is_open
            self._read(self._token_bytes(token))
            self._close_if_due()

    def _read(self, said: bytes) -> None:
        """Go into thoughts and out of them, as the marks say."""
        self._tail += said
        while end := self._end_of_thought() if self._is_open else self._beginning_of_thought():
            self._tail = self._tail[end:]
            self._is_open = not self._is_open
        self._tail = self._tail[-self._n_tail :]

    def _end_of_thought(self) -> int:
        """Return how far the tail goes up to the end of a thought; 0: there is none."""
        found = [at + len(end) for end in self._marks.ends if (at := self._tail.find(end)) >= 0]
        return min(found, default=0)

    def _beginning_of_thought(self) -> int:
        begin = self._marks.begin
        if not self._marks.is_everywhere:
            self._tail = self._tail.lstrip()
            self._is_over = not begin.startswith(self._tail[: len(begin)])
        at = -1 if self._is_over else self._tail.find(begin)
        return at + len(begin) if at >= 0 else 0

    def _close_if_due(self) -> None:
        is_due = self._is_open and self._n_left <= 0
        if is_due and (self._n_left <= -LEEWAY_TOKENS or not self._is_amid()):
            self.forced = list(self._marks.closing)
            if self._allows(self.forced) < len(self.forced):
                self.forced, self._is_over = [], True

    def _is_amid(self) -> bool:
        """Tell whether a character or a mark has begun."""
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        decoder.decode(self._tail)
        cut, _ = decoder.getstate()
        ends = self._marks.ends
        return bool(cut) or any(self._tail.endswith(end[:n]) for end in ends for n in range(1, len(end)))
