"""Loads a GGUF that lies at an offset of a file, with what the engine needs to read nothing twice.

Runs before the rest of the program is imported, hence so few imports: native code takes
70 ms for a small model, and the imports are done meanwhile by another thread.
llama.cpp's log goes to standard error, which is the worker's log file: a callback into
Python would wait for that other thread at each of 2,000 lines. When a load fails, the
reason is read from there.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int64, c_void_p, c_wchar_p
from typing import Any

from runtime.engine import worker_log
from runtime.engine.backends.llama_native import NO_TOKEN, Native, ProgressCallback
from runtime.engine.config import WorkerConfig
from runtime.hardware import libraries

LARGE_BYTES = 1 << 30
"""From here on a load takes long enough to check the memory first and to tell the progress."""

META_BYTES = 4096

POOLINGS = {"none": 0, "mean": 1, "cls": 2, "last": 3, "rank": 4}
"""llama_pooling_type"""

WORDPIECE = 3
"""llama_vocab_type of BERT's tokenizer"""

LOAD_MODES = {(False, False): 0, (True, False): -1, (False, True): 2, (True, True): 3}
"""llama_load_mode by (use_mmap, use_mlock); -1 maps where the devices allow it."""

ERRORS = ("error", "failed", "unable", "unknown", "invalid", "cannot", "not ")
UNSUPPORTED = ("unknown model architecture", "unknown pre-tokenizer", "unsupported", "unknown (")
NO_MEMORY = ("failed to allocate", "unable to allocate", "bad_alloc", "out of memory", "cannot allocate")


class LoadedModel:
    """A model in memory, and the library that holds it."""

    def __init__(self, native: Native, handle: int, config: WorkerConfig) -> None:
        self.native = native
        self.handle = handle
        self.config = config
        self.vocab: int = native.llama_model_get_vocab(handle)

    def meta(self, key: str) -> str:
        """Return a value of the GGUF's header as text; empty when it is not there."""
        buffer = ctypes.create_string_buffer(META_BYTES)
        size = self.native.llama_model_meta_val_str(self.handle, key.encode(), buffer, META_BYTES)
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    def template(self, name: str = "") -> str:
        """Return the chat template, or another one by its name; empty when the model has none."""
        key = name.encode() or None
        return (self.native.llama_model_chat_template(self.handle, key) or b"").decode("utf-8", "replace")

    @property
    def generates(self) -> bool:
        """Whether it can continue a text; the others only make vectors of texts."""
        architecture = self.meta("general.architecture")
        if self.meta(f"{architecture}.attention.causal") == "false":
            return False
        if not self.meta(f"{architecture}.pooling_type"):
            return True
        from runtime.gguf.tables import EMBEDDING  # 6 ms that a model for chat does not need

        return architecture not in EMBEDDING

    @property
    def longest_text(self) -> int:
        """Tokens of a text that is computed whole."""
        trained: int = self.native.llama_model_n_ctx_train(self.handle)
        return min(trained, self.config.n_ctx) if self.config.n_ctx > 0 else trained

    @property
    def pooling(self) -> str:
        """How one vector is made of a text: as the command line says, or the model; empty when neither does."""
        own = self.meta(f"{self.meta('general.architecture')}.pooling_type")
        named = {str(number): name for name, number in POOLINGS.items() if number}
        return self.config.pooling or named.get(own, "")

    @property
    def reranks(self) -> bool:
        """Whether it scores pairs of texts."""
        return self.pooling == "rank" or bool(
            self.meta(f"{self.meta('general.architecture')}.classifier.output_labels")
        )

    def description(self, n_bytes: int) -> str:
        """Return llama.cpp's own words for the kind of model, at most `n_bytes` long."""
        buffer = ctypes.create_string_buffer(n_bytes)
        self.native.llama_model_desc(self.handle, buffer, n_bytes)
        return buffer.value.decode("utf-8", "replace")


def load(config: WorkerConfig, on_progress: Callable[[float], None]) -> LoadedModel:
    """Load the weights that `config` names.

    Raises: ModelNotFound, ModelUnsupported, OutOfMemory, EngineFailed.
    """
    return load_beside(_load_engine(), config, on_progress)


def load_beside(
    native: Native, config: WorkerConfig, on_progress: Callable[[float], None] = lambda fraction: None
) -> LoadedModel:
    """Load one more model with libraries that are loaded already. Raises: as `load`."""
    if config.size > LARGE_BYTES:
        _check_room(config)
    file = CFile(config.model_path, config.offset)
    try:
        params, keep = _params(native, config, on_progress)
        handle = native.llama_model_load_from_file_ptr(file.pointer, params)
        del keep
    finally:
        file.close()
    if not handle:
        raise load_failure(config.model_path)
    model = LoadedModel(native, handle, config)
    _check_kind(model)
    return model


