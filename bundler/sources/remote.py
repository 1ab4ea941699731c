"""Brings one file from an address to a path, and goes on where a cut connection or a killed process stopped.

What has come is kept beside the target in `NAME.partial`, under a lock, so that two processes at once fetch once. The
file gets its name only when all its bytes have the hash that was expected; a partial file that turns out wrong is
removed, and asked for once more from its first byte. Servers that know no ranges begin anew.

Limits: 30 s without a byte or 64 KiB in a minute, then 3 tries with waits as long as nothing comes; 10 redirects,
never to plain HTTP; no more bytes than announced, no more than the disk has room for. Proxies as urllib reads them.
"""

import errno
import hashlib
import http.client
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bundler import store
from bundler.sources import web
from bundler.sources.web import Visit
from runtime.errors import CacheBusy, CannotWrite, DiskFull, DownloadFailed

PARTIAL, VALIDATOR = ".partial", ".validator"
WAITS_S = (1.0, 3.0, 10.0)
MAX_WAIT_S = 60.0  # the longest that a server may make us wait before a try
WORTH_BYTES = 1 << 20  # a try that brought so much does not count as failed
WINDOW_S, WINDOW_BYTES = 60.0, 64 << 10
LOCK_TIMEOUT_S = 24 * 3600.0  # 100 GB on a slow line
WATCH_S = 1.0
CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 16 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)

Advance = Callable[[int, int], None]
"""Called with the bytes of the file that are here, and those it has in all, as far as anybody has said."""


class Wanted(NamedTuple):
    """A file at an address. size_bytes: None is not known. digest: in hex; `algorithm` is sha256, or git for the id
    that git gives a file. is_lasting: the address always means these bytes, so no validator has to be kept.
    """

    visit: Visit
    size_bytes: int | None
    digest: str
    algorithm: str = "sha256"
    is_lasting: bool = False


class _Again(Exception):
    """This try ended early; another one may do better, `wait_s` from now."""

    def __init__(self, happened: str, wait_s: float = 0.0) -> None:
        self.wait_s = min(wait_s, MAX_WAIT_S)
        super().__init__(happened)


def bring(wanted: Wanted, target: Path, lock: Path, advance: Advance) -> None:
    """Make `target` the file that is `wanted`, holding `lock`.

    Raises: DownloadFailed, web.Refused when the server says no, DiskFull, CannotWrite, CacheBusy.
    """
    part = target.with_name(target.name + PARTIAL)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _held(lock, target, wanted, advance):
            if not target.exists():  # else another process brought it meanwhile
                _complete(wanted, part, here_bytes(target) > 0, advance)
                part.replace(target)
                _validator(part).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(part, error) from error


def here_bytes(target: Path) -> int:
    """How many bytes of it an earlier run has left."""
    try:
        return target.with_name(target.name + PARTIAL).stat().st_size
    except OSError:
        return 0


