"""Finds the GGUFs of a zip, be it a file of its own or the end of a program, and trusts nothing that it says of itself.

The standard library reads the directory. Where a member's bytes lie, and that they lie within the file, is checked
here; so is the size of what is read into memory.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from bundler.content import Slice
from bundler.sources import pickles
from runtime.errors import ModelNotFound, ModelUnsupported
from runtime.payload import MANIFEST_NAME, RUNTIME_NAME

ARGUMENTS = ".args"
MAX_ARGUMENTS_BYTES = 1 << 20
MAX_DIRECTORY_BYTES = 64 << 20

_LOCAL = struct.Struct("<4s5H3I2H")
_STORED, _ENCRYPTED = 0, 1
_FALSE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, ValueError, RuntimeError, EOFError, IndexError, OverflowError),
    OSError,
)
"""What the standard library raises for zips that cannot be true."""

Found = TypeVar("Found")


def weights(path: Path) -> dict[str, Slice] | None:
    """The members of `path` called `….gguf`, each stored as it is; None: it is an lmfile, or was one.

    Raises: ModelNotFound, ModelUnsupported.
    """

    def read(file: BinaryIO, archive: zipfile.ZipFile) -> dict[str, Slice] | None:
        names = archive.namelist()
        if pickles.is_archive_of_torch(names):
            raise ModelUnsupported(path, pickles.REASON)
        if MANIFEST_NAME in names and RUNTIME_NAME in names:
            return None
        members = [each for each in archive.infolist() if each.filename.lower().endswith(".gguf")]
        return {each.filename: _place(path, file, archive, each) for each in members}

    return _read(path, read)


def arguments(path: Path) -> bytes | None:
    """The `.args` of a llamafile; None: it has none. Raises: ModelNotFound, ModelUnsupported."""
    return _read(path, lambda _file, archive: _arguments(archive))


def _read(path: Path, read: Callable[[BinaryIO, zipfile.ZipFile], Found]) -> Found:
    """What `read` finds in the zip `path`, its failures as ours."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error
    with file:
        try:
            with zipfile.ZipFile(_Bounded(file)) as archive:
                return read(file, archive)
        except _FALSE as error:
            reason = f"it is neither a GGUF nor a sound archive with one ({str(error)[:200]})"
            raise ModelUnsupported(path, reason) from error


def _place(path: Path, file: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Slice:
    """Where the bytes of `member` lie: behind its local header, whose lengths are not those of the directory."""
    named = f"its member `{member.filename[:100]}`"
    if member.flag_bits & _ENCRYPTED:
        raise ModelUnsupported(path, f"{named} is encrypted; take it out and name the file")
    if member.compress_type != _STORED or member.compress_size != member.file_size:
        raise ModelUnsupported(path, f"{named} is compressed; take it out and name the file")
    file.seek(max(member.header_offset, 0))
    header = file.read(_LOCAL.size)
    if member.header_offset < 0 or len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
        raise ValueError(f"{named} is not where its directory says")
    offset = member.header_offset + _LOCAL.size + sum(_LOCAL.unpack(header)[-2:])
    if offset + member.file_size > archive.start_dir:
        raise ValueError(f"{named} ends beyond its directory")
    return Slice(path, offset, member.file_size)


def _arguments(archive: zipfile.ZipFile) -> bytes | None:
    if ARGUMENTS not in archive.namelist():
        return None
    if archive.getinfo(ARGUMENTS).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its `{ARGUMENTS}` is compressed in a rare way")
    with archive.open(ARGUMENTS) as file:
        data = file.read(MAX_ARGUMENTS_BYTES + 1)
    if len(data) > MAX_ARGUMENTS_BYTES:
        raise ValueError(f"its `{ARGUMENTS}` is longer than {MAX_ARGUMENTS_BYTES >> 20} MiB")
    return data


class _Bounded(io.RawIOBase):
    """A file that is never read in larger pieces than a zip's directory may be: its size stands in the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = MAX_DIRECTORY_BYTES
        if size > MAX_DIRECTORY_BYTES:
            raise ValueError(f"its directory is longer than {MAX_DIRECTORY_BYTES >> 20} MiB")
        return self._file.read(size)
