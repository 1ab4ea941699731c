"""The hub's cache on this computer, which other programs share: what is there, and how a file gets into it.

Layout, as `huggingface_hub` documents it, below HF_HUB_CACHE or HF_HOME: `models--ORG--REPO/` holds `blobs/ETAG`,
`snapshots/COMMIT/PATH` that lead there, and `refs/REVISION` with a commit. The library fetches into it, too, but throws
away what a killed process had fetched; so the bytes are fetched here, and put where every program looks for them.

Besides, the builder's own cache holds the list of files of each commit that was used: without a network the same name
means the same files.
"""

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from bundler import digests, store
from bundler.digests import Digests
from bundler.sources import hub_api, remote
from bundler.sources.hub_files import Entry, Listing
from bundler.sources.hub_name import HubName
from runtime.payload.manifest import is_safe

KIND = "hub"
CHUNK_BYTES = 1 << 20
REF_PARTIAL, REF_LOCK = "lmfile.ref.partial", "refs.lmfile.lock"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Advance = Callable[[int], None]
"""Called with the bytes of the file that are done."""


def snapshot(listing: Listing) -> Path:
    """The folder of what is here of a commit."""
    return _folder(listing.repo) / "snapshots" / listing.commit


def pointer(listing: Listing, entry: Entry) -> Path:
    """Where a program finds the file by its name."""
    return snapshot(listing) / entry.path


def here_bytes(listing: Listing, entry: Entry) -> int:
    """How much of the file is here."""
    if _is_whole(pointer(listing, entry), entry) or _is_whole(_blob(listing, entry), entry):
        return entry.size_bytes
    return remote.here_bytes(_target(listing, entry))


def bring(listing: Listing, entry: Entry, advance: Advance) -> Path:
    """The file by its name, fetched if it is not there. Raises: as `remote.bring`."""
    path, blob = pointer(listing, entry), _blob(listing, entry)
    if _is_sound(path, entry, advance):
        return path
    if not _is_sound(blob, entry, advance):
        path.unlink(missing_ok=True)  # of a link nothing but the link goes
        blob.unlink(missing_ok=True)
        _fetch(listing, entry, advance)
    if not path.exists():
        _link(blob, path)
    return path


def keep(listing: Listing, revision: str) -> None:
    """Remember what the revision is, for us and for others; written when its files are here."""
    with store.staging_file(_record(listing.repo, listing.commit)) as part:
        part.write_text(json.dumps(listing), encoding="utf-8")
    folder = _folder(listing.repo)
    if revision == listing.commit or not is_safe(revision) or not os.access(folder, os.W_OK):
        return
    part, ref = folder / REF_PARTIAL, folder / "refs" / revision
    with store.lock(_locks(listing.repo) / REF_LOCK):
        part.write_text(listing.commit, encoding="utf-8")
        ref.parent.mkdir(parents=True, exist_ok=True)
        part.replace(ref)


def remembered(name: HubName) -> Listing | None:
    """What the repository held when it was last asked; of what another program fetched, the files that are here."""
    commit = name.revision
    try:
        if not _COMMIT.fullmatch(commit):
            commit = (_folder(name.repo) / "refs" / name.revision).read_text(encoding="utf-8").strip()
        if not _COMMIT.fullmatch(commit):
            return None
    except (OSError, UnicodeDecodeError):
        return None
    return _recorded(name.repo, commit) or _found(name.repo, commit)


def folder(listing: Listing, entries: tuple[Entry, ...]) -> Path:
    """A folder of just these files: other programs may have fetched more into the snapshot, as pickles."""
    target = store.cache_dir(KIND) / f"{_slug(listing.repo)}@{listing.commit}" / listing.repo.partition("/")[2]
    with store.lock(target.parent.with_name(f"{target.parent.name}.lock")):
        if not _holds(target, entries):
            shutil.rmtree(target, ignore_errors=True)
            for entry in entries:
                _link(pointer(listing, entry).resolve(), target / entry.path, is_relative=False)
    return target


