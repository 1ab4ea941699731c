"""The tokens of a model, as llguidance wants them.

The table takes 0.15 s and 17 MB for 49,152 tokens, in native code that holds the
interpreter's lock: in two steps of about 0.08 s.
"""

from typing import Protocol

from llguidance._lib import LLTokenizer


class Vocabulary(Protocol):
    """What a backend tells of its model's tokens."""

    @property
    def n_vocab(self) -> int: ...

    @property
    def eos(self) -> int:
        """The main token that ends an answer."""

    @property
    def ends(self) -> list[int]:
        """All of them, `eos` included."""

    def token_bytes(self, token: int) -> bytes:
        """Return what the token stands for; of a special token its own text, like `<|im_end|>`."""

    def is_special(self, token: int) -> bool:
        """Tell whether the token is a control token, which no text of an answer may contain.

        A token that users see, like a `<tool_call>` that is not hidden, is none.
        """

    def tokenize(self, text: str) -> list[int]:
        """Cut plain text into tokens: nothing added, no special token read out of it."""


class Table:
    """All of a vocabulary, read once; `native` is llguidance's form of it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        tokens = range(vocabulary.n_vocab)
        self.n_vocab = len(tokens)
        self.ends = frozenset({vocabulary.eos, *vocabulary.ends}) & frozenset(tokens)
        self.pieces = [vocabulary.token_bytes(token) for token in tokens]
        self.special = [token for token in tokens if vocabulary.is_special(token)]
        self._tokenize = vocabulary.tokenize
        described = _Described(self, vocabulary.eos if vocabulary.eos in self.ends else min(self.ends))
        self.native = LLTokenizer(described, eos_token=sorted(self.ends), slices=[])  # type: ignore[arg-type]
        self.native = self.native.with_slices(LLTokenizer.general_slices())

    def find(self, text: str) -> int | None:
        """Return the token that is exactly `text`, a special one before others."""
        wanted = text.encode()
        special = self.find_special(text)
        return self.pieces.index(wanted) if special is None and wanted in self.pieces else special

    def find_special(self, text: str) -> int | None:
        """Return the special token that is exactly `text`."""
        wanted = text.encode()
        return next((token for token in self.special if self.pieces[token] == wanted), None)

    def cut(self, text: str) -> list[int]:
        """Cut `text` as the model would; some tokenizers add a space in front, which would be no answer."""
        tokens = self._tokenize(text)
        if b"".join(self.pieces[token] for token in tokens) == text.encode():
            return tokens
        return self.native.greedy_tokenize(text)


class _Described:
    """The attributes that llguidance reads of a tokenizer, and calls for what it forces."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, table: Table, eos: int) -> None:
        self.eos_token_id = eos
        self.tokens = table.pieces
        self.special_token_ids = table.special
        self._table = table

    def __call__(self, text: str) -> list[int]:
        return self._table.cut(text)
