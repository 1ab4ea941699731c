"""The tokens of a real model for tests, read without its weights."""

import ctypes
import os
from functools import cache

from runtime.engine.backends.llama_model import CFile
from runtime.engine.backends.llama_native import Native
from runtime.hardware import libraries
from tests.models import smollm2_gguf

CONTROL = 8  # llama_token_attr
PIECE_BYTES = 512


class SmolLM2:
    """SmolLM2's 49,152 tokens (`runtime.engine.constraints.vocabulary.Vocabulary`)."""

    def __init__(self) -> None:
        native = Native(libraries.directory())
        native.ggml_backend_load_all_from_path(os.fsencode(native.directory))
        params = native.llama_model_default_params()
        params.vocab_only = True
        file = CFile(str(smollm2_gguf()), 0)
        self._model = native.llama_model_load_from_file_ptr(file.pointer, params)
        file.close()
        self._native = native
        self._vocab = native.llama_model_get_vocab(self._model)
        self._attributes = ctypes.CDLL(f"{libraries.directory()}/{libraries.file_name('llama')}").llama_vocab_get_attr
        self._attributes.argtypes = (ctypes.c_void_p, ctypes.c_int32)
        self.n_vocab: int = native.llama_vocab_n_tokens(self._vocab)
        self._bytes = [self._piece(token) for token in range(self.n_vocab)]
        self.eos = self._bytes.index(b"<|im_end|>")
        self.ends = [token for token in range(self.n_vocab) if native.llama_vocab_is_eog(self._vocab, token)]

    def token_bytes(self, token: int) -> bytes:
        return self._bytes[token]

    def is_special(self, token: int) -> bool:
        return bool(self._attributes(self._vocab, token) & CONTROL)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode()
        buffer = (ctypes.c_int32 * (len(raw) + 16))()
        n_tokens = self._native.llama_tokenize(self._vocab, raw, len(raw), buffer, len(buffer), False, False)
        return buffer[:n_tokens]

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(PIECE_BYTES)
        size = self._native.llama_token_to_piece(self._vocab, token, buffer, PIECE_BYTES, 0, True)
        return buffer.raw[:size]


@cache
def smollm2() -> SmolLM2:
    return SmolLM2()
