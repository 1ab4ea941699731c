"""The tokens of a model, as llguidance wants them.

The table takes 0.15 s and 17 MB for 49,152 tokens, in native code that holds the
interpreter's lock: in two steps of about 0.08 s.
"""

from typing import Protocol

from llguidance._lib import LLTokenizer


class Vocabulary(Protocol):
    """What a backend tells of its model's tokens."""

    n_vocab: int
    eos: int
    """The main token that ends an answer."""
    ends: list[int]
    """All of them, `eos` included."""

    def token_bytes(self, token: int) -> bytes:
        """Return what the token stands for; of a special token its own text, like `<|im_end|>`."""

    def is_special(self, token: int) -> bool:
        """Tell whether the token is a control token, which no text of an answer may contain.

        A token that users see, like a `<tool_call>` that is not hidden, is none.
        """

    def tokenize(self, text: str) -> list[int]:
        """Cut plain text into tokens: nothing added, no special token read out of it."""


def table(vocabulary: Vocabulary) -> LLTokenizer:
    """Return llguidance's table of the tokens."""
    described = _Described(vocabulary)
    plain = LLTokenizer(described, eos_token=sorted({vocabulary.eos, *vocabulary.ends}), slices=[])  # type: ignore[arg-type]
    described.greedy = plain
    return plain.with_slices(LLTokenizer.general_slices())


class _Described:
    """The attributes that llguidance reads, and the cutting of text that it forces."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        tokens = range(vocabulary.n_vocab)
        self.eos_token_id = vocabulary.eos
        self.tokens = [vocabulary.token_bytes(token) for token in tokens]
        self.special_token_ids = [token for token in tokens if vocabulary.is_special(token)]
        self.greedy: LLTokenizer | None = None
        self._tokenize = vocabulary.tokenize

    def __call__(self, text: str) -> list[int]:
        """Cut `text` as the model would; some tokenizers add a space in front, which would be no answer."""
        tokens = self._tokenize(text)
        if b"".join(self.tokens[token] for token in tokens) == text.encode() or self.greedy is None:
            return tokens
        return self.greedy.greedy_tokenize(text)
