"""Weights inside of other executables: the GGUFs of a llamafile or any other zip, and the models of an lmfile.

Nothing is unpacked: a member that is stored as it is can be packed from where it lies. Which one is meant is
`FILE#NAME`, else the main model of an lmfile, what `-m` of a llamafile's `.args` says, or the only one there is.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from bundler.content import Slice
from bundler.sources import zips
from bundler.sources.source import Provenance, Source
from bundler.taken import Members
from runtime import gguf
from runtime.errors import ModelNotFound, PayloadDamaged
from runtime.payload import Payload

MAX_NAMED = 8
"""Names in a message."""

_MODEL_FLAGS = ("-m", "--model")
_INSIDE = "/zip/"


class Inside(NamedTuple):
    """A GGUF within a file. name: that of its member; role: what an lmfile says it is for, else empty."""

    name: str
    weights: Slice
    role: str = ""
    license: str | None = None
    provenance: Mapping[str, Any] = {}


def open_archive(path: Path, member: str) -> Source:
    """Return the model `member` of the archive `path`; empty: the one that is meant.

    Raises: ModelNotFound, with the names that there are; ModelInvalid, ModelUnsupported; PayloadDamaged.
    """
    found = inside(path)
    chosen = _named(path, found, member) if member else _meant(path, found)
    file = gguf.read(chosen.weights.path, chosen.weights.offset, chosen.weights.size)
    return Source(chosen.weights, file, PurePosixPath(chosen.name).stem, chosen.license, _provenance(path, chosen))


def inside(path: Path) -> list[Inside]:
    """The GGUFs that could be taken out of `path`. Raises: ModelNotFound, ModelUnsupported, PayloadDamaged."""
    try:
        return _of_payload(Payload.open(path))
    except PayloadDamaged:
        found = zips.weights(path)
        if found is None:
            raise
    except OSError as error:
        raise ModelNotFound(path, (error.strerror or str(error)).lower()) from error
    return [Inside(name, weights) for name, weights in found.items()]


def _of_payload(payload: Payload) -> list[Inside]:
    """The models of an lmfile, the main one first, with the digests that it knows of them."""
    found, members = [], Members(payload)
    for model in payload.manifest.models:
        if member := payload.member(model.path):
            found.append(Inside(member.path, members.taken(member), model.role, model.license, model.provenance))
    return found


def _provenance(path: Path, chosen: Inside) -> Provenance:
    """What an lmfile tells of its model, which holds for whoever takes it out; else that it was taken out."""
    told = chosen.provenance
    source, revision, files, steps = (told.get(key) for key in ("source", "revision", "files", "steps"))
    if not isinstance(source, str):
        return Provenance(path.name, steps=({"step": "take", "member": chosen.name},))
    return Provenance(
        source=source,
        revision=revision if isinstance(revision, str) else "",
        files={name: str(digest) for name, digest in files.items()} if isinstance(files, dict) else {},
        steps=tuple(step for step in steps if isinstance(step, dict)) if isinstance(steps, list) else (),
    )


def _named(path: Path, found: Sequence[Inside], member: str) -> Inside:
    """By the member's name, by its last part with or without ending, or by its role."""
    for match in (
        lambda each: each.name == member.removeprefix(_INSIDE),
        lambda each: PurePosixPath(each.name).name == member,
        lambda each: PurePosixPath(each.name).stem == member,
        lambda each: each.role == member,
    ):
        fitting = [each for each in found if match(each)]
        if len(fitting) == 1:
            return fitting[0]
    raise ModelNotFound(f"{path}#{member}", f"`{path.name}` holds {_listed(found)} and nothing of that name alone")


def _meant(path: Path, found: Sequence[Inside]) -> Inside:
    if not found:
        raise ModelNotFound(path, "it is an archive without a .gguf file in it")
    if len(found) == 1 or found[0].role:
        return found[0]
    if named := _main_of(zips.arguments(path)):
        return _named(path, found, named)
    models = [each for each in found if not _is_projector(each)]
    if len(models) == 1:
        return models[0]
    raise ModelNotFound(path, f"it holds {_listed(found)}, of which one has to be named as `{path.name}#NAME`")


def _is_projector(each: Inside) -> bool:
    file = gguf.read(each.weights.path, each.weights.offset, each.weights.size)
    return file.text("general.type") == "mmproj" or file.text("general.architecture") == "clip"


def _main_of(data: bytes | None) -> str | None:
    """The model that a llamafile's `.args` names: one argument a line, the last one counts."""
    lines = (data or b"").decode("utf-8", "replace").split("\n")
    named = [value for flag, value in itertools.pairwise(lines) if flag.strip() in _MODEL_FLAGS]
    return named[-1].strip().removeprefix(_INSIDE) if named else None


def _listed(found: Sequence[Inside]) -> str:
    names = [f"`{each.name[:100]}`" for each in found[:MAX_NAMED]] or ["no .gguf file"]
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return ", ".join(names) + more
