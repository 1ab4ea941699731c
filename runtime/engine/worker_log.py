"""The file that takes what a worker writes: it has no name and ends with the last process that holds it.

Native code says there why it refuses a model, and its last words when it dies. Both the
front and the worker can read it, at any place and without a second thread.
"""

import os
import sys
from contextlib import suppress

STANDARD_ERROR = 2
"""Where the worker holds it."""

TAIL_BYTES = 1 << 20


def create() -> int:
    """Open a new one; what is written goes to its end. Raises: OSError."""
    if sys.platform == "linux":
        with suppress(OSError):
            return _in_memory()
    import tempfile  # 10 ms of a start, where nothing else will do

    with tempfile.TemporaryFile("a+b") as temporary:
        return os.dup(temporary.fileno())


def tail(file: int, n_bytes: int = TAIL_BYTES) -> str:
    """Return its last `n_bytes`; nothing when it is a terminal or a pipe instead."""
    try:
        start = max(0, os.fstat(file).st_size - n_bytes)
        if sys.platform == "win32":
            os.lseek(file, start, os.SEEK_SET)
            data = os.read(file, n_bytes)
        else:
            data = os.pread(file, n_bytes, start)
    except OSError:
        return ""
    return data.decode("utf-8", "replace")


def empty(file: int) -> None:
    """Forget what was written so far: a good load leaves 200 KB."""
    try:
        os.ftruncate(file, 0)
    except OSError:
        return  # a terminal


if sys.platform == "linux":

    def _in_memory() -> int:
        """A file that never had a name. Raises: OSError where /dev/shm is missing or another kind of file system."""
        if hasattr(os, "memfd_create"):
            import fcntl

            file = os.memfd_create("lmfile-worker-log")
            fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
            return file
        # A portable CPython is built for systems that are older than memfd_create.
        return os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR | os.O_APPEND, 0o600)
