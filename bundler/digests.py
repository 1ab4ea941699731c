"""Remembers the digests of files, or of ranges of them in a row, that have not changed, as git's index does.

Hashing a model takes longer than copying it (2 GB/s against 4), and the same model is packed
again and again. A record holds for a path as long as size, both times, inode and device
are the same. A file younger than two seconds is not recorded: a second change within
the clock's grain would go unseen. A wrong record cannot go unseen either: the
executable would fail `lmfile verify`.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bundler import store

MIN_AGE_NS = 2_000_000_000

Range = tuple[Path, int, int]
"""A file, and offset and size in it, in bytes."""


class Digests(NamedTuple):
    """`sha256` in hex."""

    sha256: str
    crc32: int


def signature(status: os.stat_result) -> list[int]:
    """What changes when a file's content does."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


def known(path: Path) -> Digests | None:
    """The digests of `path` if they were remembered and it has not changed since."""
    return known_row([(path, 0, path.stat().st_size)])


def remember(path: Path, status: os.stat_result, digests: Digests) -> None:
    """Record `digests` for `path` as it was at `status`."""
    remember_row([(path, 0, status.st_size)], {path: status}, digests)


def known_row(row: Sequence[bytes | Range]) -> Digests | None:
    """The digests of what `row` says, if they were remembered and none of its files has changed since."""
    try:
        record = json.loads(_record(row).read_bytes())
        now = {path: path.stat() for path in _files(row)}
    except (OSError, ValueError):
        return None
    if record.get("signatures") != _signatures(row, now):
        return None
    return Digests(record["sha256"], record["crc32"])


def remember_row(row: Sequence[bytes | Range], statuses: Mapping[Path, os.stat_result], digests: Digests) -> None:
    """Record `digests` for `row`, whose files were as `statuses` says."""
    youngest = max((max(status.st_mtime_ns, status.st_ctime_ns) for status in statuses.values()), default=0)
    if time.time_ns() - youngest < MIN_AGE_NS:
        return
    record = {"signatures": _signatures(row, statuses), **digests._asdict()}
    with store.staging_file(_record(row)) as part:
        part.write_text(json.dumps(record), encoding="utf-8")


def _files(row: Sequence[bytes | Range]) -> list[Path]:
    return [piece[0] for piece in row if not isinstance(piece, bytes)]


def _signatures(row: Sequence[bytes | Range], statuses: Mapping[Path, os.stat_result]) -> list[list[int]]:
    return [signature(statuses[path]) for path in _files(row)]


def _record(row: Sequence[bytes | Range]) -> Path:
    digest = hashlib.sha256()
    for piece in row:
        if isinstance(piece, bytes):
            digest.update(b"bytes" + hashlib.sha256(piece).digest())
        else:
            path, offset, size = piece
            digest.update(b"file\0%s\0%d %d\0" % (os.fsencode(path.absolute()), offset, size))
    return store.cache_dir("digests") / f"{digest.hexdigest()[:32]}.json"
