"""Reads importance matrices: which columns of a weight matter, in the GGUF form and in the old one called .dat.

    GGUF: for each tensor NAME, `NAME.in_sum2` (sums of squares) and `NAME.counts`; imatrix.datasets, .chunk_count
    .dat: i32 entries; each i32 length, name, i32 calls, i32 values, f32 …; then i32 chunks, i32 length, data set

Every count, size and number is checked here, before native code sees one. What is given on are means, in single
precision and in the order of llama-quantize, so that the results have the same bits.
"""

import array
import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bundler.sources import pickles
from runtime import gguf
from runtime.errors import ConversionFailed, ModelInvalid, ModelNotFound
from runtime.gguf.cursor import STRING

SUMS, COUNTS = ".in_sum2", ".counts"
DATASETS, CHUNK_COUNT, CHUNK_SIZE = "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"
MAX_BYTES = 4 << 30
MAX_ENTRIES = 65_536
MAX_NAME_BYTES = 256
MAX_DATASET_BYTES = 65_536
MAX_VALUE_TEXT = 127
"""What of a string llama-quantize writes into the model."""

_INT = struct.Struct("<i")


class Matrix(NamedTuple):
    """values: the importance of each column, for each expert, by the tensor. chunks, dataset: of its making."""

    values: dict[str, "array.array[float]"]
    chunks: int
    dataset: str | None


def read(path: Path) -> Matrix:
    """Read the importance matrix in `path`. Raises: ModelNotFound; ConversionFailed where it is false."""
    try:
        if not path.is_file():
            raise ModelNotFound(path, "it is not a file" if path.exists() else "there is no such file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _false(path, f"it is larger than {MAX_BYTES >> 30} GB")
        with path.open("rb") as file:
            beginning = file.read(8)
            pickles.refuse(path.with_suffix(".dat"), beginning)
            file.seek(0)
            return _of_gguf(path, file) if beginning.startswith(gguf.reader.MAGIC) else _of_dat(path, file, size)
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error


def _of_gguf(path: Path, file: BinaryIO) -> Matrix:
    try:
        head = gguf.read(path)
        chunks, size = head.integer(CHUNK_COUNT), head.integer(CHUNK_SIZE)
        texts = head.array(DATASETS, frozenset({STRING}))
    except ModelInvalid as error:
        raise _false(path, f"{error.reason} (at byte {error.offset})") from error
    if chunks is None or size is None or texts is None:
        raise _false(path, "it is a GGUF, but does not say from which texts it was made, so it is another kind of file")
    values = {name: _means(path, name, sums, counts) for name, sums, counts in _pairs(path, file, head)}
    if not values:
        raise _false(path, "there is nothing in it")
    datasets = head.strings(texts)
    return Matrix(values, chunks, datasets[0].decode("utf-8", "replace") if datasets else None)


def _pairs(
    path: Path, file: BinaryIO, head: gguf.Gguf
) -> Iterator[tuple[str, "array.array[float]", "array.array[float]"]]:
    for name in head.tensors:
        stem = name.removesuffix(SUMS)
        if name.endswith(COUNTS) and name.removesuffix(COUNTS) + SUMS not in head.tensors:
            raise _false(path, f"`{name}` has no sums")
        if stem == name:
            continue
        if stem + COUNTS not in head.tensors:
            raise _false(path, f"`{stem}` has sums and no counts")
        yield stem, _tensor(path, file, head, name), _tensor(path, file, head, stem + COUNTS)


def _tensor(path: Path, file: BinaryIO, head: gguf.Gguf, name: str) -> "array.array[float]":
    tensor = head.tensors[name]
    if tensor.type.name != "F32":
        raise _false(path, f"`{name}` is {tensor.type.name} and not F32")
    file.seek(head.data_offset + tensor.offset)
    return _floats(path, file, tensor.size_bytes // 4)


def _means(path: Path, name: str, sums: "array.array[float]", counts: "array.array[float]") -> "array.array[float]":
    if not counts or len(sums) % len(counts):
        raise _false(path, f"`{name}` has {len(sums)} sums for {len(counts)} counts")
    width = len(sums) // len(counts)
    result = array.array("f")
    for index, count in enumerate(counts):
        whole = _single(math.floor(abs(count) + 0.5))
        part = sums[index * width : (index + 1) * width]
        result.extend((value / whole for value in part) if count > 0 and whole else (1.0 for _ in part))
    return _checked(path, name, result)


def _of_dat(path: Path, file: BinaryIO, size: int) -> Matrix:
    entries = _integer(path, file)
    if not 0 < entries <= MAX_ENTRIES:
        raise _false(path, f"it claims {entries} entries, so it is hardly an importance matrix")
    values: dict[str, array.array[float]] = {}
    for _ in range(entries):
        length = _integer(path, file)
        if not 0 < length <= MAX_NAME_BYTES:
            raise _false(path, f"a name in it has {length} bytes")
        name = _bytes(path, file, length).decode("utf-8", "replace")
        calls, count = _integer(path, file), _integer(path, file)
        if count < 1 or count * 4 > size - file.tell():
            raise _false(path, f"`{name}` claims {count} values, more than are left")
        found = _floats(path, file, count)
        if calls > 0:
            divisor = _single(calls)
            found = array.array("f", (value / divisor for value in found))
        values[name] = _checked(path, name, found)
    return Matrix(values, *_ending(file))


def _ending(file: BinaryIO) -> tuple[int, str | None]:
    """How many chunks, and of which texts: the newer files end so."""
    rest = file.read(8 + MAX_DATASET_BYTES)
    if len(rest) < 4:
        return 0, None
    (chunks,) = _INT.unpack_from(rest)
    length = _INT.unpack_from(rest, 4)[0] if len(rest) >= 8 else 0
    if not 0 < length <= len(rest) - 8:
        return chunks, None
    return chunks, rest[8 : 8 + length].partition(b"\0")[0].decode("utf-8", "replace")


def _floats(path: Path, file: BinaryIO, count: int) -> "array.array[float]":
    found = array.array("f")
    found.frombytes(_bytes(path, file, count * 4))
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _integer(path: Path, file: BinaryIO) -> int:
    value: int = _INT.unpack(_bytes(path, file, 4))[0]
    return value


def _bytes(path: Path, file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise _false(path, "it ends too early")
    return data


def _checked(path: Path, name: str, values: "array.array[float]") -> "array.array[float]":
    if not all(map(math.isfinite, values)):
        raise _false(path, f"`{name}` holds a value that is not a number")
    return values


def _single(number: float) -> float:
    """As single precision has it."""
    return array.array("f", [number])[0]


def _false(path: Path, reason: str) -> ConversionFailed:
    return ConversionFailed(path, f"as an importance matrix it is of no use: {reason}; make it anew with llama-imatrix")
