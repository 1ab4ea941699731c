"""Keeps what PEFT folders were converted to: in the user's cache, or in a temporary file.

    <cache>/adapters/<sha256 of all that decides its bytes>.gguf

A file gets its name when it is complete, so processes may convert the same folder at the
same time. The least recently used are removed beyond a number.
"""

import atexit
import hashlib
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from runtime.adapters import peft
from runtime.adapters.peft_config import CONFIG_NAME, WEIGHTS_NAME
from runtime.errors import AdapterNotFound, CannotWrite
from runtime.gguf import Gguf
from runtime.gguf.header import Array

FORMAT = 1
"""To be raised when `peft.convert` makes other bytes of the same folder."""

MAX_KEPT = 64
PARTIAL_LIMIT_S = 3600
CACHE_VARIABLE = "LMFILE_CACHE_DIR"
"""Set by the launcher to the root of the cache in use; absent in a checkout."""


class Converted:
    """Turns PEFT folders into GGUF files that stay as long as this object."""

    def __init__(self, cache: Path | None) -> None:
        self._folder = cache / "adapters" if cache else None
        self._unnamed: list[IO[bytes]] = []

    @classmethod
    def of_user(cls) -> "Converted":
        """In the cache that the launcher has chosen."""
        root = os.environ.get(CACHE_VARIABLE)
        return cls(Path(root) if root else None)

    def file(self, folder: Path, base: Gguf) -> Path:
        """The GGUF of the adapter in `folder`, made for `base`.

        Raises: what `peft.convert` does; CannotWrite.
        """
        if self._folder is not None:
            with suppress(OSError):  # no room, or not ours to write: there is another way
                return self._named(self._folder, folder, base)
        try:
            return self._temporary(folder, base)
        except OSError as error:
            raise CannotWrite(tempfile.gettempdir(), error.strerror or str(error)) from error

    def _named(self, cache: Path, folder: Path, base: Gguf) -> Path:
        target = cache / f"{_digest(folder, base)}.gguf"
        if target.is_file():
            with suppress(OSError):
                os.utime(target)
            return target
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.partial")
        try:
            with part.open("w+b") as file:
                peft.convert(folder, base, file)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _remove_oldest(cache)
        return target

    def _temporary(self, folder: Path, base: Gguf) -> Path:
        """A file that ends with the process, by the path under which the process can open it."""
        if sys.platform == "linux":
            file = tempfile.TemporaryFile(prefix="lmfile-")  # noqa: SIM115
            self._unnamed.append(file)
            peft.convert(folder, base, file)
            return Path(f"/proc/self/fd/{file.fileno()}")
        number, name = tempfile.mkstemp(prefix="lmfile-", suffix=".gguf")
        atexit.register(Path(name).unlink, missing_ok=True)
        with os.fdopen(number, "w+b") as named:
            peft.convert(folder, base, named)
        return Path(name)


def _digest(folder: Path, base: Gguf) -> str:
    """Over the folder's two files and everything of the model that a conversion looks at."""
    digest = hashlib.sha256(f"{FORMAT}\n".encode())
    for name, tensor in sorted(base.tensors.items()):
        digest.update(f"{name} {tensor.shape}\n".encode())
    for key, value in sorted(base.values.items()):
        if key == "general.architecture" or ".attention.head_count" in key:
            counts = base.numbers(value.value) if isinstance(value.value, Array) else value.value
            digest.update(f"{key} {counts}\n".encode())
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        try:
            with (folder / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise AdapterNotFound(folder / name, error.strerror or str(error)) from error
    return digest.hexdigest()


def _remove_oldest(cache: Path) -> None:
    """Also what a killed process has left half-written."""
    kept = sorted(cache.glob("*.gguf"), key=_last_use, reverse=True)
    left = [part for part in cache.glob(".*.partial") if time.time() - _last_use(part) > PARTIAL_LIMIT_S]
    for path in (*kept[MAX_KEPT:], *left):
        with suppress(OSError):
            path.unlink()


def _last_use(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
