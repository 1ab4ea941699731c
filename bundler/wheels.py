"""Unpacks the pinned wheels of packages: their files as they are, nothing is installed or run."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from bundler import fetch, store
from runtime.errors import BuildFailed


def pin(name: str, target: str) -> fetch.Pin:
    """The pin of a package's wheel for `target`, or for any.

    Raises: BuildFailed when there is none.
    """
    pins = fetch.pins()
    for key in (f"wheel-{name}-{target}", f"wheel-{name}-any"):
        if key in pins:
            return pins[key]
    raise BuildFailed(f"for {target}", f"no wheel of `{name}` is pinned for it; see `python -m bundler.pin`")


def unpacked(names: Sequence[str], target: str, progress: fetch.Progress = fetch.quiet) -> Path:
    """The directory that the wheels of all `names` unpack to, as on sys.path.

    Raises: DownloadFailed or BuildFailed.
    """

    def make(staging: Path) -> None:
        for file in [fetch.fetch(pin(name, target), progress) for name in names]:
            try:
                with zipfile.ZipFile(file) as wheel:
                    wheel.extractall(staging)
            except zipfile.BadZipFile as error:
                raise BuildFailed("the runtime image", f"`{file}` cannot be unpacked ({error})") from error

    return store.once("python", key(names, target), make)


def key(names: Sequence[str], target: str) -> str:
    """The recipe hash of the wheels of all `names`. Raises: BuildFailed when one has no pin."""
    return store.recipe_hash("wheels", [pin(name, target).sha256 for name in names])
