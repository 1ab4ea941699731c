"""The sidecar: the file of weights beside an executable, where one file would be too large for its system.

    [header, zeros up to 64 KiB | member | zeros | member | …]

Windows starts no program of 4 GB or more. The members are the same as they would be inside, each
at a multiple of 64 KiB, and the executable's manifest tells where; the header names all of them by
one hash, the identity, so that a start need not read gigabytes to know that these are its weights.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from runtime.errors import PayloadDamaged, SidecarMissing
from runtime.payload.manifest import Member, Sidecar

ENDING = ".weights"
ROLES = frozenset({"model", "mmproj", "adapter", "state"})
"""What may lie in a sidecar: what begins at a multiple of BLOCK_BYTES inside an executable, too."""

BLOCK_BYTES = 1 << 16
HEADER_BYTES = 64
MAGIC = b"lmfile weights 1"
VERSION = 1
MAX_OTHERS = 1000
"""How many other files of weights a start looks at for the one that was renamed."""

_FIELDS = struct.Struct("<16sIQ32s")
_CRC32 = struct.Struct("<I")


class Header(NamedTuple):
    """The sidecar's first bytes: its size in bytes, and its identity in hex."""

    size: int
    identity: str

    def pack(self) -> bytes:
        """The header's 64 bytes; zeros follow up to BLOCK_BYTES."""
        fields = _FIELDS.pack(MAGIC, VERSION, self.size, bytes.fromhex(self.identity))
        return fields + _CRC32.pack(zlib.crc32(fields))

    @classmethod
    def unpack(cls, data: bytes) -> "Header":
        """Read the header's 64 bytes. Raises: ValueError with the reason."""
        if len(data) != HEADER_BYTES or data[: len(MAGIC)] != MAGIC:
            raise ValueError("it does not begin as a file of weights does")
        _, version, size, identity = _FIELDS.unpack(data[: _FIELDS.size])
        if _CRC32.unpack(data[_FIELDS.size :]) != (zlib.crc32(data[: _FIELDS.size]),):
            raise ValueError("its header was changed")
        if version != VERSION:
            raise ValueError(f"its header has version {version}, and this lmfile reads {VERSION}")
        return cls(size, identity.hex())


def place(end: int) -> int:
    """Where the member begins that follows byte `end`."""
    return end + -end % BLOCK_BYTES


def identity(members: Iterable[Member]) -> str:
    """The hash of what lies in a sidecar, in hex: a line for each of its members, in their order there."""
    lines = (f"{member.size} {member.sha256} {member.path}\n" for member in members if member.aside)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def name_for(executable: Path) -> str:
    """What the sidecar of `executable` is called: name.exe has name.weights, and name has it, too."""
    name = executable.name
    return (name[:-4] if name.lower().endswith(".exe") else name) + ENDING


def find(executable: Path, wanted: Sidecar) -> Path:
    """Return the sidecar of `executable`: of its name or as it was packed, else any file beside it that says to be it.

    Header and size are read, no more. Raises: SidecarMissing; PayloadDamaged if it is cut or another one.
    """
    wrong: PayloadDamaged | None = None
    for place in dict.fromkeys((executable, executable.resolve())):  # where a link lies, and where it leads
        named = [place.with_name(name) for name in dict.fromkeys((name_for(place), wanted.name))]
        for path in (*named, *_others(place.parent, {path.name for path in named})):
            problem = mismatch(path, wanted)
            if not problem:
                return path
            if path in named and wrong is None and path.exists():
                wrong = PayloadDamaged(path, problem)
    raise wrong or SidecarMissing(executable, wanted.name)


def mismatch(path: Path, wanted: Sidecar) -> str:
    """Why `path` is not the sidecar that is wanted; empty if it is."""
    try:
        with path.open("rb") as file:
            header = Header.unpack(file.read(HEADER_BYTES))
            size = file.seek(0, os.SEEK_END)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if header.identity != wanted.identity:
        return "it holds other weights than those of this executable"
    if size != wanted.size:
        return f"it has {size:,} of {wanted.size:,} bytes"
    return "" if header.size == size else "its header was changed"


def _others(folder: Path, known: set[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(ENDING) and entry.name not in known]
    except OSError:
        return
    yield from (folder / name for name in sorted(names)[:MAX_OTHERS])
