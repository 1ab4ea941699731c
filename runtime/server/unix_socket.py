"""Listens on a Unix socket: a path that only its owner's programs can connect to.

The socket of a server that was killed is taken over; one that somebody still listens on is in use,
and anything else at the path is left alone. Its mode is 0600 from the first moment on.
"""

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import CannotListen, PortInUse

PREFIX = "unix:"
SUFFIX = ".sock"
FOR_THE_OWNER = 0o177
PROBE_S = 1.0


def is_unix(host: str) -> bool:
    """Whether `--host` names a path: `unix:PATH`, or any that ends in .sock."""
    return host.startswith(PREFIX) or host.endswith(SUFFIX)


def socket_path(host: str) -> Path:
    """The path that `--host` names."""
    return Path(host.removeprefix(PREFIX)).absolute()


def open_unix(path: Path, backlog: int) -> socket.socket:
    """Listen there. Raises: PortInUse, CannotListen."""
    if sys.platform == "win32":
        raise CannotListen(str(path), 0, "Python has no Unix sockets on Windows")
    _take_over(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(FOR_THE_OWNER)  # no other thread is there yet
    try:
        sock.setblocking(False)
        sock.bind(str(path))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(str(path), 0) from error
        # Linux says nothing else of a path beyond its 107 bytes.
        happened = os.strerror(error.errno) if error.errno else "the path is too long for a socket"
        raise CannotListen(str(path), 0, happened) from error
    finally:
        os.umask(before)
    return sock


def paths_of(sockets: Iterable[socket.socket]) -> list[Path]:
    """Where the Unix sockets among them lie."""
    if sys.platform == "win32":
        return []
    return [Path(sock.getsockname()) for sock in sockets if sock.family == socket.AF_UNIX]


def _take_over(path: Path) -> None:
    """Remove a socket that nobody listens on any more."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # nothing is there, or bind says what is wrong
    if not stat.S_ISSOCK(mode):
        raise CannotListen(str(path), 0, "something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return  # its listener is busy; bind says that it is in use
