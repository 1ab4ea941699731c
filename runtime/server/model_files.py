"""What is known of the files of models and adapters without loading them: headers, sizes, dates and hashes.

Headers are read when somebody asks for the first time, in a thread; what was found is kept, without the vocabularies,
which take megabytes.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from runtime import gguf
from runtime.adapters.catalogue import Wanted
from runtime.engine.routing import ModelEntry
from runtime.errors import LmfileError
from runtime.gguf import Gguf
from runtime.gguf.cursor import BOOL, STRING
from runtime.gguf.header import Array
from runtime.server.problem import Problem, unavailable

SAMPLE_BYTES = 1 << 20
"""Of a file whose hash nobody has computed: this much of its beginning, and its size, stand for it."""

Scalar = int | float | str | bool


class ModelFile(NamedTuple):
    """One model's file. values: the header's, those that are lists left out; lists: the names of these.

    digest: of the weights where it is known; else of the file's beginning and its size.
    """

    facts: gguf.Facts
    values: dict[str, Scalar]
    lists: tuple[str, ...]
    size_bytes: int
    modified: datetime
    digest: str


class AdapterFile(NamedTuple):
    """One adapter's file, or the files of its folder. digest: of their beginnings and sizes."""

    size_bytes: int
    modified: datetime
    digest: str


class ModelFiles:
    """The files of a server's models."""

    def __init__(self) -> None:
        self._known: dict[str, ModelFile] = {}

    async def of(self, entry: ModelEntry) -> ModelFile:
        """Return what is known of a model's file. Raises: Problem when it can no longer be read."""
        if entry.name not in self._known:
            try:
                self._known[entry.name] = await asyncio.to_thread(_read, entry)
            except (LmfileError, OSError) as failure:
                raise unavailable(f"The file of the model `{entry.name}` cannot be read: {failure}") from failure
        return self._known[entry.name]

    async def known(self, entry: ModelEntry) -> ModelFile | None:
        """The same for lists: None when the file can no longer be read."""
        try:
            return await self.of(entry)
        except Problem:
            return None


MODEL_FILES = web.AppKey("model_files", ModelFiles)


def header(entry: ModelEntry) -> Gguf:
    """Read the header of a model. Raises: LmfileError."""
    config = entry.config
    return gguf.read(config.model_path, config.offset, config.size or None)


def elements(read: Gguf, key: str) -> list[Scalar]:
    """The elements of a list in a header."""
    array = read.values[key].value
    if not isinstance(array, Array):
        return []
    if array.type == STRING:
        return [text.decode("utf-8", "replace") for text in read.strings(array)]
    numbers = read.numbers(array)
    return [bool(number) for number in numbers] if array.type == BOOL else [*numbers]


async def adapter_file(wanted: Wanted) -> AdapterFile | None:
    """Return what is known of an adapter's files now; None when they have gone."""
    try:
        return await asyncio.to_thread(_read_adapter, wanted)
    except OSError:
        return None


def _read(entry: ModelEntry) -> ModelFile:
    path, offset = Path(entry.config.model_path), entry.config.offset
    read = header(entry)
    values: dict[str, Scalar] = {}
    for key, found in read.values.items():
        if not isinstance(found.value, Array):
            values[key] = bool(found.value) if found.type == BOOL else found.value
    return ModelFile(
        facts=gguf.facts(read),
        values=values,
        lists=tuple(key for key, found in read.values.items() if isinstance(found.value, Array)),
        size_bytes=read.size_bytes,
        modified=_modified(path),
        digest=entry.sha256 or hashlib.sha256(_sample(path, offset, read.size_bytes)).hexdigest(),
    )


def _read_adapter(wanted: Wanted) -> AdapterFile:
    path = Path(wanted.path)
    parts = sorted(part for part in path.iterdir() if part.is_file()) if path.is_dir() else [path]
    sizes = [wanted.size or part.stat().st_size - wanted.offset for part in parts]
    samples = [_sample(part, wanted.offset, size) for part, size in zip(parts, sizes, strict=True)]
    digest = hashlib.sha256(b"".join(samples)).hexdigest()
    return AdapterFile(sum(sizes), max(map(_modified, parts)), digest)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _sample(path: Path, offset: int, size_bytes: int) -> bytes:
    """What stands for a file that was never hashed whole."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(min(SAMPLE_BYTES, size_bytes)) + size_bytes.to_bytes(8, "little")
