"""Weights of a hub: `hf:ORG/REPO` and the other forms of `hub_name`, as one GGUF or a folder of safetensors.

Locating asks for the list of files alone. Where the hub cannot be asked, what its cache holds of the same revision
is taken, and `Located.note` says so.
"""

from functools import partial
from pathlib import Path

from bundler.sources import hub_api, hub_cache, hub_files, hub_name, remote
from bundler.sources.hub_api import Unreachable
from bundler.sources.hub_files import Choice, Listing
from bundler.sources.hub_name import HubName
from bundler.sources.source import Located, Progress, Provenance
from bundler.sources.web import Refused
from runtime.errors import CannotWrite, DownloadFailed


def locate(text: str, offline: bool = False, role: str = "") -> Located:
    """Find the files that `text` means.

    role: mmproj takes that of a repository instead of its model. offline: ask nobody, as with HF_HUB_OFFLINE=1.
    Raises: UsageError when `text` makes no sense; ModelNotFound; ModelUnsupported when there are only pickles;
    DownloadFailed.
    """
    name = hub_name.read(text)
    listing, note = _listing(name, offline)
    choice = hub_files.chosen(listing, name, role)
    is_here = all(hub_cache.here_bytes(listing, entry) == entry.size_bytes for entry in choice.all)
    if note and not is_here:
        raise DownloadFailed(text, f"{note}, and the cache lacks files of it", "try again when the hub can be asked")
    return Located(
        text=text,
        size_bytes=sum(entry.size_bytes for entry in choice.all),
        is_here=is_here,
        fetch=partial(_fetched, name, listing, choice),
        provenance=Provenance(
            source=f"hf:{listing.repo}",
            revision=listing.commit,
            files={entry.path: entry.sha256 for entry in choice.files if entry.sha256},
        ),
        license=listing.license or None,
        name=_title(listing, choice),
        is_folder=choice.is_folder,
        texts=hub_cache.snapshot(listing) if choice.texts else None,
        note=f"{text}: {note}; using {_described(listing, choice)} of its cache." if note else "",
    )


def _listing(name: HubName, offline: bool) -> tuple[Listing, str]:
    """What the repository holds, and why it was not asked. Raises: DownloadFailed, ModelNotFound."""
    found = hub_cache.remembered(name)
    try:
        if offline or hub_api.is_offline():
            raise Unreachable("offline, so the hub was not asked")
        return hub_api.listing(name, is_patient=found is None), ""
    except Unreachable as error:
        if found:
            return found, str(error)
        raise DownloadFailed(
            name.text, f"{error}, and nothing of it is in the cache", "try again when the hub can be asked"
        ) from error


def _fetched(name: HubName, listing: Listing, choice: Choice, progress: Progress) -> Path:
    """Bring all files, and return the first one, or the folder of all."""
    before = [hub_cache.here_bytes(listing, entry) for entry in choice.all]
    total = sum(entry.size_bytes for entry in choice.all)
    if missing := total - sum(before):
        _check_room(missing)
    counted = 0
    try:
        for entry in choice.all:
            advance = partial(_advance, progress, f"{listing.repo}/{entry.path}", counted, total)
            hub_cache.bring(listing, entry, advance)
            counted += entry.size_bytes
            advance(entry.size_bytes)
    except Refused as error:
        raise hub_api.denied(error, name) from error
    except OSError as error:
        raise CannotWrite(hub_cache.root(), f"it failed with {error.strerror or error}") from error
    hub_cache.keep(listing, name.revision)
    if choice.is_folder:
        return hub_cache.folder(listing, choice.files)
    return hub_cache.pointer(listing, choice.files[0])


def _advance(progress: Progress, what: str, before: int, total: int, done: int) -> None:
    progress(what, before + done, total)


def _check_room(needed_bytes: int) -> None:
    root = hub_cache.root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(root, f"it failed with {error.strerror or error}") from error
    remote.check_room(root / "blobs", needed_bytes)


def _title(listing: Listing, choice: Choice) -> str:
    if choice.is_folder:
        return listing.repo.partition("/")[2]
    return hub_files.title(choice.files[0])


def _described(listing: Listing, choice: Choice) -> str:
    what = "the safetensors" if choice.is_folder else f"`{choice.files[0].path}`"
    return f"{what} at commit {listing.commit[:12]}"
