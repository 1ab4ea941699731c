"""The way of one model from what somebody wrote to a GGUF that can be packed: locate, fetch, open, convert, quantise.

Locating costs nothing but a question to a hub, and tells all that `--dry-run` shows.
Each later step keeps its result in the builder's cache: a build that was ended goes on where it was.
"""

import difflib
from dataclasses import replace
from functools import partial
from pathlib import Path

from bundler import models
from bundler.explain import licences
from bundler.paths import is_there
from bundler.recipe import WantedModel
from bundler.sources import local
from bundler.sources.source import Located, Progress, Provenance, Source
from runtime.errors import ModelNotFound

HUB = "hf:"
ADDRESSES = ("https://", "http://")


def locate(wanted: WantedModel) -> Located:
    """Find what `wanted` names. Raises: ModelNotFound with the nearest name; DownloadFailed; ModelUnsupported."""
    text = wanted.source
    if text.startswith(HUB):
        from bundler.sources import hub

        return hub.locate(text, role=wanted.role)
    if text.startswith(ADDRESSES):
        from bundler.sources import address

        return address.locate(text, wanted.sha256)
    if known := models.KNOWN.get(text):
        return _known(known)
    path = Path(text if is_there(text) else text.partition("#")[0]).expanduser()
    if not is_there(path):
        raise ModelNotFound(text, _hint(text, path))
    return Located(
        text=text,
        size_bytes=_size_bytes(path),
        is_here=True,
        fetch=lambda _progress: Path(text).expanduser(),
        provenance=Provenance(path.name),
        is_folder=local.is_hf_folder(path),
    )


def steps(wanted: WantedModel, located: Located) -> list[str]:
    """What would be done with it after fetching, in words; it may not be there yet, so this goes by names."""
    if not (wanted.quantize or located.is_folder):
        return []
    from bundler import convert

    return list(convert.planned(wanted, located))


def obtain(wanted: WantedModel, located: Located, progress: Progress) -> Source:
    """Fetch it, open it, convert and quantise it as wanted.

    Raises: ModelNotFound, ModelInvalid, ModelUnsupported, DownloadFailed, ConversionFailed, DiskFull.
    """
    path = located.fetch(progress)
    folder = path if path.is_dir() else located.texts
    texts = licences.in_folder(folder) if folder else ()
    source = _converted(wanted, located, path, progress) if local.is_hf_folder(path) else local.open(path, progress)
    if not local.is_hf_folder(path):
        source = replace(source, provenance=_joined(located.provenance, source.provenance))
        source = _requantized(wanted, source, progress)
    return replace(source, license=wanted.license or source.license or located.license, licenses=texts)


def _converted(wanted: WantedModel, located: Located, folder: Path, progress: Progress) -> Source:
    from bundler import convert

    file, provenance = convert.made(folder, wanted, located.provenance, progress)
    return replace(local.open(file, progress), provenance=provenance, name=located.name or folder.resolve().name)


def _requantized(wanted: WantedModel, source: Source, progress: Progress) -> Source:
    """As another type, where one is wanted."""
    if not wanted.quantize:
        return source
    from bundler import convert

    file, provenance = convert.requantized(source, wanted, progress)
    return replace(local.open(file, progress), provenance=provenance, name=source.name)


def _known(known: models.KnownModel) -> Located:
    return Located(
        text=known.name,
        size_bytes=known.size_bytes,
        is_here=models.is_stored(known),
        fetch=partial(models.stored, known),
        provenance=Provenance(known.filename, files={known.filename: known.sha256}),
        license=known.license,
        name=known.name,
    )


def _joined(before: Provenance, found: Provenance) -> Provenance:
    """What was known before opening, and what the file itself told; of a file that was there, the file knows better."""
    if not (before.files or before.revision):
        return found
    return replace(before, files={**found.files, **before.files}, steps=(*before.steps, *found.steps))


def _size_bytes(path: Path) -> int:
    if path.is_file():
        return sum(file.stat().st_size for file in local.files(path) if file.is_file())
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())


def _hint(text: str, path: Path) -> str:
    near = difflib.get_close_matches(text.lower(), models.KNOWN, n=1, cutoff=0.5)
    if near:
        return f"there is no such file, and the known model of nearly that name is `{near[0]}`"
    if path.parent.is_dir():
        files = [found.name for found in path.parent.glob("*.gguf")]
        near = difflib.get_close_matches(path.name, files, n=1, cutoff=0.5)
        if near:
            return f"there is no such file, but there is `{path.parent / near[0]}`"
    return f"there is no such file, and the known models are {', '.join(models.KNOWN)}"
