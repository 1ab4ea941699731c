"""The adapters that contexts use: loaded once for all of them, freed when none does."""

from __future__ import annotations

from ctypes import c_float, c_void_p
from threading import Lock
from typing import TYPE_CHECKING

from runtime.engine.backend import AdapterSet, InvalidRequest, NotThere
from runtime.engine.backends.llama_context import Context
from runtime.engine.backends.llama_model import CFile, LoadedModel, load_failure
from runtime.engine.protocol import Generate
from runtime.errors import AdapterNotFound, EngineFailed, LmfileError

if TYPE_CHECKING:
    from runtime.adapters.registry import AdapterSource, Registry

MAX_ADAPTERS = 16
"""Of one request."""

MAX_SCALE = 1e4


class LlamaAdapters:
    """Resolves what requests ask for, and applies it to contexts."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._registry: Registry | None = None
        self._sources: dict[str, AdapterSource] = {}
        self._loaded: dict[str, int] = {}
        self._used_by: dict[str, int] = {}
        self._lock = Lock()

    def asked_for(self, request: Generate) -> AdapterSet:
        """Return the adapters of a request, sorted; the same one twice counts twice.

        Raises: NotThere, InvalidRequest.
        """
        wanted = request.adapters
        if wanted is None:
            wanted = self._adapters().defaults() if self._has_any() else []
        if len(wanted) > MAX_ADAPTERS:
            raise InvalidRequest(f"`lora` names {len(wanted)} adapters, above {MAX_ADAPTERS}")
        sums: dict[str, float] = {}
        for name, scale in wanted:
            if not -MAX_SCALE <= scale <= MAX_SCALE:
                raise InvalidRequest(
                    f"`lora`: the scale {scale} of `{name}` is not between -{MAX_SCALE:g} and {MAX_SCALE:g}"
                )
            key = self._find(name)
            sums[key] = sums.get(key, 0.0) + scale
        return tuple(sorted((key, scale) for key, scale in sums.items() if scale))

    def apply(self, context: Context, adapters: AdapterSet) -> None:
        """Make a new context compute with a set of adapters. Raises: LmfileError."""
        native, n_set = self._model.native, len(adapters)
        with self._lock:
            handles = [self._load(key) for key, _ in adapters]
            scales = [scale for _, scale in adapters]
            status = native.llama_set_adapters_lora(
                context.handle, (c_void_p * n_set)(*handles), n_set, (c_float * n_set)(*scales)
            )
            if status:
                raise EngineFailed("Applying adapters: llama.cpp refused them.")
            for key, _ in adapters:
                self._used_by[key] = self._used_by.get(key, 0) + 1

    def release(self, adapters: AdapterSet) -> None:
        """A context that computed with this set is gone."""
        with self._lock:
            for key, _ in adapters:
                self._used_by[key] -= 1
                if not self._used_by[key]:
                    self._model.native.llama_adapter_lora_free(self._loaded.pop(key))
                    del self._used_by[key]

    def _has_any(self) -> bool:
        return bool(self._model.config.adapters or self._model.config.lora_dir)

    def _adapters(self) -> Registry:
        if self._registry is None:
            from runtime.adapters.registry import from_config  # most starts need no adapter

            self._registry = from_config(self._model.config)
        return self._registry

    def _find(self, name: str) -> str:
        """Return the key of an adapter: its name, and a number when its file was replaced meanwhile."""
        try:
            source = self._adapters().find(name)
        except AdapterNotFound as error:
            raise NotThere(f"`lora`: {error}") from error
        except LmfileError as error:
            raise InvalidRequest(f"`lora`: {error}") from error
        key, version = source.name, 1
        while self._sources.setdefault(key, source).stamp != source.stamp:
            version += 1
            key = f"{source.name}#{version}"
        return key

    def _load(self, key: str) -> int:
        if key not in self._loaded:
            source = self._sources[key]
            file = CFile(source.path, source.offset)
            try:
                handle = self._model.native.llama_adapter_lora_init_from_file_ptr(self._model.handle, file.pointer)
            finally:
                file.close()
            if not handle:
                raise load_failure(source.path)
            self._loaded[key] = handle
        return self._loaded[key]
