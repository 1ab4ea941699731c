"""Brings one pinned file of the Python package index into the download cache.

A file is named by project, file name and sha256 (build/pins/). pip is not used
for this: for a source archive it would run the archive's own build code only to learn
its metadata. The index is the one pip is configured with (PIP_INDEX_URL), else
pypi.org; both speak the simple repository API (PEP 503).

Invariant: a file in the cache has the pinned sha256; it gets its name only then.
"""

import hashlib
import os
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from bundler import store
from runtime.errors import DownloadFailed

PUBLIC_INDEX = "https://pypi.org/simple"
TIMEOUT_S = 60
TRIES = 3
CHUNK_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]
"""Called with (what, bytes done, bytes in all)."""


def quiet(_what: str, _done: int, _total: int) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True)
class Pin:
    """One file of the index; `size` in bytes."""

    project: str
    filename: str
    sha256: str
    size: int


@cache
def pins() -> dict[str, Pin]:
    """All pins by their key in build/pins/*.toml."""
    files = sorted((store.build_dir() / "pins").glob("*.toml"))
    tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return {key: Pin(**fields) for table in tables for key, fields in table.items()}


def fetch(pin: Pin, progress: Progress = quiet) -> Path:
    """Return the file of `pin` in the download cache, fetching it if it is not there.

    Raises: DownloadFailed when the index does not have it, the network fails three
    times, or the bytes are not the pinned ones.
    """
    target = store.cache_dir("downloads") / pin.sha256[:16] / pin.filename
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(target.parent / "lock"):
        if target.exists():
            return target
        with store.staging_file(target) as part:
            _download(pin, part, progress)
    return target


def links(project: str) -> list[str]:
    """The addresses of all files of a project; each ends with `#sha256=…`.

    Raises: OSError when the index does not answer.
    """
    page = f"{os.environ.get('PIP_INDEX_URL', PUBLIC_INDEX).rstrip('/')}/{project}/"
    with urllib.request.urlopen(page, timeout=TIMEOUT_S) as answer:
        parser = _Links()
        parser.feed(answer.read().decode("utf-8", "replace"))
    return [urllib.parse.urljoin(page, href) for href in parser.hrefs]


def filename(address: str) -> str:
    """The name of the file at `address`."""
    return urllib.parse.unquote(urllib.parse.urlsplit(address).path.rsplit("/", 1)[-1])


def _download(pin: Pin, part: Path, progress: Progress) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            _stream(_address(pin), pin, part, progress)
            return
        except (OSError, urllib.error.URLError) as error:
            if attempt == TRIES:
                raise DownloadFailed(pin.filename, str(error)) from error


def _stream(address: str, pin: Pin, part: Path, progress: Progress) -> None:
    digest = hashlib.sha256()
    done = 0
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, part.open("wb") as out:
        while chunk := answer.read(CHUNK_BYTES):
            digest.update(chunk)
            out.write(chunk)
            done += len(chunk)
            progress(pin.filename, done, pin.size)
            if done > pin.size:
                break
    if digest.hexdigest() != pin.sha256:
        raise DownloadFailed(
            pin.filename, f"sha256 is {digest.hexdigest()}, expected {pin.sha256} (bytes {done} of {pin.size})"
        )


def _address(pin: Pin) -> str:
    for address in links(pin.project):
        if filename(address) == pin.filename:
            return address
    raise DownloadFailed(pin.filename, f"the index has no such file of `{pin.project}`")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
