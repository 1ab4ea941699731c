"""Files on their way to a name: beside their place, hidden, and gone if they do not get there."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENDING = ".partial"


@contextmanager
def unfinished(output: Path) -> Iterator[Path]:
    """Yield a path beside `output` for the block to write and rename; what is left there then is removed.

    So is what an earlier process left that had no time to: a kill, a power cut.
    """
    _sweep(output)
    part = output.with_name(f".{output.name}.{os.getpid()}{ENDING}")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _sweep(output: Path) -> None:
    pattern = re.compile(re.escape(f".{output.name}.") + r"(\d{1,10})" + re.escape(ENDING))
    try:
        names = [path.name for path in output.parent.iterdir()]
    except OSError:
        return  # one may write where one may not look
    for name in names:
        found = pattern.fullmatch(name)
        if found and not _is_running(int(found[1])):
            _remove(output.with_name(name))


def _is_running(process: int) -> bool:
    """Whether there is such a process; Windows does not remove a file that somebody writes, so it need not be asked."""
    if sys.platform == "win32" or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # it is somebody's: the next build may have more luck
