"""Weights at an address: `https://…` with the sha256 of the file, which is what makes them these weights.

`#sha256=HEX` after the address gives it, or the recipe's `sha256`. Plain HTTP is for this computer alone. The file is
kept in the builder's download cache under its hash, so a build that has it asks nobody.
"""

import http.client
import re
import urllib.parse
from functools import partial
from pathlib import Path

from bundler import store
from bundler.sources import remote, web
from bundler.sources.source import Located, Progress, Provenance
from bundler.sources.web import Visit
from runtime.errors import DownloadFailed, UsageError

KIND = "downloads"
MAX_NAME = 128

_HASH = re.compile(r"[0-9a-f]{64}")
_ON_A_HUB = re.compile(r"/([\w.-]+/[\w.-]+)/(?:resolve|blob)/([\w.-]+)/(.+)")


def locate(address: str, sha256: str = "") -> Located:
    """Ask how big the file is, if it is not in the cache.

    sha256: in hex; empty: `address` ends with it. Raises: UsageError when none is given, or for an address that
    makes no sense; DownloadFailed when nothing can be had there.
    """
    bare, _, fragment = address.partition("#")
    visit = _visit(bare)
    wanted = _sha256(visit, bare, fragment, sha256)
    target = _target(visit, wanted)
    is_here = target.exists()
    size = target.stat().st_size if is_here else _size_bytes(visit)
    return Located(
        text=visit.shown,
        size_bytes=size,
        is_here=is_here,
        fetch=partial(_fetched, remote.Wanted(visit, None, wanted), target),
        provenance=Provenance(visit.shown, files={target.name: wanted}),
        name=Path(target.name).stem,
    )


def _visit(address: str) -> Visit:
    try:
        visit = web.visit(address)
    except ValueError as error:
        raise UsageError(f"Reading an address: {error}; write it as https://HOST/PATH/FILE.gguf.") from error
    if not address.isascii() or re.search(r"[\s\x00-\x1f]", address):
        raise UsageError(
            f"Reading the address `{visit.shown}`: it has spaces or letters that belong in %XX; encode them."
        )
    if not address.startswith("https://") and not web.is_loopback(address):
        raise UsageError(
            f"Fetching `{visit.shown}`: plain HTTP is only for servers on this computer; use its https:// address."
        )
    return visit


def _sha256(visit: Visit, address: str, fragment: str, given: str) -> str:
    """The one hash that was given. Raises: UsageError when there is none, or two."""
    found = {text.lower() for text in (fragment.removeprefix("sha256="), given) if text}
    if not found:
        hub = _ON_A_HUB.fullmatch(urllib.parse.urlsplit(address).path)
        revision = "" if not hub or hub[2] == "main" else f"@{hub[2]}"
        other = f", or write `hf:{hub[1]}{revision}/{hub[3]}`, whose hash the hub knows" if hub else ""
        raise UsageError(
            f"Fetching `{visit.shown}`: nothing says which file is right; "
            f"add its hash as `#sha256=HEX` to the address or as `sha256` in the recipe{other}."
        )
    if len(found) > 1:
        raise UsageError(f"Fetching `{visit.shown}`: two different sha256 are given for it; keep the right one.")
    if not _HASH.fullmatch(text := found.pop()):
        raise UsageError(f"Fetching `{visit.shown}`: its sha256 is not 64 hexadecimal digits; copy it again.")
    return text


def _target(visit: Visit, sha256: str) -> Path:
    last = urllib.parse.unquote(urllib.parse.urlsplit(visit.address).path.rpartition("/")[2])
    name = re.sub(r"[^A-Za-z0-9_.+@=-]", "_", last).lstrip(".")[-MAX_NAME:] or "model.gguf"
    return store.cache_dir(KIND) / sha256[:16] / name


def _size_bytes(visit: Visit) -> int | None:
    """What a server says of the file, asked for its head, else for one byte: many let nobody ask for heads."""
    for method, headers in (("HEAD", {}), ("GET", {"Range": "bytes=0-0"})):
        try:
            with web.get(visit, headers, method) as answer:
                _, size = web.extent(answer)
        except web.Refused as error:
            if method == "GET" and not error.is_passing:
                raise
        except (http.client.HTTPException, OSError) as error:
            raise DownloadFailed(visit.shown, web.reason(error)) from error
        else:
            return size or None  # 0 is what some say of a file they make only when it is asked for
    return None


def _fetched(wanted: remote.Wanted, target: Path, progress: Progress) -> Path:
    if not target.exists():
        lock = target.with_name(f"{target.name}.lock")
        remote.bring(wanted, target, lock, lambda done, total: progress(target.name, done, total))
    return target
