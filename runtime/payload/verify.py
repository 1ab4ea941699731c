"""Holds every byte of an executable, and of its sidecar, against what its manifest says.

The file is cut into pieces that touch: launcher, then for each member the padding in front
(zeros), the local header (rebuilt from the central directory) and the data, up to the
tail, which `Payload.open` has checked; the sidecar into its header, paddings and data. Each
piece has one sha256, so no byte is outside of a hash. All is read once, at the speed of sha256.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from runtime.errors import PayloadDamaged, SidecarMissing
from runtime.payload import sidecar
from runtime.payload.footer import FOOTER_BYTES
from runtime.payload.manifest import MANIFEST_NAME, Sidecar
from runtime.payload.reader import Finding, Payload, Progress
from runtime.payload.records import Entry, central_entries, end_records

CHUNK_BYTES = 1 << 20
ALIGNMENT = 1 << 16  # of a model's data, hence a bound of the padding


class Piece(NamedTuple):
    """`size` bytes at `offset` whose sha256 should be `sha256`."""

    part: str
    offset: int
    size: int
    sha256: str


def verify(payload: Payload, progress: Progress) -> list[Finding]:
    """Return what is wrong, in the order of the file; see Payload.verify."""
    try:
        pieces = list(_pieces(payload, _directory(payload)))
    except ValueError as error:
        return [Finding("central directory", payload.footer.manifest_offset, str(error))]
    found = _check(payload.path, pieces, lambda done: progress(payload.path.name, done, payload.size_bytes))
    return found + (_verify_sidecar(payload, payload.manifest.sidecar, progress) if payload.manifest.sidecar else [])


def _verify_sidecar(payload: Payload, wanted: Sidecar, progress: Progress) -> list[Finding]:
    try:
        path = sidecar.find(payload.path, wanted)
    except SidecarMissing as error:
        return [Finding(wanted.name, 0, error.happened)]
    except PayloadDamaged as error:
        return [Finding(wanted.name, 0, error.reason)]
    found = _check(path, _sidecar_pieces(payload, wanted), lambda done: progress(path.name, done, wanted.size))
    return [finding._replace(part=f"{path.name}: {finding.part}") for finding in found]


def _check(path: Path, pieces: Iterator[Piece] | list[Piece], advance: Callable[[int], None]) -> list[Finding]:
    with path.open("rb") as file:
        return [
            Finding(piece.part, piece.offset, f"differs from what was packed (within {piece.size} bytes)")
            for piece in pieces
            if _digest(file, piece, advance) != piece.sha256
        ]


def _directory(payload: Payload) -> list[Entry]:
    """The entries of the central directory: the manifest's members, the manifest, its signature, and nothing else."""
    footer = payload.footer
    start = footer.manifest_size
    signature = payload.signature_entry()
    behind = [(MANIFEST_NAME, footer.manifest_offset, footer.manifest_size)]
    if signature:
        behind.append((signature.name, signature.data_offset(), signature.size))
        start = signature.data_offset() + signature.size - footer.manifest_offset
    data = payload.tail[start:]
    entries = list(central_entries(data))
    central = b"".join(entry.central() for entry in entries)
    if data != central + end_records(len(entries), footer.manifest_offset + start, len(central), FOOTER_BYTES):
        raise ValueError("the zip's directory has a form that lmfile does not write")
    listed = [(entry.name, entry.data_offset(), entry.size) for entry in entries]
    members = [(member.path, member.offset, member.size) for member in payload.manifest.members if not member.aside]
    if listed != [*members, *behind] or (signature and entries[-1] != signature):
        raise ValueError("the zip's directory and the manifest list different members")
    return entries


def _pieces(payload: Payload, entries: list[Entry]) -> Iterator[Piece]:
    launcher = payload.manifest.launcher
    yield Piece("launcher", 0, launcher.size, launcher.sha256)
    end = launcher.size
    data: dict[str, str] = {member.path: member.sha256 for member in payload.manifest.members}
    for entry in entries:
        padding = entry.offset - end
        if not 0 <= padding < ALIGNMENT:
            raise ValueError(f"`{entry.name}` does not follow the member before it")
        yield _zeros(f"padding before {entry.name}", end, padding)
        header = entry.local()
        yield Piece(f"header of {entry.name}", entry.offset, len(header), hashlib.sha256(header).hexdigest())
        if entry.name in data:
            yield Piece(entry.name, entry.data_offset(), entry.size, data[entry.name])
        end = entry.data_offset() + entry.size
    yield Piece("app members", *payload.manifest.app)


def _sidecar_pieces(payload: Payload, wanted: Sidecar) -> Iterator[Piece]:
    header = sidecar.Header(wanted.size, wanted.identity).pack()
    yield Piece(f"header of {wanted.name}", 0, len(header), hashlib.sha256(header).hexdigest())
    end = len(header)
    for member in payload.manifest.members:
        if member.aside:
            yield _zeros(f"padding before {member.path}", end, member.offset - end)
            yield Piece(member.path, member.offset, member.size, member.sha256)
            end = member.offset + member.size


def _zeros(part: str, offset: int, size: int) -> Piece:
    return Piece(part, offset, size, hashlib.sha256(bytes(size)).hexdigest())


def _digest(file: BinaryIO, piece: Piece, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    file.seek(piece.offset)
    left = piece.size
    while left and (chunk := file.read(min(CHUNK_BYTES, left))):
        digest.update(chunk)
        left -= len(chunk)
        progress(piece.offset + piece.size - left)
    return digest.hexdigest()
