"""The file that a command writes: it gets its name when it is complete, and replaces another only if that was said."""

import errno
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
        with store.staging_file(target) as part:
            yield part
    except OSError as error:
        if error.errno in copying.NO_ROOM:
            raise DiskFull(target) from error
        raise CannotWrite(
            target, (error.strerror or errno.errorcode.get(error.errno or 0, str(error))).lower()
        ) from error
