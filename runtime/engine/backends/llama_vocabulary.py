"""The tokens of a model: text to tokens and back, and which of them mean something special; for any thread."""

import ctypes
from ctypes import c_char, c_int32
from functools import cached_property

from runtime.engine.backend import InvalidRequest
from runtime.engine.backends.llama_model import LoadedModel
from runtime.engine.backends.llama_native import NO_TOKEN

PIECE_BYTES = 512
CONTROL = 1 << 3
"""llama_token_attr"""


class LlamaVocabulary:
    """A model's vocabulary (`runtime.engine.constraints.Vocabulary`)."""

    def __init__(self, model: LoadedModel) -> None:
        self._native = model.native
        self._vocab = model.vocab
        self._known: dict[int, tuple[bytes, bool]] = {}
        self.handle = model.vocab
        self.n_vocab: int = model.native.llama_vocab_n_tokens(model.vocab)
        self.adds_bos: bool = model.native.llama_vocab_get_add_bos(model.vocab)
        self.adds_eos: bool = model.native.llama_vocab_get_add_eos(model.vocab)
        self.bos: int = model.native.llama_vocab_bos(model.vocab)
        self.eos: int = model.native.llama_vocab_eos(model.vocab)

    @cached_property
    def ends(self) -> list[int]:
        """Every token that ends an answer; to look for them takes 13 ms."""
        return [token for token in range(self.n_vocab) if self._native.llama_vocab_is_eog(self._vocab, token)]

    @cached_property
    def suppressed(self) -> list[int]:
        """The tokens that the model itself is never to say."""
        n_tokens = c_int32()
        tokens = self._native.llama_vocab_get_suppress_tokens(self._vocab, ctypes.byref(n_tokens))
        return [tokens[index] for index in range(n_tokens.value)]

    def cut(self, text: str, add_special: bool = True, parse_special: bool = True) -> list[int]:
        """Cut a text into tokens as `Backend.tokenize` does. Raises: InvalidRequest."""
        raw = text.encode("utf-8", "replace")
        size = len(raw) + 16
        for _ in range(2):  # an accent cut from its letter can make more tokens than there were bytes
            buffer = (c_int32 * size)()
            found = self._native.llama_tokenize(self._vocab, raw, len(raw), buffer, size, add_special, parse_special)
            if found >= 0:
                return buffer[:found]
            size = -found
        raise InvalidRequest("the text cannot be cut into tokens")

    def tokenize(self, text: str) -> list[int]:
        """Cut plain text into tokens: nothing added, no special token read out of it."""
        return self.cut(text, add_special=False, parse_special=False)

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to an answer; none for a control token."""
        return self._look_up(token)[0]

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends the model's turn."""
        return self._look_up(token)[1]

    def is_special(self, token: int) -> bool:
        """Tell whether a token is a control token, which no text of an answer may contain."""
        return bool(self._native.llama_vocab_get_attr(self._vocab, token) & CONTROL)

    def token_bytes(self, token: int) -> bytes:
        """Return what a token stands for; of a special one its own text. Raises: InvalidRequest."""
        return self._piece(token, special=True)

    def special(self, token: int) -> str:
        """Return the text of a special token; nothing when the model has none."""
        return self._piece(token, special=True).decode("utf-8", "replace") if token != NO_TOKEN else ""

    def _look_up(self, token: int) -> tuple[bytes, bool]:
        """Return the piece of a token and whether it ends the turn, asked of native code once."""
        known = self._known.get(token)
        if known is None:
            piece = self._piece(token, special=False)
            known = self._known[token] = piece, self._native.llama_vocab_is_eog(self._vocab, token)
        return known

    def _piece(self, token: int, special: bool, n_bytes: int = PIECE_BYTES) -> bytes:
        if not 0 <= token < self.n_vocab:
            raise InvalidRequest(f"token {token} is not one of this model's {self.n_vocab}")
        buffer = (c_char * n_bytes)()  # one for each call: other threads ask, too
        size = self._native.llama_token_to_piece(self._vocab, token, buffer, n_bytes, 0, special)
        return ctypes.string_at(buffer, size) if size >= 0 else self._piece(token, special, -size)
