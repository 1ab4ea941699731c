"""The footer: the last 128 bytes of an executable, from which everything else is found.

It is the comment of the zip's end record. The launcher reads it too (build/launcher/),
so a change of its layout is a change of FOOTER_VERSION. docs/FORMAT.md has the byte table.
"""

import struct
import zlib
from typing import NamedTuple

FOOTER_BYTES = 128
FOOTER_VERSION = 1
FOOTER_MAGIC = b"lmfile footer v1"

_FIELDS = struct.Struct("<3Q32s2Q32sI")
_SEAL = struct.Struct("<I16s")


class Footer(NamedTuple):
    """Offsets and sizes in bytes, from the file's first byte; digests are sha256.

    `runtime_sha256` is over the compressed image, `runtime_unpacked` the sum of its files'
    sizes; `tail_sha256` is over everything from `manifest_offset` up to the footer.
    """

    runtime_offset: int
    runtime_size: int
    runtime_unpacked: int
    runtime_sha256: bytes
    manifest_offset: int
    manifest_size: int
    tail_sha256: bytes

    def pack(self) -> bytes:
        """The footer's 128 bytes."""
        fields = _FIELDS.pack(*self, FOOTER_VERSION)
        return fields + _SEAL.pack(zlib.crc32(fields), FOOTER_MAGIC)

    @classmethod
    def unpack(cls, data: bytes) -> "Footer":
        """Read the footer's 128 bytes. Raises: ValueError with the reason."""
        if len(data) != FOOTER_BYTES or data[-len(FOOTER_MAGIC) :] != FOOTER_MAGIC:
            raise ValueError("it does not end as an lmfile does: it is another file, was cut off or was added to")
        crc32, _ = _SEAL.unpack(data[_FIELDS.size :])
        if zlib.crc32(data[: _FIELDS.size]) != crc32:
            raise ValueError("its footer was changed")
        *fields, version = _FIELDS.unpack(data[: _FIELDS.size])
        if version != FOOTER_VERSION:
            raise ValueError(f"its footer has version {version}, and this lmfile reads {FOOTER_VERSION}")
        return cls(*fields)
