"""Writes llamafiles as llamafile's own zipalign does: a program in front, members stored at multiples of 64 KiB."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

ALIGNMENT = 1 << 16
PROGRAM = b"MZqFpD='\n" + b"\x7fELF would follow\n" + bytes(10_000)
"""How an Actually Portable Executable begins: for Windows a program, for a shell a script."""

_LOCAL_BYTES = 30
_PADDING_ID = 0xD935


def llamafile(path: Path, members: Mapping[str, bytes], alignment: int = ALIGNMENT, compress: int = 0) -> Path:
    """Write `path`; what is called `.gguf` is aligned by an extra field, the rest follows as it comes."""
    with path.open("wb") as file:
        file.write(PROGRAM)
        with zipfile.ZipFile(file, "a") as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
                info.compress_type = compress
                if name.endswith(".gguf") and alignment > 1:
                    info.extra = _padding(file.tell() + _LOCAL_BYTES + len(name.encode()), alignment)
                archive.writestr(info, data)
    return path


def _padding(position: int, alignment: int) -> bytes:
    """An extra field of the length that puts what follows it at a multiple of `alignment`; 4 bytes at least."""
    size = -position % alignment
    return _PADDING_ID.to_bytes(2, "little") + (size - 4).to_bytes(2, "little") + bytes(size - 4) if size > 3 else b""
