"""Copies bytes from one file into another at the kernel's speed and learns their digests meanwhile.

Linux shares the blocks where the file system can, for which 64 KiB alignment in the executable
is what Btrfs and XFS need; otherwise it copies within the kernel (copy_file_range). Elsewhere,
and between file systems, a buffer is read and written. Holes stay holes. Room is reserved before
it is written, which makes the copy a third faster than `cp` on ext4 and finds a full disk
early. sha256 and crc32 each read the same window on a thread of their own, so that the slowest
of the three sets the pace and the page cache serves all of them, whatever the file's size.
"""

import ctypes
import errno
import hashlib
import os
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO

from bundler.digests import Digests

if sys.platform == "linux":
    import fcntl

WINDOW_BYTES = 32 << 20
BUFFER_BYTES = 1 << 20
BLOCK_BYTES = 4096  # of every file system that shares blocks, but for a few that then refuse
FICLONERANGE = 0x4020940D  # linux/fs.h

Advance = Callable[[int], None]
"""Called with the bytes done."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a write says on a full disk."""

_ELSEWHERE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
"""What copy_file_range says where it cannot: other file systems, old kernels, strict sandboxes."""


class Running:
    """The digests of what was read so far, from one file or from several in a row."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0

    def update(self, data: bytes | memoryview) -> None:
        """Read on."""
        for update in self.updates():
            update(data)

    def updates(self) -> list[Callable[[bytes | memoryview], None]]:
        """The two halves of `update`, which may run at the same time."""
        return [self._sha256.update, self._add]

    def digests(self) -> Digests:
        """Those of all that was read."""
        return Digests(self._sha256.hexdigest(), self._crc32)

    def _add(self, data: bytes | memoryview) -> None:
        self._crc32 = zlib.crc32(data, self._crc32)


def copy(source: Path, offset: int, size: int, target: BinaryIO, known: Digests | None, advance: Advance) -> Digests:
    """Append `size` bytes of `source` from `offset` on to the unbuffered `target`; -> their digests.

    With `known` nothing is hashed. Raises: OSError; EOFError if `source` ends before.
    """
    running = Running()
    append(source, offset, size, target, None if known else running, advance)
    return known or running.digests()


def append(source: Path, offset: int, size: int, target: BinaryIO, running: Running | None, advance: Advance) -> None:
    """Append `size` bytes of `source` from `offset` on to the unbuffered `target`, and to what is `running`.

    Raises: OSError; EOFError if `source` ends before.
    """
    with open(source, "rb", buffering=0) as file:
        file.seek(offset)
        for start in range(0, size, WINDOW_BYTES):
            count = min(WINDOW_BYTES, size - start)
            feeds = _feeds(source, offset + start, count, running)
            _transfer(file, target, count)
            for feed in feeds:
                feed.finish()
            advance(start + count)
    if target.tell() > os.fstat(target.fileno()).st_size:
        target.truncate()  # a hole at the end has moved the position and not the end


def read(source: Path, offset: int, size: int, running: Running, advance: Advance) -> None:
    """Add `size` bytes of `source` from `offset` on to what is `running`, and copy none. Raises: OSError."""
    for start in range(0, size, WINDOW_BYTES):
        count = min(WINDOW_BYTES, size - start)
        for feed in _feeds(source, offset + start, count, running):
            feed.finish()
        advance(start + count)


def shares_blocks(folder: Path) -> bool:
    """Whether a copy within `folder` takes no room and no time, as on Btrfs and XFS. Raises: OSError."""
    with (
        tempfile.NamedTemporaryFile(dir=folder, prefix=".lmfile-", buffering=0) as source,
        tempfile.NamedTemporaryFile(dir=folder, prefix=".lmfile-", buffering=0) as target,
    ):
        source.write(bytes(1 << 16))
        source.seek(0)
        return _share(source.file, target.file, 1 << 16) > 0


def shifted(advance: Advance, begin: int) -> Advance:
    """For the bytes done of something that begins at byte `begin` of a larger one."""
    return lambda done: advance(begin + done)


def _feeds(source: Path, offset: int, count: int, running: Running | None) -> list["_Feed"]:
    return [_Feed(source, offset, count, update) for update in (running.updates() if running else ())]


def _transfer(source: BinaryIO, target: BinaryIO, count: int) -> None:
    count -= _over_hole(source, target, count)
    count -= _share(source, target, count)
    _reserve(target, count)
    while count:
        moved = _within_kernel(source, target, count) or _through_buffer(source, target, count)
        if not moved:
            raise EOFError
        count -= moved


def _share(source: IO[bytes], target: IO[bytes], count: int) -> int:
    """Let both files have the same blocks on the disk, where the file system can; -> for how many bytes.

    copy_file_range would do it, too, behind _reserve, for which there may be no room.
    """
    if sys.platform != "linux":
        return 0
    start, begin = source.tell(), target.tell()
    size = min(count, os.fstat(source.fileno()).st_size - start) // BLOCK_BYTES * BLOCK_BYTES
    if size <= 0 or start % BLOCK_BYTES or begin % BLOCK_BYTES:
        return 0
    try:
        fcntl.ioctl(target.fileno(), FICLONERANGE, struct.pack("=q3Q", source.fileno(), start, size, begin))
    except OSError:
        return 0  # whatever the reason is: if it is one for the copy as well, that says so
    source.seek(start + size)
    target.seek(begin + size)
    return size


def _over_hole(source: BinaryIO, target: BinaryIO, count: int) -> int:
    """Leave a hole where a sparse `source` has one, as `cp` does; -> its size, at most `count`."""
    if not hasattr(os, "SEEK_DATA"):
        return 0
    start = source.tell()
    try:
        data = os.lseek(source.fileno(), start, os.SEEK_DATA)
    except OSError as error:
        data = start + count if error.errno == errno.ENXIO else start  # ENXIO: nothing but hole from here on
    size = min(data - start, count, os.fstat(source.fileno()).st_size - start)
    source.seek(start + size)
    target.seek(size, os.SEEK_CUR)
    return size


def _reserve(target: BinaryIO, count: int) -> None:
    """Have the file system find the room for the next `count` bytes at once, where it can.

    Not os.posix_fallocate: where the file system cannot, that writes a byte into each block.
    """
    if sys.platform == "linux" and count:
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        if fallocate(target.fileno(), 0, ctypes.c_int64(target.tell()), ctypes.c_int64(count)):
            code = ctypes.get_errno()
            if code in NO_ROOM:
                raise OSError(code, os.strerror(code))


def _within_kernel(source: BinaryIO, target: BinaryIO, count: int) -> int:
    if not hasattr(os, "copy_file_range"):
        return 0
    try:
        return os.copy_file_range(source.fileno(), target.fileno(), count)
    except OSError as error:
        if error.errno in _ELSEWHERE:
            return 0
        raise


def _through_buffer(source: BinaryIO, target: BinaryIO, count: int) -> int:
    data = source.read(min(count, BUFFER_BYTES))
    rest = memoryview(data)
    while rest:
        rest = rest[target.write(rest) :]
    return len(data)


class _Feed:
    """Gives a range of a file to `update` on a thread of its own."""

    def __init__(self, source: Path, offset: int, size: int, update: Callable[[bytes | memoryview], None]) -> None:
        self._range = (source, offset, size)
        self._update = update
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until the range was read. Raises: OSError if it could not be."""
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        source, offset, left = self._range
        buffer = memoryview(bytearray(min(BUFFER_BYTES, left)))
        try:
            with open(source, "rb", buffering=0) as file:
                file.seek(offset)
                while left and (count := file.readinto(buffer[:left])):
                    self._update(buffer[:count])
                    left -= count
        except OSError as error:
            self._error = error
