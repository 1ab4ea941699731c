"""Reads safetensors files, and refuses every one whose header cannot be true.

The header is JSON: for each tensor its type, shape and place. Every place is held against
the file's size before anything is read, and the tensors must follow one another without
gap or overlap, as the format demands. A pickle, which could run code, is refused by name.
"""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeGuard

from runtime.errors import AdapterInvalid, AdapterNotFound, AdapterUnsupported, LmfileError

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
"""Bytes of one element, for the types that adapters come in."""

ALL_WIDTHS = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "C64": 8,
    "I32": 4,
    "U32": 4,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    **WIDTHS,
}
"""The same for all types of whole bytes that the format has, which models come in."""

MAX_HEADER_BYTES = 16 << 20  # 10,000 tensors take 1.5 MB
MAX_TENSORS = 65_536
MAX_DIMENSIONS = 8
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How the files of torch.save begin: a zip of pickles, or a bare one."""

PICKLED = "it is a Python pickle, which could run any program; save it as safetensors"


class Entry(NamedTuple):
    """One tensor: its type, its shape (outermost first) and its bytes, `size_bytes` from `offset` of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


class Safetensors:
    """An open file whose header is sound. Use it as a context; `entries` is by name, in file order."""

    def __init__(self, path: Path, file: BinaryIO, entries: dict[str, Entry]) -> None:
        self.path = path
        self.entries = entries
        self._file = file

    def __enter__(self) -> "Safetensors":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def data(self, name: str) -> bytes:
        """The bytes of a tensor: row after row, little-endian. Raises: AdapterInvalid if the file became shorter."""
        entry = self.entries[name]
        self._file.seek(entry.offset)
        data = self._file.read(entry.size_bytes)
        if len(data) != entry.size_bytes:
            raise AdapterInvalid(self.path, f"it became shorter while `{name}` was read")
        return data


def open_safetensors(path: Path, widths: Mapping[str, int] = WIDTHS) -> Safetensors:
    """Open `path` and check its header, whose types must be among `widths`.

    Raises: AdapterNotFound if it cannot be opened; AdapterUnsupported for a pickle or another
    type of number; AdapterInvalid for a false header.
    """
    file = open_regular(path)
    try:
        return Safetensors(path, file, _entries(path, file, widths))
    except (LmfileError, OSError):
        file.close()
        raise


def open_regular(path: Path) -> BinaryIO:
    """Open a file that is one: opening a named pipe would wait for ever. Raises: AdapterNotFound."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise AdapterNotFound(path, "it is not a file")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise AdapterNotFound(path, getattr(error, "strerror", None) or str(error)) from error


def refuse_pickle(path: Path | str, beginning: bytes) -> None:
    """Raises: AdapterUnsupported if a file that begins so is a pickle."""
    if beginning.startswith(PICKLES):
        raise AdapterUnsupported(path, PICKLED)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` for JSON in which no key may stand twice. Raises: ValueError."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice")
    return table


def _entries(path: Path, file: BinaryIO, widths: Mapping[str, int]) -> dict[str, Entry]:
    size = file.seek(0, 2)
    file.seek(0)
    beginning = file.read(8)
    refuse_pickle(path, beginning)
    length = int.from_bytes(beginning, "little")
    if len(beginning) < 8 or not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
        raise AdapterInvalid(path, f"it is not a safetensors file: its header would be {length} bytes long")
    try:
        table = json.loads(file.read(length), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise AdapterInvalid(path, f"its header is not JSON ({str(error)[:100]})") from error
    if not isinstance(table, dict) or len(table) > MAX_TENSORS:
        raise AdapterInvalid(path, f"its header is not a table of at most {MAX_TENSORS} tensors")
    _check_metadata(path, table.pop("__metadata__", {}))
    found = sorted(((name, _entry(path, name, row, 8 + length, widths)) for name, row in table.items()), key=_place)
    position = 8 + length
    for name, entry in found:
        if entry.offset != position:
            raise AdapterInvalid(path, f"`{name[:100]}` lies at byte {entry.offset} instead of {position}")
        position += entry.size_bytes
    if position != size:
        raise AdapterInvalid(path, f"its tensors end at byte {position} of {size}")
    return dict(found)


def _check_metadata(path: Path, table: object) -> None:
    """It says nothing that is used here, and has to be texts by names all the same."""
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise AdapterInvalid(path, "its `__metadata__` is not a table of texts")


def _entry(path: Path, name: str, row: object, start: int, widths: Mapping[str, int]) -> Entry:
    shown = name[:100]
    if not isinstance(row, dict):
        raise AdapterInvalid(path, f"the description of `{shown}` is not a table")
    dtype, shape, place = row.get("dtype"), row.get("shape"), row.get("data_offsets")
    if not isinstance(dtype, str) or not _are_counts(shape, MAX_DIMENSIONS) or not _are_counts(place, 2):
        raise AdapterInvalid(path, f"the description of `{shown}` is not one of a tensor")
    if dtype not in widths:
        raise AdapterUnsupported(path, f"`{shown}` holds numbers of type {dtype[:20]}, not one of {', '.join(widths)}")
    size = widths[dtype]
    for extent in shape:
        size *= extent
    if len(place) != 2 or place[1] - place[0] != size:
        raise AdapterInvalid(path, f"`{shown}` does not have the size of its shape {shape}")
    return Entry(dtype, tuple(shape), start + place[0], size)


def _are_counts(value: object, at_most: int) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) <= at_most
        and all(type(number) is int and 0 <= number < 2**48 for number in value)
    )


def _place(item: tuple[str, Entry]) -> tuple[int, int]:
    return item[1].offset, item[1].size_bytes
