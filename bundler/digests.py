"""Remembers the digests of files that have not changed, as git's index does.

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
from pathlib import Path
from typing import NamedTuple

from bundler import store

MIN_AGE_NS = 2_000_000_000


class Digests(NamedTuple):
    """`sha256` in hex."""

    sha256: str
    crc32: int


def signature(status: os.stat_result) -> list[int]:
    """What changes when a file's content does."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


def known(path: Path) -> Digests | None:
    """The digests of `path` if they were remembered and it has not changed since."""
    try:
        record = json.loads(_record(path).read_bytes())
    except (OSError, ValueError):
        return None
    if record.get("signature") != signature(path.stat()):
        return None
    return Digests(record["sha256"], record["crc32"])


def remember(path: Path, status: os.stat_result, digests: Digests) -> None:
    """Record `digests` for `path` as it was at `status`."""
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < MIN_AGE_NS:
        return
    record = {"path": str(path.absolute()), "signature": signature(status), **digests._asdict()}
    with store.staging_file(_record(path)) as part:
        part.write_text(json.dumps(record), encoding="utf-8")


def _record(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]
    return store.cache_dir("digests") / f"{name}.json"
