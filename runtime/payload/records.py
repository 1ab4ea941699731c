"""The few zip records that an executable has: local header, central entry, end records.

Members are stored as they are, never compressed or encrypted, with sizes and offsets known in
advance, so one entry has exactly one pair of headers. ZIP64 fields appear where a number
needs them and nowhere else.
Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

END_MAGIC = b"PK\x05\x06"
FILE_MODE = 0o644

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")

_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_VERSION, _VERSION_64 = 10, 45  # needed to extract
_UNIX = 3  # made by: modes are Unix's
_UTF8 = 0x800
_STORED = 0
_REGULAR = 0o100000
_ZIP64 = 1


class Entry(NamedTuple):
    """One member: `offset` is that of its local header, `time` and `date` are DOS's."""

    name: str
    size: int
    crc32: int
    offset: int
    mode: int
    time: int
    date: int

    def local(self) -> bytes:
        """The header in front of the data."""
        extra = _extra(self.size, self.size) if self.size >= _MAX32 else b""
        size = min(self.size, _MAX32)
        head = (b"PK\3\4", self._needs(extra), self._flags(), _STORED, self.time, self.date, self.crc32, size, size)
        name = self.name.encode()
        return _LOCAL.pack(*head, len(name), len(extra)) + name + extra

    def central(self) -> bytes:
        """The entry of the central directory."""
        sizes = (self.size, self.size) if self.size >= _MAX32 else ()
        offset = (self.offset,) if self.offset >= _MAX32 else ()
        extra = _extra(*sizes, *offset)
        size, name = min(self.size, _MAX32), self.name.encode()
        made_by = _UNIX << 8 | self._needs(extra)
        head = (b"PK\1\2", made_by, self._needs(extra), self._flags(), _STORED, self.time, self.date, self.crc32)
        attributes = (_REGULAR | self.mode) << 16
        tail = (size, size, len(name), len(extra), 0, 0, 0, attributes, min(self.offset, _MAX32))
        return _CENTRAL.pack(*head, *tail) + name + extra

    def data_offset(self) -> int:
        """Where the member's data begins."""
        return self.offset + len(self.local())

    def _needs(self, extra: bytes) -> int:
        return _VERSION_64 if extra else _VERSION

    def _flags(self) -> int:
        return 0 if self.name.isascii() else _UTF8


def local_entry(data: bytes, offset: int) -> Entry | None:
    """The small entry whose header `data` begins with, at `offset` of its file; None if it begins with no header.

    Raises: ValueError if lmfile does not write it so.
    """
    if data[:4] != b"PK\3\4":
        return None
    try:
        _, _, _, _, time, date, crc32, size, _, name_size, _ = _LOCAL.unpack_from(data)
    except struct.error as error:
        raise ValueError("a header behind its manifest is cut off") from error
    name = data[_LOCAL.size : _LOCAL.size + name_size].decode("utf-8", "replace")
    entry = Entry(name, size, crc32, offset, FILE_MODE, time, date)
    if data[: len(entry.local())] != entry.local():
        raise ValueError("a header behind its manifest has a form that lmfile does not write")
    return entry


def end_records(count: int, directory_offset: int, directory_size: int, comment_size: int) -> bytes:
    """What follows the central directory, up to the comment."""
    zip64 = b""
    if directory_offset >= _MAX32 or directory_size >= _MAX32 or count >= _MAX16:
        made_by = _UNIX << 8 | _VERSION_64
        body = (b"PK\6\6", _END64.size - 12, made_by, _VERSION_64, 0, 0, count, count, directory_size, directory_offset)
        zip64 = _END64.pack(*body) + _LOCATOR.pack(b"PK\6\7", 0, directory_offset + directory_size, 1)
    entries = min(count, _MAX16)
    where = (min(directory_size, _MAX32), min(directory_offset, _MAX32))
    return zip64 + _END.pack(END_MAGIC, 0, 0, entries, entries, *where, comment_size)


def central_entries(data: bytes) -> Iterator[Entry]:
    """The entries at the start of `data`, up to the first bytes that are none. Raises: ValueError if one is cut off."""
    position = 0
    while data[position : position + 4] == b"PK\1\2":
        try:
            fields = _CENTRAL.unpack_from(data, position)
        except struct.error as error:
            raise ValueError("its central directory is cut off") from error
        _, _, _, _, _, time, date, crc32, _, size, name_size, extra_size, *_, attributes, offset = fields
        start = position + _CENTRAL.size
        name = data[start : start + name_size].decode("utf-8", "replace")
        wide = iter(_wide(data[start + name_size : start + name_size + extra_size]))
        if size == _MAX32:
            size = next(wide, 0)
            next(wide, 0)
        if offset == _MAX32:
            offset = next(wide, 0)
        yield Entry(name, size, crc32, offset, attributes >> 16 & 0o7777, time, date)
        position = start + name_size + extra_size


def _extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", _ZIP64, 8 * len(numbers), *numbers) if numbers else b""


def _wide(extra: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{(len(extra) - 4) // 8}Q", extra[4:]) if len(extra) % 8 == 4 else ()
