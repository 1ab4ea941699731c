"""Reads a GGUF header and refuses every one that cannot be true, naming the byte.

The header is read forward once. Array contents are stepped over, and decoded only when
asked for.

Does not know: what the keys mean (facts.py). Offsets in errors count from the model's
first byte, which need not be the file's: weights are read where they lie in an executable.
Format: GGUF versions 2 and 3, little-endian.
"""

import io
import stat
from pathlib import Path

from runtime.errors import ModelNotFound
from runtime.gguf.cursor import ARRAY, BOOL, SCALARS, STRING, Cursor
from runtime.gguf.header import Array, Gguf, Layout, Tensor, Value
from runtime.gguf.tables import TENSOR_TYPES

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_COUNT = 65_536  # keys, tensors; the largest published models have about 3,000 of either
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 63  # GGML_MAX_NAME less its NUL
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 2**63 - 1
MAX_ALIGNMENT = 1 << 20
DEFAULT_ALIGNMENT = 32


def parse(head: bytes, path: Path | str, size_bytes: int) -> Gguf:
    """Read a header made in memory, for a model of `size_bytes` that `path` stands for. Raises: ModelInvalid."""
    return _read(Cursor(io.BytesIO(head), str(path), size_bytes))


def read(path: Path | str, offset: int = 0, size_bytes: int | None = None) -> Gguf:
    """Read the header of the model that lies in `path` at `offset` and is `size_bytes` long (None: to the file's end).

    Raises: ModelNotFound if it cannot be opened, ModelInvalid if it is not a sound GGUF.
    """
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise ModelNotFound(path, "it is a directory, and a model is one .gguf file")
        if not stat.S_ISREG(mode):  # opening a named pipe would wait for ever
            raise ModelNotFound(path, "it is not a file")
        with open(path, "rb") as file:
            available = file.seek(0, 2) - offset
            file.seek(offset)
            return _read(Cursor(file, str(path), available if size_bytes is None else min(size_bytes, available)))
    except FileNotFoundError as error:
        raise ModelNotFound(path) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise ModelNotFound(path, getattr(error, "strerror", None) or str(error)) from error


def _read(cursor: Cursor) -> Gguf:
    version, tensor_count, key_count = _preamble(cursor)
    values = _values(cursor, key_count)
    alignment = _alignment(cursor, values)
    described = [_description(cursor) for _ in range(tensor_count)]
    data_offset = _round_up(cursor.position, alignment)
    layout = Layout(alignment, data_offset, cursor.size)
    return Gguf(
        cursor.path,
        version,
        values,
        _place(cursor, described, layout),
        layout,
        bytes(memoryview(cursor.data)[: cursor.position]),
    )


def _preamble(cursor: Cursor) -> tuple[int, int, int]:
    magic = cursor.take(4, "the magic number") if cursor.size >= 4 else b""
    if magic != MAGIC:
        raise cursor.invalid("it is not a GGUF file", 0)
    version = cursor.u32("the version")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "big"), "little") in VERSIONS
        why = "it was written for big-endian machines" if swapped else f"GGUF version {version} is not 2 or 3"
        raise cursor.invalid(why, 4)
    counts = []
    for what in ("tensors", "keys"):
        count = cursor.u64(f"the number of {what}")
        if count > MAX_COUNT:
            raise cursor.invalid(f"it claims {count} {what}, more than {MAX_COUNT}", cursor.position - 8)
        counts.append(count)
    return version, counts[0], counts[1]


def _values(cursor: Cursor, count: int) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for _ in range(count):
        start = cursor.position
        key = cursor.name("a key", MAX_KEY_BYTES)
        if key in values:
            raise cursor.invalid(f"the key `{key}` stands twice", start)
        kind = cursor.u32(f"the type of `{key}`")
        at = cursor.position
        values[key] = Value(kind, _value(cursor, kind, key), at)
    return values


def _value(cursor: Cursor, kind: int, key: str) -> int | float | str | Array:
    if kind == STRING:
        return cursor.string(f"`{key}`").decode("utf-8", "replace")
    if kind == ARRAY:
        return _array(cursor, key)
    number = cursor.scalar(kind, f"`{key}`")
    if kind == BOOL and number not in (0, 1):
        raise cursor.invalid(f"`{key}` is a truth value of {number}", cursor.position - 1)
    return number


def _array(cursor: Cursor, key: str) -> Array:
    at = cursor.position
    kind = cursor.u32(f"the element type of `{key}`")
    count = cursor.u64(f"the length of `{key}`")
    array = Array(kind, count, cursor.position)
    if kind == STRING:
        cursor.skip_strings(count, f"`{key}`")
    elif kind in SCALARS:
        cursor.skip(count * SCALARS[kind].size, f"`{key}`")
    else:
        raise cursor.invalid(f"`{key}` is an array of the unknown type {kind}", at)
    return array


def _alignment(cursor: Cursor, values: dict[str, Value]) -> int:
    found = values.get("general.alignment")
    if found is None:
        return DEFAULT_ALIGNMENT
    number = found.value
    if found.type != 4 or not isinstance(number, int) or not 0 < number <= MAX_ALIGNMENT or number & (number - 1):
        raise cursor.invalid("`general.alignment` is not a power of two", found.offset)
    return number


def _description(cursor: Cursor) -> Tensor:
    at = cursor.position
    name = cursor.name("a tensor's name", MAX_NAME_BYTES)
    rank = cursor.u32(f"the rank of tensor `{name}`")
    if not 1 <= rank <= MAX_DIMENSIONS:
        raise cursor.invalid(f"tensor `{name}` has {rank} dimensions, not 1 to {MAX_DIMENSIONS}", cursor.position - 4)
    shape = tuple(cursor.u64(f"the shape of tensor `{name}`") for _ in range(rank))
    elements = 1
    for extent in shape:
        elements *= extent
    if not 0 < elements <= MAX_ELEMENTS:
        raise cursor.invalid(f"tensor `{name}` has the impossible shape {list(shape)}", cursor.position - 8 * rank)
    kind = TENSOR_TYPES.get(code := cursor.u32(f"the type of tensor `{name}`"))
    if kind is None:
        raise cursor.invalid(f"tensor `{name}` is of the unknown type {code}", cursor.position - 4)
    if shape[0] % kind.block:
        raise cursor.invalid(f"rows of tensor `{name}` are not whole {kind.name} blocks", at)
    offset = cursor.u64(f"the offset of tensor `{name}`")
    return Tensor(name, shape, kind, offset, elements // kind.block * kind.block_bytes, at)


def _place(cursor: Cursor, described: list[Tensor], layout: Layout) -> dict[str, Tensor]:
    """The tensors by name; each must begin where the one before it ends, rounded up to the alignment."""
    tensors: dict[str, Tensor] = {}
    expected = 0
    for tensor in described:
        if tensor.name in tensors:
            raise cursor.invalid(f"the tensor `{tensor.name}` stands twice", tensor.at)
        if tensor.offset != expected:
            raise cursor.invalid(f"tensor `{tensor.name}` lies at {tensor.offset} instead of {expected}", tensor.at)
        end = layout.data_offset + tensor.offset + tensor.size_bytes
        if end > layout.size_bytes:
            missing = end - layout.size_bytes
            raise cursor.invalid(f"tensor `{tensor.name}` ends {missing} bytes beyond the file's end", tensor.at)
        expected = _round_up(tensor.offset + tensor.size_bytes, layout.alignment)
        tensors[tensor.name] = tensor
    return tensors


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
