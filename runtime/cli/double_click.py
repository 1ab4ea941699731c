"""One program for many double clicks: the second one finds the first, and opens the browser on it.

Who holds the lock is the first, and writes down where it listens. Who does not get it asks at that address for the
instance that stands beside it, since a record may be left over and a port be somebody else's by now. The
system frees the lock of a program that was killed. Both files lie in the cache, which is this user's alone.

Not with --port or --server (who names a port wants that one), nor on a Unix socket, which no browser opens.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from pathlib import Path

from runtime.cli.flags import Options
from runtime.console import Console
from runtime.payload import Payload
from runtime.server.unix_socket import is_unix

FOLDER = "running"
PATIENCE_S = 15.0
"""For a first one that is just starting or ending; longer, and this one serves by itself."""
ASK_S = 2.0
PAUSE_S = 0.05
MAX_RECORD_BYTES = 4096
MAX_CARD_BYTES = 1 << 20


class Seat:
    """Being the first: the lock, and the record of where it listens."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # of one that was killed

    def tell(self, url: str, instance: str) -> None:
        """Let those who come later find this program; where nothing can be written they wait, and serve themselves."""
        stage = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            stage.unlink(missing_ok=True)
            record = os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(record, "w", encoding="utf-8") as file:
                json.dump({"url": url, "instance": instance}, file)
            stage.replace(self._path)

    def leave(self) -> None:
        """Remove what was written, and let somebody else be the first. Idempotent."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            for path in (self._path, _lock_of(self._path)):
                with contextlib.suppress(OSError):  # Windows removes nothing that is open: the lock stays there, empty
                    path.unlink(missing_ok=True)
            os.close(lock)


class Found:
    """`seat`: this is the first. `url`: another is, there. Neither: nobody can say, and this one serves by itself."""

    def __init__(self, seat: Seat | None = None, url: str = "") -> None:
        self.seat = seat
        self.url = url

    def tell(self, url: str, instance: str) -> None:
        """Let those who come later find this one, if it is the first."""
        if self.seat:
            self.seat.tell(url, instance)

    def leave(self) -> None:
        """Be the first no longer."""
        if self.seat:
            self.seat.leave()


def is_double_click(options: Options) -> bool:
    """Whether nothing was asked for but the page in a browser."""
    return not (options.server or options.nobrowser or options.chat or options.prompt is not None)


def find(options: Options, payload: Payload | None) -> Found:
    """Be the first of this executable with these flags, or find it."""
    root = os.environ.get("LMFILE_CACHE_DIR")
    if payload is None or root is None or not is_double_click(options) or _has_place(options):
        return Found()
    try:
        path = Path(root) / FOLDER / f"{_name(options, payload)}.json"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return _first_or_other(path)
    except OSError:
        return Found()


def show(url: str, console: Console) -> int:
    """Open the page of the one that runs; return the exit code."""
    from runtime.cli.browser import open_browser  # 4 ms that the first one pays while its worker is being started

    console.note(f"already running: {url}")
    if not open_browser(url):
        console.note(f"open {url} in a browser to chat")
    return 0


def _has_place(options: Options) -> bool:
    """Whether it was said where to listen: on one port, on a path, on what systemd hands over."""
    return "port" in vars(options) or "LISTEN_FDS" in os.environ or any(map(is_unix, options.host.split(",")))


def _name(options: Options, payload: Payload) -> str:
    """The same for the same file, flags and key, started in the same place if there are flags to be read there."""
    status = payload.path.stat()
    flags = sorted(vars(options).items())
    facts = [str(payload.path.resolve()), status.st_size, status.st_mtime_ns, flags, os.environ.get("LMFILE_API_KEY")]
    return hashlib.sha256(repr([*facts, Path.cwd() if flags else ""]).encode("utf-8", "replace")).hexdigest()[:32]


def _first_or_other(path: Path) -> Found:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        lock = _take(_lock_of(path))
        if lock is not None:
            return Found(seat=Seat(path, lock))
        url = _answering(path)
        if url or time.monotonic() > deadline:
            return Found(url=url)
        time.sleep(PAUSE_S)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _take(path: Path) -> int | None:
    """The lock, open; None while somebody else has it. Raises: OSError."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock_now(lock)
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        except FileNotFoundError:
            pass  # whoever had it has just removed it: it is nobody's lock any more
        except (BlockingIOError, PermissionError):
            os.close(lock)
            return None
        os.close(lock)


def _lock_now(lock: int) -> None:
    """Raises: BlockingIOError or PermissionError while somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _answering(path: Path) -> str:
    """Where the recorded program listens, if it is the one that answers there."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.read(MAX_RECORD_BYTES))
        url, instance = str(record["url"]), str(record["instance"])
        return url if _instance_at(url) == instance else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _instance_at(url: str) -> object:
    """What answers at `url` calls itself. Raises: OSError, ValueError, KeyError, TypeError.

    A certificate is not checked: nothing is told but a path, and the instance is compared.
    """
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        import ssl

        unchecked = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=ASK_S, context=unchecked)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=ASK_S)
    try:
        connection.request("GET", f"{parts.path}/assistant")
        return json.loads(connection.getresponse().read(MAX_CARD_BYTES))["instance"]
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
