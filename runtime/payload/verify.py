"""Holds every byte of an executable against what its manifest says.

The file is cut into pieces that touch: launcher, then for each member the padding in front
(zeros), the local header (rebuilt from the central directory) and the data, up to the
tail, which `Payload.open` has checked. Each piece has one sha256, so no byte is outside of
a hash. A whole executable is read once, at the speed of sha256.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from runtime.payload.footer import FOOTER_BYTES
from runtime.payload.manifest import MANIFEST_NAME
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
    with payload.path.open("rb") as file:
        return [
            Finding(piece.part, piece.offset, f"differs from what was packed (within {piece.size} bytes)")
            for piece in pieces
            if _digest(file, piece, lambda done: progress(payload.path.name, done, payload.size_bytes)) != piece.sha256
        ]


def _directory(payload: Payload) -> list[Entry]:
    """The entries of the central directory, which must be the manifest's members and nothing else."""
    footer = payload.footer
    data = payload.tail[footer.manifest_size :]
    entries = list(central_entries(data))
    central = b"".join(entry.central() for entry in entries)
    start = footer.manifest_offset + footer.manifest_size
    if data != central + end_records(len(entries), start, len(central), FOOTER_BYTES):
        raise ValueError("the zip's directory has a form that lmfile does not write")
    listed = [(entry.name, entry.data_offset(), entry.size) for entry in entries]
    members = [(member.path, member.offset, member.size) for member in payload.manifest.members]
    if listed != [*members, (MANIFEST_NAME, footer.manifest_offset, footer.manifest_size)]:
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
        yield Piece(f"padding before {entry.name}", end, padding, hashlib.sha256(bytes(padding)).hexdigest())
        header = entry.local()
        yield Piece(f"header of {entry.name}", entry.offset, len(header), hashlib.sha256(header).hexdigest())
        if entry.name in data:
            yield Piece(entry.name, entry.data_offset(), entry.size, data[entry.name])
        end = entry.data_offset() + entry.size
    yield Piece("app members", *payload.manifest.app)


def _digest(file: BinaryIO, piece: Piece, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    file.seek(piece.offset)
    left = piece.size
    while left and (chunk := file.read(min(CHUNK_BYTES, left))):
        digest.update(chunk)
        left -= len(chunk)
        progress(piece.offset + piece.size - left)
    return digest.hexdigest()
