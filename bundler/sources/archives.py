"""Weights inside of other executables: the GGUFs of a llamafile or any other zip, and the models of an lmfile.

Nothing is unpacked: a member that is stored as it is can be packed from where it lies. Which one is meant is
`FILE#NAME`, else the main model of an lmfile, what `-m` of a llamafile's `.args` says, or the only one there is.
"""

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from bundler.content import Slice
from bundler.sources import pickles
from bundler.sources.source import Provenance, Source
from bundler.taken import Members
from runtime import gguf
from runtime.errors import ModelNotFound, ModelUnsupported, PayloadDamaged
from runtime.payload import Payload

ARGUMENTS = ".args"
MAX_ARGUMENTS_BYTES = 1 << 20
MAX_DIRECTORY_BYTES = 64 << 20
MAX_NAMED = 8
"""Names in a message."""

_LOCAL = struct.Struct("<4s5H3I2H")
_STORED, _ENCRYPTED = 0, 1
_MODEL_FLAGS = ("-m", "--model")
_INSIDE = "/zip/"
_FALSE = (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, IndexError, OverflowError, struct.error, zlib.error)
"""What the standard library raises for zips that cannot be true."""


class Inside(NamedTuple):
    """A GGUF within a file. name: that of its member; role: what an lmfile says it is for, else empty."""

    name: str
    weights: Slice
    role: str = ""
    license: str | None = None
    provenance: Mapping[str, Any] = {}


def open_archive(path: Path, member: str) -> Source:
    """Return the model `member` of the archive `path`; empty: the one that is meant.

    Raises: ModelNotFound, with the names that there are; ModelInvalid, ModelUnsupported; PayloadDamaged.
    """
    found = inside(path)
    chosen = _named(path, found, member) if member else _meant(path, found)
    file = gguf.read(chosen.weights.path, chosen.weights.offset, chosen.weights.size)
    return Source(chosen.weights, file, PurePosixPath(chosen.name).stem, chosen.license, _provenance(path, chosen))


def inside(path: Path) -> list[Inside]:
    """The GGUFs that could be taken out of `path`. Raises: ModelNotFound, ModelUnsupported, PayloadDamaged."""
    try:
        return _of_payload(Payload.open(path))
    except PayloadDamaged as damaged:
        found = _of_zip(path, damaged)
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error
    return found


def arguments(path: Path) -> bytes | None:
    """The `.args` of a llamafile; None: it has none. Raises: ModelNotFound, ModelUnsupported."""
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(_Bounded(file)) as archive:
                return _arguments(archive)
        except _FALSE as error:
            raise _not_a_zip(path, error) from error


def _of_payload(payload: Payload) -> list[Inside]:
    """The models of an lmfile, the main one first, with the digests that it knows of them."""
    found, members = [], Members(payload)
    for model in payload.manifest.models:
        if member := payload.member(model.path):
            found.append(Inside(member.path, members.taken(member), model.role, model.license, model.provenance))
    return found


def _of_zip(path: Path, damaged: PayloadDamaged) -> list[Inside]:
    """The members of a zip called `….gguf`, stored as they are and wholly inside of the file."""
    with _opened(path) as file:
        try:
            with zipfile.ZipFile(_Bounded(file)) as archive:
                names = archive.namelist()
                if pickles.is_archive_of_torch(names):
                    raise ModelUnsupported(path, pickles.REASON)
                if "manifest.json" in names and "runtime.tar.zst" in names:
                    raise damaged
                members = [each for each in archive.infolist() if each.filename.lower().endswith(".gguf")]
                return [Inside(each.filename, _place(path, file, archive, each)) for each in members]
        except _FALSE as error:
            raise _not_a_zip(path, error) from error


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


def _provenance(path: Path, chosen: Inside) -> Provenance:
    """What an lmfile tells of its model, which holds for whoever takes it out; else that it was taken out."""
    told = chosen.provenance
    source, revision, files, steps = (told.get(key) for key in ("source", "revision", "files", "steps"))
    if not isinstance(source, str):
        return Provenance(path.name, steps=({"step": "take", "member": chosen.name},))
    return Provenance(
        source=source,
        revision=revision if isinstance(revision, str) else "",
        files={name: str(digest) for name, digest in files.items()} if isinstance(files, dict) else {},
        steps=tuple(step for step in steps if isinstance(step, dict)) if isinstance(steps, list) else (),
    )


def _named(path: Path, found: Sequence[Inside], member: str) -> Inside:
    """By the member's name, by its last part with or without ending, or by its role."""
    for match in (
        lambda each: each.name == member.removeprefix(_INSIDE),
        lambda each: PurePosixPath(each.name).name == member,
        lambda each: PurePosixPath(each.name).stem == member,
        lambda each: each.role == member,
    ):
        fitting = [each for each in found if match(each)]
        if len(fitting) == 1:
            return fitting[0]
    raise ModelNotFound(f"{path}#{member}", f"`{path.name}` holds {_listed(found)} and nothing of that name alone")


def _meant(path: Path, found: Sequence[Inside]) -> Inside:
    if not found:
        raise ModelNotFound(path, "it is an archive without a .gguf file in it")
    if len(found) == 1 or found[0].role:
        return found[0]
    if named := _main_of(arguments(path)):
        return _named(path, found, named)
    models = [each for each in found if not _is_projector(each)]
    if len(models) == 1:
        return models[0]
    raise ModelNotFound(path, f"it holds {_listed(found)}, of which one has to be named as `{path.name}#NAME`")


def _is_projector(each: Inside) -> bool:
    file = gguf.read(each.weights.path, each.weights.offset, each.weights.size)
    return file.text("general.type") == "mmproj" or file.text("general.architecture") == "clip"


def _main_of(data: bytes | None) -> str | None:
    """The model that a llamafile's `.args` names: one argument a line, the last one counts."""
    lines = (data or b"").decode("utf-8", "replace").split("\n")
    named = [value for flag, value in itertools.pairwise(lines) if flag.strip() in _MODEL_FLAGS]
    return named[-1].strip().removeprefix(_INSIDE) if named else None


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


def _listed(found: Sequence[Inside]) -> str:
    names = [f"`{each.name[:100]}`" for each in found[:MAX_NAMED]] or ["no .gguf file"]
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return ", ".join(names) + more


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error


def _not_a_zip(path: Path, error: Exception) -> ModelUnsupported:
    return ModelUnsupported(path, f"it is neither a GGUF nor a sound archive with one ({str(error)[:200]})")


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
