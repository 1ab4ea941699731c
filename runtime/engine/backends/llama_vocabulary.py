"""The tokens of a model: text to tokens and back, and which of them mean something special."""

import ctypes
from ctypes import c_int32
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
        self._buffer = ctypes.create_string_buffer(PIECE_BYTES)
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

    def prompt(self, text: str) -> list[int]:
        """Cut a whole prompt into tokens, special ones included. Raises: InvalidRequest."""
        return self._cut(text, whole=True)

    def tokenize(self, text: str) -> list[int]:
        """Cut plain text into tokens: nothing added, no special token read out of it."""
        return self._cut(text, whole=False)

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

    def _cut(self, text: str, whole: bool) -> list[int]:
        raw = text.encode("utf-8", "replace")
        buffer = (c_int32 * (len(raw) + 16))()
        n_tokens = self._native.llama_tokenize(self._vocab, raw, len(raw), buffer, len(buffer), whole, whole)
        if n_tokens < 0:
            raise InvalidRequest("the prompt cannot be cut into tokens")
        return buffer[:n_tokens]

    def _look_up(self, token: int) -> tuple[bytes, bool]:
        """Return the piece of a token and whether it ends the turn, asked of native code once."""
        known = self._known.get(token)
        if known is None:
            piece = self._piece(token, special=False)
            known = self._known[token] = piece, self._native.llama_vocab_is_eog(self._vocab, token)
        return known

    def _piece(self, token: int, special: bool) -> bytes:
        if not 0 <= token < self.n_vocab:
            raise InvalidRequest(f"token {token} is not one of this model's")
        size = self._native.llama_token_to_piece(self._vocab, token, self._buffer, len(self._buffer), 0, special)
        if size < 0:
            self._buffer = ctypes.create_string_buffer(-size)
            return self._piece(token, special)
        return self._buffer.raw[:size]
