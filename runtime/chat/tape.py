"""Text that is still being written, and what reads it: parsers that wait where the text ends so far.

A parser is a generator: where it needs more it yields, and goes on when more has come, or the answer has ended:

    def call(tape: Tape) -> Script[str]:
        yield from tape.expect("<call>")
        return (yield from tape.short_until(CLOSE))

What was read since `attempt` can be had again with `raw`, should it turn out to be no call at all.
"""

import re
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Script: TypeAlias = Generator[None, None, T]

SHORT = 512
"""Characters of a name or an id; what is longer is none."""


class Unexpected(Exception):
    """The text is not what the parser reads."""


class Marks:
    """Several marks to look for at once; the one that begins first wins, and of two that begin together the longer."""

    def __init__(self, marks: tuple[str, ...]) -> None:
        self._pattern = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))) or "(?!)")
        self._beginnings = {mark[:size] for mark in marks for size in range(1, len(mark))}
        self._longest = max((len(mark) for mark in marks), default=1) - 1
        self._first = re.compile(f"[{''.join(re.escape(mark[0]) for mark in marks)}]" if marks else "(?!)")

    def find(self, text: str, at: int) -> re.Match[str] | None:
        """Return where the first mark is."""
        return self._pattern.search(text, at)

    def overlap(self, text: str, at: int) -> int:
        """Return how many characters at the end of `text` could be the beginning of a mark."""
        start = max(at, len(text) - self._longest)
        while found := self._first.search(text, start):
            if text[found.start() :] in self._beginnings:
                return len(text) - found.start()
            start = found.start() + 1
        return 0


@lru_cache(maxsize=256)
def marks(*texts: str) -> Marks:
    """Return what finds these marks."""
    return Marks(texts)


class Tape:
    """`text` from `at` on is not read yet."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self._has_ended = False
        self._since = -1

    def add(self, text: str) -> None:
        """More of the answer has come."""
        kept = self.at if self._since < 0 else self._since
        self.text = self.text[kept:] + text
        self.at -= kept
        self._since -= kept if self._since >= 0 else 0

    def end(self) -> None:
        """Nothing more will come."""
        self._has_ended = True

    def attempt(self, n_read: int = 0) -> None:
        """Keep what is read from now on, and the `n_read` characters before, for `raw`."""
        self._since = self.at - n_read

    def succeed(self) -> None:
        """The attempt has come out well; nothing is kept any more."""
        self._since = -1

    def raw(self) -> str:
        """Return what was read since `attempt`, which is over; nothing if it has come out well."""
        read, self._since = self.text[self._since : self.at] if self._since >= 0 else "", -1
        return read

    def more(self) -> Script[bool]:
        """Wait for more text; False when the answer has ended."""
        known = len(self.text) - self.at
        while len(self.text) - self.at == known:
            if self._has_ended:
                return False
            yield
        return True

    def peek(self) -> Script[str]:
        """Return the next character, which stays; empty at the end of the answer."""
        if self.at == len(self.text) and not (yield from self.more()):
            return ""
        return self.text[self.at]

    def blank(self) -> Script[str]:
        """Pass over white space; return the character behind, as `peek`."""
        while (character := (yield from self.peek())) and character.isspace():
            self.at += 1
        return character

    def starts(self, word: str) -> Script[bool]:
        """Pass over `word` if it comes next."""
        while not self.text.startswith(word, self.at):
            if not word.startswith(self.text[self.at :]) or not (yield from self.more()):
                return False
        self.at += len(word)
        return True

    def expect(self, word: str) -> Script[None]:
        """Pass over `word`. Raises: Unexpected."""
        if not (yield from self.starts(word)):
            raise Unexpected(word)

    def until(self, wanted: Marks, take: Callable[[str], None]) -> Script[str]:
        """Hand on the text up to the first of the marks, which is passed over and returned; empty: there was none."""
        while True:
            found = wanted.find(self.text, self.at)
            if found:
                take(self.text[self.at : found.start()])
                self.at = found.end()
                return found.group()
            end = len(self.text) - wanted.overlap(self.text, self.at)
            if end > self.at:
                take(self.text[self.at : end])
                self.at = end
            if not (yield from self.more()):
                take(self.text[self.at :])
                self.at = len(self.text)
                return ""

    def short_until(self, wanted: Marks) -> Script[tuple[str, str]]:
        """Return the text up to a mark, which is passed over, and the mark. Raises: Unexpected, if that is far away."""
        while True:
            found = wanted.find(self.text, self.at)
            if found and found.start() - self.at <= SHORT:
                read = self.text[self.at : found.start()]
                self.at = found.end()
                return read, found.group()
            if len(self.text) - self.at > 2 * SHORT or not (yield from self.more()):
                self.at = min(len(self.text), self.at + SHORT)
                raise Unexpected("a mark")
