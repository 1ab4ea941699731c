"""A vocabulary of bytes and a few marks that are tokens of their own, for grammars without a model."""

import re
from collections.abc import Sequence


class Bytes:
    """Tokens 0 to 255 are the bytes, then come the marks, then the end (`runtime.engine.constraints.Vocabulary`)."""

    def __init__(self, marks: Sequence[str] = ()) -> None:
        self._pieces = [*(bytes([byte]) for byte in range(256)), *(mark.encode() for mark in marks), b"<end>"]
        self._marks = {mark: 256 + index for index, mark in enumerate(marks)}
        self._pattern = re.compile("|".join(map(re.escape, marks)) or "(?!)")
        self.n_vocab = len(self._pieces)
        self.eos = self.n_vocab - 1
        self.ends = [self.eos]

    def token_bytes(self, token: int) -> bytes:
        return self._pieces[token]

    def is_special(self, token: int) -> bool:
        return token > 255

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def with_marks(self, text: str) -> list[int]:
        """Cut as a model writes: marks are tokens."""
        tokens, at = [], 0
        for found in self._pattern.finditer(text):
            tokens += [*text[at : found.start()].encode(), self._marks[found.group()]]
            at = found.end()
        return [*tokens, *text[at:].encode()]
