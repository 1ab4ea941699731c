"""Quantises a GGUF through the engine's own `llama_model_quantize`: the bytes are those that llama-quantize writes.

It runs in a process of its own, as native code may die. A source that lies inside of another file, or in pieces, is put
together in a file beside the target first; the target gets its name when it is complete and has been read through.
"""

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bundler import copying, engine, fetch, llama_source, store
from bundler.analysis import builder_target
from bundler.content import Content, pieces, size_bytes
from bundler.convert import child, imatrix, kinds
from bundler.convert.convert import check_room, failed, program
from bundler.convert.kinds import Type
from bundler.sources.source import Progress
from runtime import gguf
from runtime.errors import ConversionFailed, ModelNotFound, UsageError

SILENCE_S = 3600  # one tensor of 8 GB to IQ1_S on one core
LIBRARIES = ("llama_cpp", "lib")
OUTPUT, JOINED, NUMBERS = "output.gguf", "input.gguf", "imatrix.f32"
SPARE = 1.05

_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_REASON = re.compile(r"failed to quantize: (.+)")
_REQUANTISED = re.compile(r"requantizing from type (\S+) is disabled")


class Options(NamedTuple):
    """As llama-quantize has them. The two types are names of tensor types; empty: as the type of the file has it."""

    pure: bool = False
    allow_requantize: bool = False
    leave_output_tensor: bool = False
    output_tensor_type: str = ""
    token_embedding_type: str = ""

    def plain(self) -> dict[str, bool | str]:
        """Those that are set."""
        return {name: value for name, value in self._asdict().items() if value}


def quantize(
    source: Content,
    name: str,
    target: Path,
    progress: Progress,
    *,
    matrix: Path | None = None,
    options: Options = Options(),  # noqa: B008
    threads: int = 0,
) -> Mapping[str, Any]:
    """Write the model `source` as type `name` to `target`; -> the step of its provenance. threads: 0: all cores.

    Raises: UsageError for a type that there is not, or that needs a matrix; ModelInvalid, ModelNotFound,
    ConversionFailed, DiskFull; OSError where `target` cannot be written.
    """
    kind = kinds.named(name)
    if kind.needs_imatrix and matrix is None:
        raise UsageError(
            f"Quantising to {kind.name}: so few bits need an importance matrix to say which weights matter; "
            f"name one with --imatrix, or choose a type from IQ3_S or Q2_K upwards."
        )
    numbers = [
        kinds.tensor_number(each) if each else None
        for each in (options.output_tensor_type, options.token_embedding_type)
    ]
    weights = imatrix.read(matrix) if matrix else None
    libraries = engine.engine(builder_target(), progress).joinpath(*LIBRARIES)
    with tempfile.TemporaryDirectory(prefix=".lmfile-", dir=target.absolute().parent) as work:
        folder = Path(work)
        path = _plain(source, folder, progress)
        file = gguf.read(path)
        check_room(target, _estimate(file, kind))
        job = {
            "libraries": str(libraries),
            "source": str(path.absolute()),
            "target": OUTPUT,
            "number": kind.number,
            "threads": threads,
            "only_copy": kind.name == "COPY",
            **options._asdict(),
            "output_tensor_type": numbers[0],
            "token_embedding_type": numbers[1],
            "imatrix": _written(weights, matrix, folder) if weights and matrix else None,
        }
        _run(job, folder, _called(source), kind, progress)
        gguf.read(folder / OUTPUT)
        (folder / OUTPUT).replace(target)
    return step(kind, options, matrix)


def step(kind: Type, options: Options, matrix: Path | None) -> Mapping[str, Any]:
    """What a quantisation says of itself in the provenance."""
    by = {"engine": fetch.pins()[llama_source.PIN].filename.removesuffix(".tar.gz")}
    of = {"imatrix": matrix.name, "imatrix_sha256": sha256(matrix)} if matrix else {}
    return {"step": "quantize", "type": kind.name.lower(), **of, **options.plain(), **by}


def sha256(path: Path) -> str:
    """The hash of a small file. Raises: ModelNotFound."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error


def recipe() -> list[object]:
    """Everything besides the input that decides an output."""
    return [engine.Recipe(builder_target()).hash, program("quantize.py")]


def _plain(source: Content, folder: Path, progress: Progress) -> Path:
    """The source as a file of its own."""
    if isinstance(source, Path):
        return source
    path, total, done = folder / JOINED, size_bytes(source), 0
    check_room(path, total)
    with path.open("wb", buffering=0) as out:
        for piece in pieces(source):
            if isinstance(piece, bytes):
                done += out.write(piece)
                continue
            advance = partial(_advance, progress, done, total)
            copying.copy(piece.path, piece.offset, piece.size, out, piece.digests, advance)
            done += piece.size
    return path


def _advance(progress: Progress, before: int, total: int, more: int) -> None:
    progress("putting the model together", before + more, total)


def _estimate(file: gguf.Gguf, kind: Type) -> int:
    """About the bytes of the output: exact enough to find a full disk before an hour of work."""
    if kind.name == "COPY":
        return file.size_bytes
    weights = sum(tensor.size_bytes * tensor.type.block // tensor.type.block_bytes for tensor in file.tensors.values())
    return int(weights * kind.bits / 8 * SPARE) + file.data_offset


def _written(weights: imatrix.Matrix, path: Path, folder: Path) -> dict[str, object]:
    """The matrix as one file of numbers, its parts, and the keys that tell of it in the model."""
    entries, offset = [], 0
    with (folder / NUMBERS).open("wb") as out:
        for name, values in sorted(weights.values.items()):
            entries.append((name, offset, len(values)))
            offset += out.write(values.tobytes())
    keys: list[tuple[str, str | int]] = [("quantize.imatrix.file", path.name)]
    if weights.dataset is not None:
        keys.append(("quantize.imatrix.dataset", weights.dataset))
    keys.append(("quantize.imatrix.entries_count", len(entries)))
    if weights.chunks > 0:
        keys.append(("quantize.imatrix.chunks_count", weights.chunks))
    return {"file": NUMBERS, "entries": entries, "keys": keys}


def _run(job: Mapping[str, object], folder: Path, called: str, kind: Type, progress: Progress) -> None:
    what, log, reason = f"quantising to {kind.name}", store.cache_dir("logs") / f"quantize-{os.getpid()}.log", ""

    def on_line(line: str) -> None:
        nonlocal reason
        if found := _REASON.search(line):
            reason = found[1].strip().rstrip("!.")
        elif found := _TENSOR.search(line):
            progress(what, int(found[1]) - 1, int(found[2]))

    try:
        ended = child.run([sys.executable, "-s", program("quantize.py")], folder, log, SILENCE_S, job, on_line)
    except OSError as error:
        raise ConversionFailed(called, f"`{sys.executable}` cannot be started ({error.strerror})") from error
    if ended.status != 0:
        raise failed(called, _happened(reason) if reason else ended.happened, None if reason else log, folder)
    progress(what, 1, 1)
    log.unlink(missing_ok=True)


def _happened(reason: str) -> str:
    if found := _REQUANTISED.search(reason):
        return (
            f"it is quantised already (to {found[1]}), and doing it again loses more than the type says; "
            f"take the original, or add --allow-requantize"
        )
    return reason


def _called(source: Content) -> str:
    """How errors name the source: by the first file that it comes from."""
    if isinstance(source, Path):
        return str(source)
    return next((str(piece.path) for piece in pieces(source) if not isinstance(piece, bytes)), "the model")
