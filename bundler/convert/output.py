"""The file that a command writes: it gets its name when it is complete, and replaces another only if that was said.

Until then it lies in a folder beside it. What a killed run left there is removed by the next one of the same name.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundler import copying, store
from runtime.errors import CannotWrite, DiskFull, UsageError


@contextmanager
def new(target: Path, force: bool) -> Iterator[Path]:
    """Yield where to write what becomes `target`. Raises: UsageError for one that exists; CannotWrite, DiskFull."""
    if target.is_dir():
        raise UsageError(f"Writing `{target}`: it is a directory; name the file to write with -o.")
    if target.exists() and not force:
        raise UsageError(f"Writing `{target}`: the file exists; add --force to replace it.")
    if not target.absolute().parent.is_dir():
        raise CannotWrite(target, "there is no such directory")
    try:
        with store.lock(_lock(target)), _work(target) as work:
            yield work / target.name
            (work / target.name).replace(target)
    except OSError as error:
        if error.errno in copying.NO_ROOM:
            raise DiskFull(target) from error
        raise CannotWrite(
            target, (error.strerror or errno.errorcode.get(error.errno or 0, str(error))).lower()
        ) from error


@contextmanager
def _work(target: Path) -> Iterator[Path]:
    folder = target.absolute().with_name(f".{target.name}.lmfile")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(target: Path) -> Path:
    """Two runs that write the same file do so one after the other."""
    return store.cache_dir("locks") / hashlib.sha256(os.fsencode(target.absolute())).hexdigest()[:32]
