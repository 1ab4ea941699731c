"""Writes what a member holds, whatever it comes from, and learns its digests without reading it twice.

What is known is not hashed: a range whose finder knows its digests, or files that have not
changed since somebody hashed the same bytes of them (bundler/digests.py).
"""

import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from bundler import copying, digests
from bundler.content import Content, Piece, Slice, pieces
from bundler.copying import Advance
from bundler.digests import Digests
from runtime.errors import BuildFailed


def put(file: BinaryIO, content: Content, advance: Advance) -> Digests:
    """Append `content` to the unbuffered `file`, calling `advance` with the bytes done; -> its digests.

    Raises: OSError; BuildFailed if an input is changed meanwhile.
    """
    if isinstance(content, bytes):
        write(file, content)
        return _of_bytes(content)
    row = pieces(content)
    before = _statuses(row)
    found = _known(content, row)
    running = copying.Running()
    _append(file, row, None if found else running, advance)
    _check_unchanged(before)
    if found is None:
        found = running.digests()
        digests.remember_row(_ranges(row), before, found)
    return found


def digests_of(content: Content, advance: Advance) -> Digests:
    """The digests of `content`, read only where nobody knows them, and remembered. Raises: OSError; BuildFailed."""
    if isinstance(content, bytes):
        return _of_bytes(content)
    row = pieces(content)
    if found := _known(content, row):
        return found
    before, running, begin = _statuses(row), copying.Running(), 0
    for piece in row:
        if isinstance(piece, bytes):
            running.update(piece)
            begin += len(piece)
        else:
            copying.read(piece.path, piece.offset, piece.size, running, copying.shifted(advance, begin))
            begin += piece.size
    _check_unchanged(before)
    digests.remember_row(_ranges(row), before, running.digests())
    return running.digests()


def write(file: BinaryIO, data: bytes) -> None:
    """Write all of `data` to the unbuffered `file`."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _append(file: BinaryIO, row: Sequence[Piece], running: copying.Running | None, advance: Advance) -> None:
    begin = 0
    for piece in row:
        if isinstance(piece, bytes):
            write(file, piece)
            if running:
                running.update(piece)
            begin += len(piece)
            continue
        try:
            copying.append(piece.path, piece.offset, piece.size, file, running, copying.shifted(advance, begin))
        except EOFError as error:
            raise _changed(piece.path) from error
        begin += piece.size
    advance(begin)


def _known(content: Content, row: Sequence[Piece]) -> Digests | None:
    if isinstance(content, Slice) and content.digests:
        return content.digests
    return digests.known_row(_ranges(row))


def _ranges(row: Sequence[Piece]) -> list[bytes | digests.Range]:
    return [piece if isinstance(piece, bytes) else (piece.path, piece.offset, piece.size) for piece in row]


def _statuses(row: Sequence[Piece]) -> dict[Path, os.stat_result]:
    """The files of a row as they are now. Raises: BuildFailed if one is too short."""
    found: dict[Path, os.stat_result] = {}
    for piece in row:
        if not isinstance(piece, bytes):
            status = found.setdefault(piece.path, piece.path.stat())
            if piece.offset + piece.size > status.st_size:
                raise _changed(piece.path)
    return found


def _check_unchanged(before: Mapping[Path, os.stat_result]) -> None:
    for path, status in before.items():
        if digests.signature(path.stat()) != digests.signature(status):
            raise _changed(path)


def _of_bytes(data: bytes) -> Digests:
    return Digests(hashlib.sha256(data).hexdigest(), zlib.crc32(data))


def _changed(path: Path) -> BuildFailed:
    return BuildFailed("the executable", f"`{path}` was changed while it was copied; try again when it is complete")
