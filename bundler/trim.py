"""Cuts off an ELF file what no loader reads: all that lies behind its last segment.

That is debugging information, the symbol table for linkers and the section headers: half of the
compiled parts of some wheels. Nothing moves and no segment changes, unlike with `strip`, which breaks
files that patchelf has been at.
"""

import struct
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"
HEADER_BYTES = 64
PROGRAM_HEADERS, SECTION_HEADERS = 32, 40  # where the ELF header says where these tables begin
COUNTS = 54  # sizes and counts of their entries


def trim(path: Path) -> int:
    """Trim `path` in place if it is a 64-bit little-endian ELF file; return how many bytes went."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        return 0
    end = _end_of_segments(data)
    header = bytearray(data[:HEADER_BYTES])
    struct.pack_into("<Q", header, SECTION_HEADERS, 0)
    struct.pack_into("<HHH", header, COUNTS + 4, 0, 0, 0)
    path.write_bytes(header + data[HEADER_BYTES:end])
    return len(data) - end


def _end_of_segments(data: bytes) -> int:
    table: int = struct.unpack_from("<Q", data, PROGRAM_HEADERS)[0]
    entry_size, count = struct.unpack_from("<HH", data, COUNTS)
    end: int = max(HEADER_BYTES, table + entry_size * count)
    for index in range(count):
        offset, _address, _physical, size = struct.unpack_from("<4Q", data, table + index * entry_size + 8)
        end = max(end, offset + size)
    return end
