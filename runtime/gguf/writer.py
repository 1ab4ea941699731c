"""Writes GGUF files, version 3: the adapters that are made from PEFT folders.

The bytes depend on nothing but what is given, so that one adapter has one digest.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import IO, NamedTuple

ALIGNMENT = 32
VERSION = 3
UINT32, FLOAT32, STRING = 4, 6, 8
TYPES = {"F32": (0, 4), "F16": (1, 2)}
"""For each tensor type its number and the bytes of an element."""


class NewTensor(NamedTuple):
    """A tensor to be written; `shape` as GGUF has it: the length of a row first."""

    name: str
    shape: tuple[int, ...]
    type: str

    @property
    def size_bytes(self) -> int:
        size = TYPES[self.type][1]
        for extent in self.shape:
            size *= extent
        return size


def header(values: Mapping[str, str | int | float], tensors: Iterable[NewTensor]) -> bytes:
    """Everything before the data: keys in their order (text, u32, f32) and the tensors', up to the alignment."""
    tensors = list(tensors)
    parts = [b"GGUF", struct.pack("<IQQ", VERSION, len(tensors), len(values))]
    for key, value in values.items():
        parts += [_string(key), _value(value)]
    offset = 0
    for tensor in tensors:
        number = TYPES[tensor.type][0]
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        parts += [_string(tensor.name), shape, struct.pack("<IQ", number, offset)]
        offset += _padded(tensor.size_bytes)
    head = b"".join(parts)
    return head + bytes(_padded(len(head)) - len(head))


def write_data(file: IO[bytes], data: bytes) -> None:
    """Append one tensor's bytes, and zeros up to where the next one begins."""
    file.write(data)
    file.write(bytes(_padded(len(data)) - len(data)))


def _value(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    return struct.pack("<If", FLOAT32, value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
