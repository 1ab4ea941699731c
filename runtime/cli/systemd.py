"""What systemd hands over, listening sockets, and what it is told: that the model is ready, or that the end has begun.

Both are environment variables and plain sockets (sd_listen_fds(3), sd_notify(3)); without them all
of this does nothing. "Ready" is said when the model is loaded: what is started after this service
may use it then. Connections are taken before, and are answered that it is loading.
"""

import contextlib
import os
import socket
import sys
from collections.abc import MutableMapping

from runtime.errors import CannotListen

FIRST_FD = 3
EXTEND_S = 30
"""A load may take longer than the 90 seconds that systemd waits for a start: it asks for more as long as it goes on."""


def inherited_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets of the unit's `.socket` file; none when this was not started so.

    Takes the variables away, so that no child takes them as its own. Raises: CannotListen for what is no such socket.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if sys.platform == "win32" or pid != str(os.getpid()) or not count.isdigit():
        return []
    return [_adopted(FIRST_FD + number) for number in range(int(count))]


def _adopted(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotListen(f"fd {fd}", 0, "what was handed over is no socket") from error
    if not listens or sock.type != socket.SOCK_STREAM:
        raise CannotListen(f"fd {fd}", 0, "the socket that was handed over does not listen for streams")
    sock.set_inheritable(False)
    sock.setblocking(False)
    return sock


class Notifier:
    """Tells systemd how the service is; nobody else listens."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        path = environ.pop("NOTIFY_SOCKET", "")
        # An abstract address is written with @ for the NUL that it begins with.
        self._address = "\0" + path[1:] if path.startswith("@") else path

    def __bool__(self) -> bool:
        return bool(self._address) and sys.platform != "win32"

    def loading(self, share: float) -> None:
        """The model is being loaded."""
        self._tell(f"STATUS=loading the model: {share:.0%}\nEXTEND_TIMEOUT_USEC={EXTEND_S * 1_000_000}")

    def ready(self, status: str) -> None:
        """The model is loaded."""
        self._tell(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1\nSTATUS=finishing the answers that are being written")

    def _tell(self, message: str) -> None:
        if not self:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message.encode(), self._address)