def load_failure(path: str) -> Exception:
    """Make an error of what llama.cpp said last."""
    from runtime.errors import EngineFailed, ModelUnsupported, OutOfMemory

    said = [line.strip() for line in _log().splitlines() if any(word in line.lower() for word in ERRORS)]
    reasons = [line for line in said if "failed to load model" not in line] or said
    reason = (reasons[-1] if reasons else "it gave no reason").split("error loading model: ")[-1].rstrip(".")
    # "llama_model_load: " and the like are the names of functions
    head, _, rest = reason.partition(": ")
    reason = rest if rest and " " not in head else reason
    lowered = " ".join(reasons).lower()
    if any(words in lowered for words in UNSUPPORTED):
        return ModelUnsupported(path, f"llama.cpp says: {reason}")
    if any(words in lowered for words in NO_MEMORY):
        return OutOfMemory(f"Loading the model `{path}`: {reason}; close other programs or use a smaller model.")
    return EngineFailed(f"Loading the model `{path}`: llama.cpp refused it ({reason}); use another file.")


def _check_kind(model: LoadedModel) -> None:
    """Refuse what loads but neither continues a text nor makes vectors, and what would end the process later."""
    native = model.native
    kind = native.llama_vocab_type(model.vocab)
    marks = (native.llama_vocab_bos(model.vocab), native.llama_vocab_sep(model.vocab))
    if not kind:
        why = "it has no tokenizer"
    elif kind == WORDPIECE and NO_TOKEN in marks:
        why = "its tokenizer names no tokens for the beginning and the end of a text"
    elif native.llama_model_has_encoder(model.handle) or not native.llama_model_has_decoder(model.handle):
        why = "it is made for other things than to continue a text or to make vectors"
    else:
        return
    from runtime.errors import ModelUnsupported

    raise ModelUnsupported(model.config.model_path, why)


def _log() -> str:
    return worker_log.tail(worker_log.STANDARD_ERROR)


def _load_engine() -> Native:
    try:
        native = Native(libraries.directory())
    except OSError as error:
        from runtime.errors import EngineFailed

        raise EngineFailed(f"Loading the engine's libraries: {error}; extract or build them again.") from error
    native.ggml_backend_load_all_from_path(os.fsencode(native.directory))
    native.llama_backend_init()
    return native


def _params(native: Native, config: WorkerConfig, on_progress: Callable[[float], None]) -> tuple[Any, object]:
    """Return the parameters, and what must outlive them."""
    params = native.llama_model_default_params()
    params.n_gpu_layers = config.n_gpu_layers
    params.load_mode = LOAD_MODES[config.use_mmap, config.use_mlock]
    if config.size < LARGE_BYTES:
        return params, None  # the callback waits for the importing thread; a small model needs none

    def progress(fraction: float, _: object) -> bool:
        on_progress(fraction)
        return True

    callback = ProgressCallback(progress)
    params.progress_callback = ctypes.cast(callback, c_void_p)
    return params, callback


def _check_room(config: WorkerConfig) -> None:
    from runtime.errors import OutOfMemory
    from runtime.hardware.memory import memory

    available = memory().available
    if config.size > available:
        raise OutOfMemory(
            f"Loading the model `{config.model_path}`: its weights take {config.size / 1e9:.1f} GB and "
            f"{available / 1e9:.1f} GB of memory are available; close other programs or use a smaller model."
        )


class CFile:
    """A `FILE *` of the C library that llama.cpp uses, positioned at `offset`."""

    def __init__(self, path: str, offset: int) -> None:
        self._library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        self.pointer = self._open(path)
        if not self.pointer:
            from runtime.errors import ModelNotFound

            raise ModelNotFound(path, os.strerror(ctypes.get_errno()) or "it cannot be opened")
        seek = self._library._fseeki64 if sys.platform == "win32" else self._library.fseeko
        seek.argtypes = (c_void_p, c_int64, c_int)
        seek(self.pointer, offset, os.SEEK_SET)

    def close(self) -> None:
        """Close the file; the mapping stays."""
        self._library.fclose.argtypes = (c_void_p,)
        self._library.fclose(self.pointer)

    def _open(self, path: str) -> int | None:
        if sys.platform == "win32":
            opener = self._library._wfopen
            opener.restype, opener.argtypes = c_void_p, (c_wchar_p, c_wchar_p)
            pointer: int | None = opener(path, "rb")
            return pointer
        opener = ctypes.CDLL(None, use_errno=True).fopen
        opener.restype, opener.argtypes = c_void_p, (c_char_p, c_char_p)
        found: int | None = opener(os.fsencode(path), b"rb")
        return found
