"""What a member will hold: bytes, a whole file, a range of one, or pieces in a row.

A range is how weights are taken out of another executable, and pieces are how a model that
is split over several files is joined, without a second copy on the disk.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.digests import Digests


class Slice(NamedTuple):
    """`size` bytes of the file `path`, from `offset` on; digests: of just these bytes, where somebody knows them."""

    path: Path
    offset: int
    size: int
    digests: Digests | None = None


Piece = bytes | Slice
Content = bytes | Path | Slice | tuple[Piece, ...]


def pieces(content: Content) -> Sequence[Piece]:
    """The same as pieces in a row; a file has its size of now. Raises: OSError."""
    if isinstance(content, Path):
        return (Slice(content, 0, content.stat().st_size),)
    return (content,) if isinstance(content, bytes | Slice) else content


def size_bytes(content: Content) -> int:
    """How long it is, now. Raises: OSError."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces(content))
