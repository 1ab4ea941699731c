"""Which adapters this process may use, by name and by number; what is in them is not looked at here.

First those of the command line, then the packed ones, then what lies directly in the
folder of `--lora-dir`: GGUF files and PEFT folders. The folder is read again whenever
somebody asks for what is not known, so that an adapter can be added while the server runs.
A name only ever picks one of those found; it is never part of a path.
"""

import json
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from runtime.adapters.peft_config import CONFIG_NAME, WEIGHTS_NAME, is_peft
from runtime.engine.config import WorkerConfig
from runtime.errors import AdapterNotFound

MAX_NAME = 64
MAX_IN_FOLDER = 10_000
ENDING = ".gguf"

_UNSAFE = re.compile(r"[^A-Za-z0-9_.+@-]")


class Wanted(NamedTuple):
    """An adapter that the command line or the executable names: a GGUF or a PEFT folder.

    offset, size: where it lies in the file; size 0: to its end. scale: its weight in answers to requests that
    say nothing about adapters; 0: only those that ask for it get it.
    """

    name: str
    path: str
    offset: int = 0
    size: int = 0
    scale: float = 1.0


class Listed(NamedTuple):
    """A known adapter: `id` is its number in llama-server's `lora` lists and never becomes another's."""

    id: int
    wanted: Wanted
    in_folder: bool


def adapter_name(path: Path) -> str:
    """The name of the adapter in a file or folder: its own without `.gguf`, underscores for what is unusual in one."""
    stem = path.name[: -len(ENDING)] if path.name.lower().endswith(ENDING) else path.name
    return _UNSAFE.sub("_", stem)[:MAX_NAME]


def encode(wanted: Sequence[Wanted]) -> str:
    """The list as the text that travels in WorkerConfig.adapters."""
    return json.dumps(wanted) if wanted else ""


def decode(text: str) -> list[Wanted]:
    """What `encode` made a text of."""
    return [Wanted(*row) for row in json.loads(text)] if text else []


class Catalogue:
    """The known adapters. Any thread may ask."""

    def __init__(self, fixed: Sequence[Wanted], folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Listed] = {}
        for wanted in fixed:
            self._add(wanted, in_folder=False)

    @classmethod
    def of(cls, config: WorkerConfig) -> "Catalogue":
        """The adapters that a worker is told of."""
        return cls(decode(config.adapters), Path(config.lora_dir) if config.lora_dir else None)

    def all(self) -> list[Listed]:
        """All that are there now, in the order of their numbers; reads the folder.

        Raises: AdapterNotFound if the folder cannot be read.
        """
        here = self._scan()
        with self._lock:
            return [listed for listed in self._known.values() if not listed.in_folder or listed.wanted.name in here]

    def find(self, name: str) -> Listed:
        """The adapter of this name. Raises: AdapterNotFound."""
        if name not in self._known:
            self._scan()
        with self._lock:
            listed = self._known.get(name)
        if listed is None:
            raise AdapterNotFound(name[:MAX_NAME], "there is none of this name")
        if listed.in_folder:
            self._check_place(listed)
        return listed

    def fixed(self) -> list[Listed]:
        """Those of the command line and of the executable."""
        with self._lock:
            return [listed for listed in self._known.values() if not listed.in_folder]

    def _add(self, wanted: Wanted, in_folder: bool) -> None:
        if wanted.name not in self._known:
            self._known[wanted.name] = Listed(len(self._known), wanted, in_folder)

    def _scan(self) -> set[str]:
        """Read the folder, add what is new, in the order of the names; -> the names that are there."""
        if self._folder is None:
            return set()
        try:
            with os.scandir(self._folder) as entries:
                found = sorted(Path(entry.path) for entry, _ in zip(entries, range(MAX_IN_FOLDER), strict=False))
        except OSError as error:
            raise AdapterNotFound(self._folder, error.strerror or str(error)) from error
        root = self._folder.resolve()
        usable = [path for path in found if not path.name.startswith(".") and _is_adapter(path, root)]
        with self._lock:
            for path in usable:
                self._add(Wanted(adapter_name(path), str(path), scale=0.0), in_folder=True)
        return {adapter_name(path) for path in usable}

    def _check_place(self, listed: Listed) -> None:
        """Somebody may have put a link where a file of the folder was. Raises: AdapterNotFound."""
        if self._folder is None or not _is_adapter(Path(listed.wanted.path), self._folder.resolve()):
            raise AdapterNotFound(listed.wanted.name, "it is no longer in its folder")


def _is_adapter(path: Path, root: Path) -> bool:
    """Whether `path` is a GGUF file or a PEFT folder, with nothing of it outside of the resolved folder `root`."""
    if path.is_dir():
        parts = [path, path / CONFIG_NAME, path / WEIGHTS_NAME] if is_peft(path) else []
    else:
        parts = [path] if path.name.lower().endswith(ENDING) and path.is_file() else []
    return bool(parts) and all(_is_inside(part, root) for part in parts)


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself
        return False