def _fetch(listing: Listing, entry: Entry, advance: Advance) -> None:
    algorithm = "sha256" if entry.sha256 else "git"
    wanted = remote.Wanted(hub_api.visit(listing, entry), entry.size_bytes, entry.etag, algorithm, is_lasting=True)
    remote.bring(wanted, _target(listing, entry), _lock(listing, entry), lambda done, _total: advance(done))


def root() -> Path:
    """The cache of all repositories."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _folder(repo: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return root() / repo_folder_name(repo_id=repo, repo_type="model")


def _slug(repo: str) -> str:
    return repo.replace("/", "--")


def _blob(listing: Listing, entry: Entry) -> Path:
    return _folder(listing.repo) / "blobs" / entry.etag


def _target(listing: Listing, entry: Entry) -> Path:
    """Where the bytes go: where links cannot be made, straight to their name, not twice on the disk."""
    from huggingface_hub.file_download import are_symlinks_supported

    try:
        has_links = are_symlinks_supported(root())
    except OSError:  # of a cache that we cannot write to, which fetching will say
        has_links = True
    return _blob(listing, entry) if has_links else pointer(listing, entry)


def _lock(listing: Listing, entry: Entry) -> Path:
    return _locks(listing.repo) / f"{entry.etag}.lmfile.lock"


def _locks(repo: str) -> Path:
    return root() / ".locks" / _folder(repo).name


def _is_whole(path: Path, entry: Entry) -> bool:
    try:
        return path.stat().st_size == entry.size_bytes
    except OSError:
        return False


def _is_sound(path: Path, entry: Entry, advance: Advance) -> bool:
    """Whether it is there and has the hash that the hub tells; a large file is read once for each state of it."""
    if not _is_whole(path, entry):
        return False
    if not entry.sha256:
        return not entry.blob or remote.git_id(path.read_bytes()) == entry.blob
    if known := digests.known(path):
        return known.sha256 == entry.sha256
    status, digest, crc, done = path.stat(), sha256(), 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            done += len(chunk)
            advance(done)
    if digest.hexdigest() != entry.sha256:
        return False
    digests.remember(path, status, Digests(entry.sha256, crc))  # packing it asks for the same
    return True


def _link(file: Path, path: Path, is_relative: bool = True) -> None:
    """Make `path` lead to `file`: by a link where there are links, else as another name, else as a copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    to = os.path.relpath(file, path.parent) if is_relative else file
    for make in (partial(path.symlink_to, to), partial(path.hardlink_to, file)):
        try:
            make()
        except FileExistsError:  # another process was faster
            return
        except OSError:
            continue
        return
    with store.staging_file(path) as part:
        shutil.copyfile(file, part)


def _holds(target: Path, entries: tuple[Entry, ...]) -> bool:
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    return found == {entry.path for entry in entries} and all(
        _is_whole(target / entry.path, entry) for entry in entries
    )


def _record(repo: str, commit: str) -> Path:
    return store.cache_dir(KIND) / f"{_slug(repo)}@{commit}.json"


def _recorded(repo: str, commit: str) -> Listing | None:
    try:
        repo, commit, said, entries = json.loads(_record(repo, commit).read_bytes())
        return Listing(repo, commit, said, tuple(Entry(*entry) for entry in entries))
    except (OSError, ValueError, TypeError):
        return None


def _found(repo: str, commit: str) -> Listing | None:
    snapshot = _folder(repo) / "snapshots" / commit
    files = sorted(path for path in snapshot.rglob("*") if path.is_file())
    entries = [_entry(path, path.relative_to(snapshot).as_posix()) for path in files]
    return Listing(repo, commit, "", tuple(entries)) if entries else None


def _entry(path: Path, name: str) -> Entry:
    etag = path.readlink().name if path.is_symlink() else ""
    is_sha256 = _SHA256.fullmatch(etag) is not None
    return Entry(name, path.stat().st_size, etag if is_sha256 else "", "" if is_sha256 else etag)
