"""The adapters of a worker, checked against its model: by name, where each lies and what it is.

An adapter is checked, and converted if it is a PEFT folder, when it is first asked for and
whenever its files have changed since. Asking again costs one look at the files' dates, and
nobody waits for another adapter's check.
"""

import threading
from pathlib import Path
from typing import NamedTuple

from runtime import gguf
from runtime.adapters.catalogue import Catalogue, Listed
from runtime.adapters.check import AdapterFacts, check_adapter
from runtime.adapters.converted import Converted
from runtime.adapters.peft_config import CONFIG_NAME, WEIGHTS_NAME
from runtime.engine.config import WorkerConfig
from runtime.errors import AdapterNotFound, LmfileError
from runtime.gguf import Gguf

Stamp = tuple[tuple[int, int, int], ...]
"""Date, size and number of each file of an adapter."""

ABSENT = (0, 0, 0)


class AdapterSource(NamedTuple):
    """A checked adapter: a GGUF of `size` bytes (0: to the end) at `offset` of `path`.

    scale_default: its weight in answers to requests that say nothing about adapters. stamp: another one when
    the adapter was replaced by another of the same name. So a loaded one may be kept under its source.
    """

    id: int
    name: str
    path: str
    offset: int
    size: int
    scale_default: float
    facts: AdapterFacts
    stamp: Stamp


class Model(NamedTuple):
    """Where the model's GGUF lies, which adapters are held against; size 0: to the file's end."""

    path: str
    offset: int = 0
    size: int = 0

    def read(self) -> Gguf:
        return gguf.read(self.path, self.offset, self.size or None)


class Registry:
    """The adapters of one model. Any thread may ask."""

    def __init__(self, catalogue: Catalogue, model: Model, converted: Converted) -> None:
        self.catalogue = catalogue
        self._model = model
        self._converted = converted
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._sources: dict[str, AdapterSource] = {}
        self._failures: dict[str, tuple[Stamp, LmfileError]] = {}

    def check_fixed(self) -> None:
        """Check all that the command line names and all that are packed. Raises: the first one's error."""
        for listed in self.catalogue.fixed():
            self.find(listed.wanted.name)

    def defaults(self) -> list[tuple[str, float]]:
        """What a request gets that says nothing about adapters: names and weights."""
        return [(each.wanted.name, each.wanted.scale) for each in self.catalogue.fixed() if each.wanted.scale]

    def find(self, name: str) -> AdapterSource:
        """The adapter of this name.

        Raises: AdapterNotFound; AdapterInvalid, AdapterUnsupported with the reason; CannotWrite.
        """
        listed = self.catalogue.find(name)
        stamp = _stamp(listed)
        with self._lock:
            found = self._sources.get(name)
            if found and found.stamp == stamp:
                return found
            busy = self._busy.setdefault(name, threading.Lock())
        with busy:
            return self._checked(listed, stamp)

    def _checked(self, listed: Listed, stamp: Stamp) -> AdapterSource:
        """Check an adapter, unless another thread just has."""
        name = listed.wanted.name
        found, failure = self._sources.get(name), self._failures.get(name)
        if found and found.stamp == stamp:
            return found
        if failure and failure[0] == stamp:
            raise failure[1].with_traceback(None)
        try:
            source = self._source(listed, stamp)
        except LmfileError as error:
            self._failures[name] = (stamp, error)
            raise
        with self._lock:
            self._sources[name] = source
        return source

    def _source(self, listed: Listed, stamp: Stamp) -> AdapterSource:
        wanted, path = listed.wanted, Path(listed.wanted.path)
        base = self._model.read()  # 15 ms; to keep a large vocabulary would cost megabytes
        if path.is_dir():
            path = self._converted.file(path, base)
        facts = check_adapter(path, wanted.offset, wanted.size, base)
        return AdapterSource(
            listed.id, wanted.name, str(path), wanted.offset, facts.size_bytes, wanted.scale, facts, stamp
        )


def from_config(config: WorkerConfig) -> Registry:
    """The registry of a worker. Nothing is read yet."""
    model = Model(config.model_path, config.offset, config.size)
    return Registry(Catalogue.of(config), model, Converted.of_user())


def _stamp(listed: Listed) -> Stamp:
    """Raises: AdapterNotFound if there is nothing."""
    path = Path(listed.wanted.path)
    files = [path / CONFIG_NAME, path / WEIGHTS_NAME] if path.is_dir() else [path]
    stamp = tuple(_file_stamp(file) for file in files)
    if stamp[0] == ABSENT:
        raise AdapterNotFound(listed.wanted.name, f"there is nothing any more at `{path}`")
    return stamp


def _file_stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return ABSENT
    return found.st_mtime_ns, found.st_size, found.st_ino
