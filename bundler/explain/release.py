"""The facts of finished executables that a publisher tells on the page where people download them."""

import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bundler.console import Console
from bundler.container import digests_of
from bundler.executable import open_executable
from bundler.explain import signing
from bundler.explain.minisign import PublicKey
from runtime.errors import PayloadDamaged, SidecarMissing, SignatureWrong, UsageError
from runtime.payload import Payload
from runtime.payload.sidecar import find

TARGETS = {
    "linux-x86_64": "Linux on x86_64",
    "linux-aarch64": "Linux on ARM64",
    "macos-arm64": "macOS on Apple silicon",
    "macos-x86_64": "macOS on Intel",
    "windows-x86_64": "Windows on x86_64",
    "windows-aarch64": "Windows on ARM64",
}


class Download(NamedTuple):
    """One file to fetch; `url` is empty where no address was given."""

    name: str
    size_bytes: int
    sha256: str
    url: str


class Release(NamedTuple):
    """One executable, with the file of weights beside it if it has one."""

    payload: Payload
    files: tuple[Download, ...]
    signature: signing.Signed | None

    @property
    def target(self) -> str:
        """The system that it runs on."""
        return self.payload.manifest.target

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        manifest = self.payload.manifest
        return {
            "name": manifest.name,
            "version": manifest.version,
            "target": manifest.target,
            "files": [file._asdict() for file in self.files],
            "signature": self.signature and self.signature._asdict(),
        }


def releases(paths: Sequence[Path], url: str, key: PublicKey | None, console: Console) -> list[Release]:
    """Open and hash the executables `paths`; the result is in the order of TARGETS.

    url: where they will lie. key: what all of them must be signed with. Raises: UsageError, PayloadDamaged,
    SignatureWrong.
    """
    base = _base(url)
    found = [_release(path, base, key, console) for path in paths]
    names = [file.name for release in found for file in release.files]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Describing `{name}`: two files are called so; a page needs a name for each.")
    order = list(TARGETS)
    return sorted(found, key=lambda one: (order.index(one.target) if one.target in order else len(order), one.target))


def _base(url: str) -> str:
    """The folder of the downloads. Raises: UsageError."""
    if not url:
        return ""
    try:
        parts = urllib.parse.urlsplit(url)
        is_one = parts.scheme in ("https", "http") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        is_one = False
    if not is_one or not url.isprintable() or set(url) & set(" \"'<>\\^`{|}"):
        raise UsageError("Reading the command line: --url takes the address of a folder, as https://example.org/files.")
    return url.rstrip("/") + "/"


def _release(path: Path, base: str, key: PublicKey | None, console: Console) -> Release:
    payload = open_executable(path)
    if key and (problem := signing.checked(payload, key).problem):
        raise SignatureWrong(path, problem)
    paths = [path]
    if payload.manifest.sidecar:
        try:
            paths.append(find(path, payload.manifest.sidecar))
        except (SidecarMissing, PayloadDamaged) as error:
            raise UsageError(f"Describing `{path}`: {error}") from error
    return Release(payload, tuple(_download(each, base, console) for each in paths), signing.signed(payload))


def _download(path: Path, base: str, console: Console) -> Download:
    name, size = path.name, path.stat().st_size
    if not name.isprintable():
        raise UsageError(f"Describing `{name!a}`: no page can show its name; rename it.")
    sha256 = digests_of(path, lambda done: console.progress(f"hashing {name}", done, size)).sha256
    return Download(name, size, sha256, base + urllib.parse.quote(name) if base else "")
