"""Converts and quantises for `build`: each result is kept in the cache under a hash of its input and its settings.

    folder ──convert──► f32, f16, bf16, q8_0                        converted/KEY/model.gguf
    folder ──convert──► full precision ──quantise──► any type       the middle one goes when the last one is complete
    GGUF   ──quantise──► any type

So a run that was killed repeats only the step it was in. The middle file is as large as the folder's weights.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bundler import store
from bundler.content import Content, size_bytes
from bundler.convert import convert, folder, kinds, quantize
from bundler.members import digests_of
from bundler.recipe import WantedModel
from bundler.sources.source import Located, Progress, Provenance, Source
from runtime.errors import UsageError

KIND, FILENAME = "converted", "model.gguf"
USUAL = "f16"
HUB, MMPROJ = "hf:", "mmproj"


def planned(wanted: WantedModel, located: Located) -> Sequence[str]:
    """The steps, in words. Raises: UsageError for a type that there is not."""
    direct = _direct(wanted) if located.is_folder else None
    if direct:
        part = " (the part that reads images or sound)" if wanted.role == MMPROJ else ""
        return [f"convert to GGUF{part}, {direct}"]
    steps = [f"convert to GGUF, in full precision, in `{store.cache_dir(KIND)}` until it is quantised"]
    matrix = f" by the importance matrix `{wanted.imatrix.name}`" if wanted.imatrix else ""
    return [*(steps if located.is_folder else []), f"quantise to {kinds.named(wanted.quantize).name}{matrix}"]


def made(path: Path, wanted: WantedModel, provenance: Provenance, progress: Progress) -> tuple[Path, Provenance]:
    """The folder `path` as GGUF."""
    direct = _direct(wanted)
    kind = None if direct else kinds.named(wanted.quantize)
    files = folder.survey(path)
    read = folder.hashes(files, progress)
    told = replace(provenance, files={**provenance.files, **read})
    outtype, name = direct or folder.precision(files), _title(provenance)
    is_mmproj = wanted.role == MMPROJ
    key = store.recipe_hash("converted", read, outtype, name, is_mmproj, *convert.recipe())

    def make(staging: Path) -> None:
        convert.convert(path, outtype, staging / FILENAME, progress, name=name, mmproj=is_mmproj)

    steps = (*provenance.steps, convert.step(outtype, is_mmproj))
    if kind is None:
        return store.once(KIND, key, make) / FILENAME, replace(told, steps=steps)
    quantised = _key(key, kind.name, wanted.imatrix)
    place = store.cache_dir(KIND)
    with store.lock(place / f"{key}.use"):  # two builds of one folder: the middle file goes when the first is done
        result = _once_quantised(quantised, partial(_middle, key, make), wanted, progress)
        shutil.rmtree(place / key, ignore_errors=True)
    return result, replace(told, steps=(*steps, _step(wanted)))


def requantized(source: Source, wanted: WantedModel, progress: Progress) -> tuple[Path, Provenance]:
    """A GGUF in another type."""
    kind = kinds.named(wanted.quantize)
    key = _key(_digest(source.content, progress), kind.name, wanted.imatrix)
    path = _once_quantised(key, lambda: source.content, wanted, progress)
    return path, replace(source.provenance, steps=(*source.provenance.steps, _step(wanted)))


def _direct(wanted: WantedModel) -> str | None:
    """The type, where the converter writes it by itself."""
    name = (wanted.quantize or USUAL).lower()
    if name in convert.OUTTYPES and not wanted.imatrix:
        return name
    if wanted.role == MMPROJ:
        raise UsageError(
            f"Converting `{wanted.source}`: the part that reads images or sound cannot be quantised to "
            f"`{wanted.quantize}`; choose {', '.join(convert.OUTTYPES)}."
        )
    return None


def _title(provenance: Provenance) -> str:
    """What a hub calls the model; empty: its own files say it."""
    if not provenance.source.startswith(HUB):
        return ""
    return provenance.source.removeprefix(HUB).partition(":")[0].rpartition("/")[2]


def _middle(key: str, make: Callable[[Path], None]) -> Content:
    return store.once(KIND, key, make) / FILENAME


def _once_quantised(key: str, source: Callable[[], Content], wanted: WantedModel, progress: Progress) -> Path:
    def make(staging: Path) -> None:
        quantize.quantize(source(), wanted.quantize, staging / FILENAME, progress, matrix=wanted.imatrix)

    return store.once(KIND, key, make) / FILENAME


def _step(wanted: WantedModel) -> Mapping[str, Any]:
    return quantize.step(kinds.named(wanted.quantize), quantize.Options(), wanted.imatrix)


def _key(source: str, kind: str, matrix: Path | None) -> str:
    by = [matrix.name, quantize.sha256(matrix)] if matrix else []
    return store.recipe_hash("quantised", source, kind, by, *quantize.recipe())


def _digest(content: Content, progress: Progress) -> str:
    """What tells one source from every other; hashed only where nobody knows it yet."""
    total = size_bytes(content)
    return digests_of(content, lambda done: progress(folder.READING, done, total)).sha256
