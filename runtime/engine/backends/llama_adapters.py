"""The adapters of a model: what requests ask for, and how the engine computes with it.

A set of adapters joins the stack of the model's first context, so that it is computed beside
others in one step. What the stack cannot hold (experts, too high a rank) gets a context of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from ctypes import c_float, c_void_p
from threading import Lock
from typing import TYPE_CHECKING

from runtime.engine.backend import AdapterSet, InvalidRequest, NotThere
from runtime.engine.backends.llama_context import Context
from runtime.engine.backends.llama_model import CFile, LoadedModel, load_failure
from runtime.engine.backends.llama_stack import AdapterStack, Scaled
from runtime.engine.protocol import Generate
from runtime.errors import AdapterNotFound, EngineFailed, LmfileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.adapters.registry import AdapterSource, Registry

MAX_ADAPTERS = 64
"""Of one request."""

MAX_SCALE = 100.0


class LlamaAdapters:
    """Resolves what requests ask for, and makes sets of adapters ready. computing: held while a step computes."""

    def __init__(self, model: LoadedModel, computing: Lock) -> None:
        self.stack: AdapterStack | None = None
        self._model = model
        self._computing = computing
        self._registry: Registry | None = None
        self._sources: dict[str, AdapterSource] = {}
        self._in_contexts: dict[int, list[int]] = {}

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
                raise InvalidRequest(f"`lora`: the scale {scale} of `{name}` is beyond {MAX_SCALE:g}")
            key = self._find(name)
            sums[key] = sums.get(key, 0.0) + scale
        return tuple(sorted((key, scale) for key, scale in sums.items() if scale))

    def stacked(self, adapters: AdapterSet) -> bool:
        """Let the stack compute with a set; False when it cannot. Raises: LmfileError."""
        if self.stack is None:
            return False
        with self._loaded(adapters) as parts:
            rank = sum(part.rank for part in parts)
            with self._computing:
                if rank <= self.stack.rank():
                    return self.stack.put(adapters, parts)
                return self._make_anew(self.stack, rank) and self.stack.put(adapters, parts)

    def assign(self, sequence: int, adapters: AdapterSet) -> None:
        """Compute a sequence of the stack's context with a set that is ready."""
        if self.stack:
            with self._computing:
                self.stack.assign(sequence, adapters)

    def unstack(self, adapters: AdapterSet) -> None:
        """Nobody computes with a set any more."""
        if self.stack:
            with self._computing:
                self.stack.remove(adapters)

    def apply(self, context: Context, adapters: AdapterSet) -> None:
        """Make a context compute with a set, all of it. Raises: LmfileError."""
        native, n_set = self._model.native, len(adapters)
        handles = [self._load(key) for key, _ in adapters]
        scales = (c_float * n_set)(*(scale for _, scale in adapters))
        if native.llama_set_adapters_lora(context.handle, (c_void_p * n_set)(*handles), n_set, scales):
            raise EngineFailed("Applying adapters: llama.cpp refused them.")
        self._in_contexts[context.handle] = handles

    def release(self, context: Context) -> None:
        """A context of a set is about to be freed."""
        for handle in self._in_contexts.pop(context.handle, []):
            self._model.native.llama_adapter_lora_free(handle)

    def _make_anew(self, stack: AdapterStack, rank: int) -> bool:
        """Make a stack for a higher rank, and fill it with what the one before held. Raises: LmfileError."""
        others = stack.sets()
        if not stack.make(rank):
            return False
        for adapters in others:
            with self._loaded(adapters) as parts:
                if not stack.put(adapters, parts):
                    raise EngineFailed("Applying adapters: a larger stack does not take what a smaller one held.")
        return True

    @contextmanager
    def _loaded(self, adapters: AdapterSet) -> Iterator[list[Scaled]]:
        """Load the adapters of a set for as long as they are copied from."""
        parts: list[Scaled] = []
        try:
            for key, scale in adapters:
                parts.append(Scaled(self._load(key), self._sources[key].facts.rank, scale))
            yield parts
        finally:
            for part in parts:
                self._model.native.llama_adapter_lora_free(part.handle)

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
        source = self._sources[key]
        file = CFile(source.path, source.offset)
        try:
            handle: int = self._model.native.llama_adapter_lora_init_from_file_ptr(self._model.handle, file.pointer)
        finally:
            file.close()
        if not handle:
            raise load_failure(source.path)
        return handle
