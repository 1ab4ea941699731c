"""The builder's cache: directories named by recipe hash, each made exactly once.

Layout under the cache root (LMFILE_CACHE, else the platform's user cache):

    downloads/   pinned files of the package index
    engine/ python/ launcher/ images/ models/ …   one directory per recipe hash

Invariant: a published path is complete. Work happens in a staging path beside it, under
an exclusive lock, and a rename publishes it; a killed build leaves a staging path
that the next one under the same lock removes.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import CacheBusy

LOCK_TIMEOUT_S = 3600  # a cold engine build on a slow machine
LOCK_POLL_S = 0.2


def project_dir() -> Path:
    """The directory that holds bundler/, runtime/, webui/ and build/."""
    return Path(__file__).resolve().parent.parent


def build_dir() -> Path:
    """The recipes: build/ of the checkout, or its copy inside the installed package."""
    packaged = Path(__file__).resolve().parent / "_share" / "build"
    return packaged if packaged.is_dir() else project_dir() / "build"


def cache_dir(kind: str) -> Path:
    """The cache directory of one kind of artefact, created on demand."""
    root = _cache_root()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)  # the launcher refuses one that others can write to
    path = root / kind
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def recipe_hash(*ingredients: object) -> str:
    """64 hex digits over everything that decides an artefact's bytes.

    Paths stand for the content of the file; anything else must be JSON.
    """
    digest = hashlib.sha256()
    for ingredient in ingredients:
        is_path = isinstance(ingredient, Path)
        data = ingredient.read_bytes() if isinstance(ingredient, Path) else _canonical(ingredient)
        digest.update(b"%d %d\n" % (is_path, len(data)))
        digest.update(data)
    return digest.hexdigest()


def once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return `<cache>/<kind>/<key>`, calling `make(staging directory)` if it is not there yet."""
    target = cache_dir(kind) / key
    if target.is_dir():
        return target
    with lock(target.with_name(key + ".lock")):
        if target.is_dir():
            return target
        staging = target.with_name(key + ".partial")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            make(staging)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)  # of one that failed or was ended; a gigabyte, perhaps
    return target


@contextmanager
def staging_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` if the block succeeds."""
    part = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def lock(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel releases it if the process dies.

    Raises: CacheBusy after `timeout_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        deadline = time.monotonic() + timeout_s
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise CacheBusy(
                    f"Waiting for `{path}`: another build has held it for {timeout_s:.0f} s; "
                    f"end that build and try again."
                )
            time.sleep(LOCK_POLL_S)
        yield


def _cache_root() -> Path:
    if chosen := os.environ.get("LMFILE_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "lmfile"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lmfile"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache") / "lmfile"


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
