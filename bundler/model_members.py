"""The models of a build, as members of the executable and records of its manifest.

The first model that chats is the main one and stands first in the file: every start reads it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler.container import Part
from bundler.recipe import WantedModel
from bundler.sources import Located, Source, obtain
from bundler.sources.source import Progress
from runtime import gguf
from runtime.errors import ModelUnsupported, UsageError
from runtime.payload import Model
from runtime.payload.manifest import is_safe

MEMBER_ROLE = "model"
MMPROJ = "mmproj"
NOT_STATED = "not stated"

_RANK = {"chat": 0, "draft": 2, MMPROJ: 3}


class PackedModel(NamedTuple):
    """One model: its record in the manifest, its member, and what it was made of. title: what people call it."""

    record: Model
    part: Part
    source: Source
    title: str

    @property
    def vocabulary(self) -> int:
        """Tokens it knows."""
        return gguf.facts(self.source.file).vocabulary


def packed(wanted: Sequence[tuple[WantedModel, Located]], progress: Progress) -> list[PackedModel]:
    """Obtain and check the models `wanted`; the main one comes first.

    Raises: UsageError for two of one name, or a draft or eyes without their model; ModelNotFound,
    ModelInvalid, ModelUnsupported, DownloadFailed, ConversionFailed, DiskFull.
    """
    found: list[PackedModel] = []
    for one, located in wanted:
        made = _packed(one, located, obtain.obtain(one, located, progress))
        if any(other.record.path == made.record.path for other in found):
            name = Path(made.record.path).stem
            raise UsageError(
                f"Packing the model `{located.text}`: another one is called `{name}`; write NAME={located.text}."
            )
        found.append(made)
    return in_order(found)


def in_order(found: Sequence[PackedModel]) -> list[PackedModel]:
    """The main model first, drafts and eyes last, checked against each other. Raises: UsageError, ModelUnsupported."""
    found = sorted(found, key=lambda one: _RANK.get(one.record.role, 1))  # keeps the recipe's order otherwise
    _check_helpers(found, "draft", "a draft model guesses for a chat model; name that, too")
    _check_helpers(found, MMPROJ, "an mmproj sees for a chat model; name that, too")
    drafts = [one for one in found if one.record.role == "draft"]
    if drafts and drafts[0].vocabulary != found[0].vocabulary:
        sizes = f"it knows {drafts[0].vocabulary} tokens and `{found[0].title}` {found[0].vocabulary}"
        raise ModelUnsupported(drafts[0].source.file.path, f"as a draft model {sizes}")
    return found


def _packed(wanted: WantedModel, located: Located, source: Source) -> PackedModel:
    is_eyes = wanted.role == MMPROJ
    record = _eyes(wanted, source) if is_eyes else _model(wanted, source)
    record = record._replace(path=record.path.format(_safe(wanted.name or source.name)))
    part = Part(record.path, MMPROJ if is_eyes else MEMBER_ROLE, source.content)
    return PackedModel(record, part, source, wanted.name or located.name or source.name)


def _model(wanted: WantedModel, source: Source) -> Model:
    facts = gguf.facts(source.file)
    return Model(
        role=wanted.role or facts.role,
        path="models/{}.gguf",
        architecture=facts.architecture,
        name=facts.name or source.name,
        parameters=facts.parameters,
        context_length=facts.context_length,
        file_type=facts.file_type,
        license=wanted.license or facts.license or source.license or NOT_STATED,
        provenance=source.provenance.plain(),
    )


def _eyes(wanted: WantedModel, source: Source) -> Model:
    """The vision or audio part of another model, which no engine runs by itself."""
    parts = gguf.part_facts(source.file)
    return Model(
        role=MMPROJ,
        path="mmproj/{}.gguf",
        architecture=parts.architecture,
        name=parts.name or source.name,
        parameters=parts.parameters,
        context_length=0,
        file_type=parts.file_type,
        license=wanted.license or parts.license or source.license or NOT_STATED,
        provenance=source.provenance.plain(),
    )


def _check_helpers(found: Sequence[PackedModel], role: str, without: str) -> None:
    """At most one model of a role that helps the main one, which has to be there."""
    helpers = [one for one in found if one.record.role == role]
    if len(helpers) > 1:
        raise UsageError(f"Packing the models: there are {len(helpers)} of the role {role}; the main model uses one.")
    if helpers and found[0].record.role != "chat":
        raise UsageError(f"Packing the models: {without}.")


def _safe(name: str) -> str:
    """`name` with an underscore for each character that some system does not allow in a file's name."""
    return "".join(character if is_safe("_" + character) else "_" for character in name)