@contextmanager
def _held(lock: Path, target: Path, wanted: Wanted, advance: Advance) -> Iterator[None]:
    """Hold `lock`; as long as another process does, show how far that one is. Raises: CacheBusy."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(store.lock(lock, WATCH_S))
                break
            except CacheBusy:
                if time.monotonic() > deadline:
                    raise
                here = here_bytes(target)
                advance(here, wanted.size_bytes or here)
        yield


def _complete(wanted: Wanted, part: Path, was_begun: bool, advance: Advance) -> None:
    """Fill `part`, and hold it against its digest; one that another run began gets a second chance."""
    for _ in range(2 if was_begun else 1):
        found = _filled(wanted, part, advance)
        if found == wanted.digest:
            return
        part.unlink()
        _validator(part).unlink(missing_ok=True)
    kind = "sha256" if wanted.algorithm == "sha256" else "git's id"
    raise DownloadFailed(
        wanted.visit.shown,
        f"{kind} of what came is {found}, expected {wanted.digest}, so it was removed",
        "check the hash and the address, or ask their publisher",
    )


def _filled(wanted: Wanted, part: Path, advance: Advance) -> str:
    """Fetch until nothing is missing, and return the digest."""
    with part.open("a+b") as file:
        transfer = _Transfer(wanted, file, part, advance)
        failures = 0
        while not transfer.is_complete:
            before = transfer.done
            try:
                transfer.go_on()
            except _Again as error:
                failures = 1 if transfer.done - before >= WORTH_BYTES else failures + 1
                if failures > len(WAITS_S):
                    raise DownloadFailed(wanted.visit.shown, f"{error}, in {failures} tries") from error
                time.sleep(max(WAITS_S[failures - 1], error.wait_s))
        os.fsync(file.fileno())
    return transfer.hexdigest()


class _Transfer:
    """One file on its way: what is here, its hash so far, and how to ask for the rest."""

    def __init__(self, wanted: Wanted, file: BinaryIO, part: Path, advance: Advance) -> None:
        self._wanted = wanted
        self._file = file
        self._part = part
        self._advance = advance
        self._total = wanted.size_bytes
        self._ended = False
        self._begin_anew()
        size = os.fstat(file.fileno()).st_size
        if self._total is not None and size > self._total:
            self._file.truncate(0)
        else:
            self._read_what_is_here()
            self._ended = self.hexdigest() == wanted.digest  # a process was killed just before it gave the name

    @property
    def is_complete(self) -> bool:
        return self._ended or self.done == self._total

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def go_on(self) -> None:
        """Ask for what is missing and take what comes. Raises: _Again, web.Refused, DownloadFailed, DiskFull."""
        headers = {}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if not self._wanted.is_lasting and (known := _known_validator(self._part)):
                headers["If-Range"] = known
        try:
            with web.get(self._wanted.visit, headers) as answer:
                self._accept(answer)
                self._take(answer)
        except web.Refused as error:
            if error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and self.done:
                self._forget()
                raise _Again("the server has another file than before") from error
            if error.is_passing:
                raise _Again(error.happened, error.wait_s) from error
            raise
        except (http.client.HTTPException, OSError) as error:  # URLError is one
            if getattr(error, "errno", None) in FULL:
                raise DiskFull(self._part) from error
            raise _Again(web.reason(error)) from error

    def _accept(self, answer: http.client.HTTPResponse) -> None:
        """Learn from the head of the answer where its bytes belong, and how many there are in all."""
        offset, total = web.extent(answer)
        if offset not in (0, self.done):
            raise _Again("the server sent another part than was asked for")
        if offset != self.done:
            self._forget()
        if total is not None and self._wanted.size_bytes not in (None, total):
            raise DownloadFailed(
                self._wanted.visit.shown,
                f"the server says it has {total:,} bytes, expected {self._wanted.size_bytes:,}",
                "check the address, and whether the network asks you to log in",
            )
        self._total = self._wanted.size_bytes if total is None else total
        if not self.done and not self._wanted.is_lasting:
            _keep_validator(self._part, answer)
        check_room(self._part, 0 if self._total is None else self._total - self.done)

    def _take(self, answer: http.client.HTTPResponse) -> None:
        window_ends, window_began = time.monotonic() + WINDOW_S, self.done
        while self._total is None or self.done < self._total:
            left = CHUNK_BYTES if self._total is None else min(CHUNK_BYTES, self._total - self.done)
            chunk = answer.read1(left)
            if not chunk:
                break
            self._keep(chunk)
            if time.monotonic() > window_ends:
                if self.done - window_began < WINDOW_BYTES:
                    raise _Again(f"only {self.done - window_began:,} bytes came in {WINDOW_S:.0f} s")
                window_ends, window_began = time.monotonic() + WINDOW_S, self.done
        self._file.flush()
        if self._total is None:
            self._ended = True
        elif self.done < self._total:
            raise _Again(f"the connection ended after {self.done:,} of {self._total:,} bytes")

    def _keep(self, chunk: bytes) -> None:
        try:
            self._file.write(chunk)
            self._file.flush()  # what a killed process has counted is what the next one finds
        except OSError as error:
            if self._total is None:
                self._file.truncate(0)  # nobody said that it would ever end
            raise _unwritable(self._part, error) from error
        self._digest.update(chunk)
        self.done += len(chunk)
        self._advance(self.done, self._total or self.done)

    def _read_what_is_here(self) -> None:
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.done += len(chunk)
            self._advance(self.done, self._total or self.done)

    def _forget(self) -> None:
        self._file.truncate(0)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.done = 0
        self._digest = hashlib.sha256() if self._wanted.algorithm == "sha256" else hashlib.sha1(usedforsecurity=False)
        if self._wanted.algorithm == "git":
            self._digest.update(_git_head(self._wanted.size_bytes or 0))


def check_room(path: Path, needed_bytes: int) -> None:
    """Raises: DiskFull when the file system of `path` has not so much room, and a little for others."""
    free = shutil.disk_usage(path.parent).free
    if free < needed_bytes + RESERVE_BYTES:
        raise DiskFull(path, needed_bytes)


def git_id(data: bytes) -> str:
    """What git calls a file with this content."""
    return hashlib.sha1(_git_head(len(data)) + data, usedforsecurity=False).hexdigest()


def _git_head(size_bytes: int) -> bytes:
    return b"blob %d\0" % size_bytes


def _unwritable(path: Path, error: OSError) -> DiskFull | CannotWrite:
    if error.errno in FULL:
        return DiskFull(path)
    return CannotWrite(path, f"it failed with {error.strerror or type(error).__name__}")


def _validator(part: Path) -> Path:
    return part.with_name(part.name + VALIDATOR)


def _keep_validator(part: Path, answer: http.client.HTTPResponse) -> None:
    """Remember by what the server knows this content: a strong ETag, else when it was changed."""
    etag = answer.headers.get("ETag", "")
    value = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
    _validator(part).write_text(value if value.isprintable() else "", encoding="utf-8")


def _known_validator(part: Path) -> str:
    try:
        return _validator(part).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
