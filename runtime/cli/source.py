"""Finds the weights to run: the packed model, or the GGUF that `-m` names.

A foreign file passes the strict reader first, so that native code never sees a
structurally false one; the packed model passed it when it was packed.
"""

import os
from pathlib import Path
from typing import NamedTuple

from runtime.cli.flags import Options
from runtime.engine.routing import ROLES, Role
from runtime.errors import ModelNotFound, PayloadDamaged, UsageError
from runtime.payload import Assistant, Member, Model, Payload

HELPERS = ("draft", "mmproj")
"""Roles of what no request can be about. The engine looks at no pictures yet: an `mmproj` is carried along."""

EXECUTABLE_VARIABLE = "LMFILE_EXECUTABLE"
"""Set by the launcher to the path of the executable; absent in a checkout."""


class ModelSource(NamedTuple):
    """`size` bytes of weights from `offset` of `path`; `foreign`: not part of the executable."""

    path: Path
    offset: int
    size: int
    name: str
    foreign: bool
    role: Role = "chat"


def own_payload() -> Payload | None:
    """The payload of the running executable; None in a checkout. Raises: PayloadDamaged."""
    path = os.environ.get(EXECUTABLE_VARIABLE)
    return Payload.open(Path(path)) if path else None


def find_model(options: Options, payload: Payload | None) -> ModelSource:
    """Return where the weights lie.

    Raises: ModelNotFound, ModelInvalid for what `-m` names; UsageError without any model;
    SidecarMissing, PayloadDamaged where the weights should lie beside the executable.
    """
    if options.model is not None:
        return _foreign(Path(options.model))
    if payload is None:
        raise UsageError("Starting without a packed model: there is none in a checkout; name a GGUF with -m FILE.")
    model, member = main_model(payload)
    role = ROLES.get(model.role, "chat")
    name, path = payload.manifest.name, payload.file_of(member)
    return ModelSource(path, member.offset, member.size, name, foreign=False, role=role)


def find_draft(options: Options, payload: Payload | None) -> ModelSource | None:
    """Return where the weights lie that guess ahead; None without. Raises: ModelNotFound, ModelInvalid."""
    if options.model_draft:
        return _foreign(Path(options.model_draft))
    if payload is None or options.model is not None:
        return None
    for model in payload.manifest.models:
        member = payload.member(model.path)
        if model.role == "draft" and member is not None:
            return ModelSource(payload.file_of(member), member.offset, member.size, model.name, foreign=False)
    return None


def publisher(model: ModelSource, payload: Payload | None) -> Assistant:
    """What the executable's publisher says of the assistant: nothing of a model that is another one."""
    return Assistant() if payload is None or model.foreign else payload.manifest.assistant


def system_prompt(options: Options, assistant: Assistant) -> str:
    """What conversations begin with: as the command line says, else as the publisher does."""
    return assistant.system_prompt if options.system_prompt is None else options.system_prompt


def main_model(payload: Payload) -> tuple[Model, Member]:
    """The packed model that every start loads, and where it lies. Raises: PayloadDamaged without one."""
    for model in payload.manifest.models:
        member = payload.member(model.path)
        if model.role not in HELPERS and member is not None:
            return model, member
    raise PayloadDamaged(payload.path, "no model is packed")


def _foreign(path: Path) -> ModelSource:
    if path.is_dir():
        raise ModelNotFound(path, "this is a directory")
    if not path.exists():
        raise ModelNotFound(path)
    from runtime import gguf  # 6 ms that the packed model does not need

    role = gguf.role(gguf.read(path))
    return ModelSource(path.absolute(), 0, path.stat().st_size, path.stem, foreign=True, role=role)
