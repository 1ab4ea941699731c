"""What of a model's folder a conversion reads: names, sizes and hashes of its files, and a view of just these.

Whatever could be a program or a pickle is left out, so the converter never sees one. The view is a folder of links, or
of copies where a system has neither kind; its name is always the same, because names of folders reach the converter's
output.
"""

import hashlib
import json
import os
import shutil
import stat
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bundler import digests
from bundler.digests import Digests
from bundler.sources import pickles
from bundler.sources.source import Progress
from runtime.errors import ConversionFailed, ModelNotFound, ModelUnsupported

CONFIG, WEIGHTS, CARD = "config.json", ".safetensors", "README.md"
MODULES = "modules.json"
MAX_FILES = 4096
MAX_CONFIG_BYTES = 16 << 20
MAX_HEADER_BYTES = 100 << 20  # what safetensors itself allows
READING = "reading the weights"
DEPTH = 2
"""Sentence-transformers keep a module's settings one folder below."""

LEFT_OUT = pickles.ENDINGS | {
    ".py", ".pyc", ".so", ".dll", ".dylib", ".exe", ".sh", ".gguf", ".onnx", ".h5", ".msgpack", ".ot", ".tflite",
    ".zip", ".tar", ".gz", ".npz", ".npy", ".parquet", ".lock", ".partial", ".incomplete", ".png", ".jpg", ".gif",
    ".mp4",
}  # fmt: skip
"""Programs, pickles, other formats of the same weights, and what no conversion needs."""

PRECISIONS = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
_CHUNK_BYTES = 4 << 20


class Input(NamedTuple):
    """One file: its name from the folder on, and where it really lies (a hub's cache is full of links)."""

    name: str
    path: Path
    size: int


def survey(folder: Path) -> list[Input]:
    """The files of `folder` that a conversion may read, by name.

    Raises: ModelNotFound; ModelUnsupported where there is no config.json or no safetensors.
    """
    try:
        found = sorted(_files(folder, folder, DEPTH))
    except OSError as error:
        raise ModelNotFound(folder, (error.strerror or str(error)).lower()) from error
    names = {file.name for file in found}
    if CONFIG not in names:
        raise ModelUnsupported(folder, "it has no config.json, so nothing says what its weights are")
    if not any("/" not in name and name.endswith(WEIGHTS) for name in names):
        pickled = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in pickles.ENDINGS]
        if pickled:
            raise ModelUnsupported(pickled[0], pickles.REASON)
        raise ModelUnsupported(folder, "it has no safetensors in it")
    return found


def hashes(files: Sequence[Input], progress: Progress) -> dict[str, str]:
    """The sha256 of each, by name; what has not changed since it was last hashed is not read. Raises: OSError."""
    total, done, result = sum(file.size for file in files), 0, {}
    for file in files:
        advance = partial(_advance, progress, done, total)
        result[file.name] = (digests.known(file.path) or hashed(file.path, advance)).sha256
        done += file.size
    progress(READING, total, total)
    return result


def hashed(path: Path, advance: Callable[[int], None]) -> Digests:
    """The digests of a whole file, remembered for as long as it does not change. Raises: OSError."""
    sha256, crc32, done = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        while chunk := file.read(_CHUNK_BYTES):
            sha256.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            done += len(chunk)
            advance(done)
    found = Digests(sha256.hexdigest(), crc32)
    digests.remember(path, status, found)
    return found


def view(files: Sequence[Input], folder: Path) -> None:
    """Make `folder` show just these files."""
    for file in files:
        target = folder / PurePosixPath(file.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(file.path, target)


def config(files: Sequence[Input]) -> Mapping[str, object]:
    """What config.json says. Raises: ConversionFailed where it is not JSON."""
    return _json(next(file for file in files if file.name == CONFIG))


def has_dense_modules(files: Sequence[Input]) -> bool:
    """Whether a sentence-transformers model ends in layers of its own, in folders like `2_Dense`."""
    return any(file.name.endswith(f"_Dense/model{WEIGHTS}") for file in files)


def precision(files: Sequence[Input]) -> str:
    """The type that keeps everything the weights hold: f32, bf16 or f16; `auto` where they are none of these."""
    dtypes = {dtype for file in files if file.name.endswith(WEIGHTS) for dtype in _dtypes(file)}
    return next((PRECISIONS[dtype] for dtype in PRECISIONS if dtype in dtypes), "auto")


def _files(folder: Path, root: Path, depth: int) -> list[Input]:
    found: list[Input] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.suffix.lower() in LEFT_OUT:
            continue
        status = entry.stat() if entry.exists() else entry.lstat()  # a link to nothing is neither of the two
        if stat.S_ISDIR(status.st_mode) and depth > 1:
            found += _files(entry, root, depth - 1)
        elif stat.S_ISREG(status.st_mode):
            found.append(Input(entry.relative_to(root).as_posix(), entry.resolve(), status.st_size))
        if len(found) > MAX_FILES:
            raise ModelUnsupported(
                root, f"it holds more than {MAX_FILES} files, so it is hardly the folder of one model"
            )
    return found


def _advance(progress: Progress, before: int, total: int, more: int) -> None:
    progress(READING, before + more, total)


def _link(source: Path, target: Path) -> None:
    for link in (os.symlink, os.link):
        try:
            link(source, target)
        except OSError:  # Windows without the right to, or another volume
            continue
        return
    shutil.copyfile(source, target)


def _dtypes(file: Input) -> set[str]:
    with file.path.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        if size > min(file.size, MAX_HEADER_BYTES):
            raise ConversionFailed(file.path, "its header is longer than the file; download it again")
        try:
            header = json.loads(opened.read(size))
        except (ValueError, RecursionError) as error:
            raise ConversionFailed(file.path, "its header is not JSON; download it again") from error
    entries = header.values() if isinstance(header, dict) else ()
    return {str(entry["dtype"]) for entry in entries if isinstance(entry, dict) and "dtype" in entry}


def _json(file: Input) -> Mapping[str, object]:
    if file.size > MAX_CONFIG_BYTES:
        raise ConversionFailed(file.path, f"it is larger than {MAX_CONFIG_BYTES >> 20} MB, so it is no configuration")
    try:
        table = json.loads(file.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConversionFailed(file.path, "it is not JSON; download it again") from error
    if not isinstance(table, dict):
        raise ConversionFailed(file.path, "it is not a table; download it again")
    return table
