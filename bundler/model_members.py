"""The models of a build: what `[ROLE:][NAME=]MODEL` means, as members of the executable.

The first model that chats is the main one and stands first in the file: every start reads it.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler import fetch, models
from bundler.container import Part
from runtime import gguf
from runtime.errors import ModelUnsupported, UsageError
from runtime.payload import Model
from runtime.payload.manifest import is_safe

MEMBER_ROLE = "model"
NOT_STATED = "not stated"

_WITH_ROLE = re.compile(r"(chat|embed|rerank|draft):(.+)")
_NAMED = re.compile(r"([A-Za-z0-9_.+@-]{1,64})=(.+)")


class PackedModel(NamedTuple):
    """One model: its record in the manifest, its member, and its file as it was read. title: what people call it."""

    record: Model
    part: Part
    file: gguf.Gguf
    title: str

    @property
    def vocabulary(self) -> int:
        """Tokens it knows."""
        return gguf.facts(self.file).vocabulary


def packed(wanted: Sequence[str], progress: fetch.Progress) -> list[PackedModel]:
    """Find and check the models `wanted`; the main one comes first.

    Raises: UsageError for two of one name or a draft without its model; ModelNotFound,
    ModelInvalid, ModelUnsupported, DownloadFailed.
    """
    found: list[PackedModel] = []
    for text in wanted:
        one = _read(text, progress)
        if any(other.record.path == one.record.path for other in found):
            name = Path(one.record.path).stem
            raise UsageError(f"Packing the model `{text}`: another one is called `{name}`; write NAME={text}.")
        found.append(one)
    found.sort(key=lambda one: _rank(one.record.role))
    _check_drafts(found)
    return found


def _read(text: str, progress: fetch.Progress) -> PackedModel:
    role, name, model = _split(text)
    source = models.resolve(model, progress)
    file = gguf.read(source.path)
    facts = gguf.facts(file)
    record = Model(
        role=role or facts.role,
        path=f"models/{_safe(f'{name}.gguf' if name else source.path.name)}",
        architecture=facts.architecture,
        name=facts.name or source.name,
        parameters=facts.parameters,
        context_length=facts.context_length,
        file_type=facts.file_type,
        license=facts.license or source.license or NOT_STATED,
    )
    return PackedModel(record, Part(record.path, MEMBER_ROLE, source.path), file, name or source.name)


def _split(text: str) -> tuple[str, str, str]:
    """Role, name and model of what was written; a path that exists as it stands is taken as it stands."""
    role = name = ""
    if not Path(text).exists() and (found := _WITH_ROLE.fullmatch(text)):
        role, text = found[1], found[2]
    if not Path(text).exists() and (found := _NAMED.fullmatch(text)):
        name, text = found[1], found[2]
    return role, name, text


def _rank(role: str) -> int:
    """Chat models first, drafts last; sorting keeps the order of the command line otherwise."""
    return {"chat": 0, "draft": 2}.get(role, 1)


def _check_drafts(found: Sequence[PackedModel]) -> None:
    """A draft model guesses tokens of the main model, so it has to know the same ones."""
    drafts = [one for one in found if one.record.role == "draft"]
    if len(drafts) > 1:
        raise UsageError("Packing the models: there are two draft models; the main model can use one.")
    if not drafts:
        return
    if found[0].record.role != "chat":
        raise UsageError("Packing the models: a draft model is of use to a chat model alone; name that, too.")
    if drafts[0].vocabulary != found[0].vocabulary:
        sizes = f"it knows {drafts[0].vocabulary} tokens and `{found[0].title}` {found[0].vocabulary}"
        raise ModelUnsupported(drafts[0].file.path, f"as a draft model {sizes}")


def _safe(name: str) -> str:
    """`name` with an underscore for each character that some system does not allow in a file's name."""
    return "".join(character if is_safe("_" + character) else "_" for character in name)
