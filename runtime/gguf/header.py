"""What a sound GGUF header holds: keys with their values, tensors with their places, and the bytes that say so."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from runtime.errors import ModelInvalid
from runtime.gguf.cursor import INT32, SCALARS, U64
from runtime.gguf.tables import TensorType

INTEGERS = frozenset({0, 1, 2, 3, 4, INT32, 10, 11})


class Array(NamedTuple):
    """`length` elements of value type `type`; the first lies at `offset`."""

    type: int
    length: int
    offset: int


class Value(NamedTuple):
    """One key's value, its value type, and the byte where it stands."""

    type: int
    value: int | float | str | Array
    offset: int


class Tensor(NamedTuple):
    """One tensor; `offset` counts from the header's `data_offset`, `at` is the byte of its description."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    size_bytes: int
    at: int


class Layout(NamedTuple):
    """The tensors' bytes: from `data_offset` on, each at a multiple of `alignment`, none past `size_bytes`."""

    alignment: int
    data_offset: int
    size_bytes: int


class Gguf:
    """A sound header: its keys by name and its tensors in file order."""

    def __init__(
        self, path: str, version: int, values: dict[str, Value], tensors: dict[str, Tensor], layout: Layout, head: bytes
    ) -> None:
        self.path = path
        self.version = version
        self.values = values
        self.tensors = tensors
        self.alignment = layout.alignment
        self.data_offset = layout.data_offset
        self.size_bytes = layout.size_bytes
        self._head = head

    def text(self, key: str) -> str | None:
        """The string under `key`, or None where there is no such key. Raises: ModelInvalid if it is no string."""
        found = self.values.get(key)
        if found is None:
            return None
        if not isinstance(found.value, str):
            raise self.invalid(f"`{key}` is not a string", found.offset)
        return found.value

    def integer(self, key: str) -> int | None:
        """The whole number under `key`, or None. Raises: ModelInvalid if it is something else."""
        found = self.values.get(key)
        if found is None:
            return None
        if found.type not in INTEGERS or not isinstance(found.value, int):
            raise self.invalid(f"`{key}` is not a whole number", found.offset)
        return found.value

    def array(self, key: str, types: frozenset[int]) -> Array | None:
        """The array under `key`, or None. Raises: ModelInvalid if it is no array of one of `types`."""
        found = self.values.get(key)
        if found is None:
            return None
        if not isinstance(found.value, Array) or found.value.type not in types:
            raise self.invalid(f"`{key}` is not an array of the right type", found.offset)
        return found.value

    def strings(self, array: Array) -> list[bytes]:
        """The elements of an array of strings, as they stand in the file."""
        position, head, unpack = array.offset, self._head, U64.unpack_from
        found = []
        for _ in range(array.length):
            (length,) = unpack(head, position)
            position += 8
            found.append(head[position : position + length])
            position += length
        return found

    def numbers(self, array: Array) -> tuple[int | float, ...]:
        """The elements of an array of numbers."""
        code = SCALARS[array.type].format[1:]
        return struct.unpack_from(f"<{array.length}{code}", self._head, array.offset)

    def written_keys(self) -> Iterator[tuple[str, bytes]]:
        """Each key with the bytes that stand for it and its value, for a header made of this one."""
        starts = [value.offset - 4 - len(key.encode()) - 8 for key, value in self.values.items()]
        ends = [*starts[1:], min((tensor.at for tensor in self.tensors.values()), default=len(self._head))]
        for key, start, end in zip(self.values, starts, ends, strict=False):
            yield key, self._head[start:end]

    def written_tensor(self, tensor: Tensor) -> bytes:
        """The bytes that describe `tensor`, up to its offset."""
        return self._head[tensor.at : tensor.at + 8 + len(tensor.name.encode()) + 4 + 8 * len(tensor.shape) + 4]

    def invalid(self, reason: str, offset: int) -> ModelInvalid:
        """The error for something that this model says at `offset`."""
        return ModelInvalid(self.path, reason, offset)
