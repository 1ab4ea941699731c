"""What of a model's folder a conversion reads: names, sizes and hashes of its files, and a view of just these.

Whatever could be a program or a pickle is left out, so the converter never sees one. The view is a folder of links, or
of copies where a system has neither kind; its name is always the same, because names of folders reach the converter's
output.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bundler import digests
from bundler.digests import Digests
from bundler.sources import pickles, safetensors_folder
from bundler.sources.source import Progress
from runtime.adapters.safetensors import ALL_WIDTHS, open_safetensors
from runtime.errors import ModelInvalid, ModelNotFound, ModelUnsupported
from runtime.gguf.tables import MAX_EXPERTS, MAX_LAYERS

CONFIG, WEIGHTS, CARD = "config.json", ".safetensors", "README.md"
MODULES = "modules.json"
MAX_FILES = 4096
MAX_CONFIG_BYTES = 16 << 20
TOKENIZER = re.compile(r"(.*token|vocab|spiece|tekken|merges|rwkv_vocab)|[^/]+\.(model|tiktoken|spm)$")
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
MAX_WORDS = 1 << 24
BOUNDS = {
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers", "num_decoder_layers"), MAX_LAYERS),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), MAX_EXPERTS),
    "vocab_size": MAX_WORDS,
}
"""What the converter counts to: with a false number here it would fill the memory."""

_CHUNK_BYTES = 4 << 20


class Input(NamedTuple):
    """One file: its name from the folder on, and where it really lies (a hub's cache is full of links)."""

    name: str
    path: Path
    size: int


def survey(folder: Path) -> list[Input]:
    """The files of `folder` that a conversion may read, by name.

    Raises: ModelNotFound, ModelInvalid; ModelUnsupported where there is no config.json, or pickles instead of
    safetensors.
    """
    try:
        found = sorted(_files(folder, folder, DEPTH))
    except OSError as error:
        raise ModelNotFound(folder, (error.strerror or str(error)).lower()) from error
    config = next((file for file in found if file.name == CONFIG), None)
    if config is None:
        raise ModelUnsupported(folder, "it has no config.json, so nothing says what its weights are")
    _check_config(config)
    if not any(TOKENIZER.match(file.name) for file in found):
        raise ModelUnsupported(folder, "it has no tokenizer, so nothing says what its tokens are")
    safetensors_folder.check(folder)
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
    with open_safetensors(file.path, ALL_WIDTHS) as opened:
        return {entry.dtype for entry in opened.entries.values()}


def _check_config(file: Input) -> None:
    """The rest of its errors are the converter's to find."""
    if file.size > MAX_CONFIG_BYTES:
        raise ModelInvalid(file.path, f"it is larger than {MAX_CONFIG_BYTES >> 20} MB, so it is no configuration", 0)
    try:
        table = json.loads(file.path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelInvalid(file.path, f"it is not JSON ({str(error)[:100]})", 0) from error
    if not isinstance(table, dict):
        raise ModelInvalid(file.path, "it is not a table", 0)
    for part in (table, *(value for value in table.values() if isinstance(value, dict))):
        for key, most in BOUNDS.items():
            if isinstance(number := part.get(key), int) and number > most:
                raise ModelInvalid(file.path, f"its `{key}` is {number}, and {most} is the most there can be", 0)
