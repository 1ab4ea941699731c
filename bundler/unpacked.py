"""Turns a finished executable back into what it was made of: a recipe, its weights, and its machinery.

Weights are ranges of the executable with digests that are known, so whatever is made of them copies and hashes nothing
that need not be. bundler/repack.py is the flow.
"""

import json
from collections.abc import Iterable, Sequence

from bundler.adapters import Packed as PackedAdapters
from bundler.content import Slice
from bundler.contents import Part
from bundler.explain import components, sbom
from bundler.explain.components import Kept
from bundler.machinery import Machinery
from bundler.model_members import PackedModel
from bundler.recipe import Message, Recipe
from bundler.sources import Provenance, Source
from bundler.taken import Members
from runtime import gguf
from runtime.errors import PayloadDamaged
from runtime.payload import Member, Model, Payload, State
from runtime.payload.assistant import ICON_ROLE

CHAT_TEMPLATE = "chat-template"
LICENSES = "LICENSES/"
WEIGHTS_LICENSES = ("models/", "mmproj/", "publisher/")
"""Below LICENSES/: what belongs to the weights and their publisher, and not to the machinery (explain/licences.py)."""

OLD_NOTICE = "model.txt"
"""What stood in place of these before; it says what the notices say that are made anew."""


def recipe(payload: Payload) -> Recipe:
    """The recipe of `payload` without models and adapters, and without an icon: these are taken as members."""
    manifest, assistant = payload.manifest, payload.manifest.assistant
    defaults = {key: tuple(value) if isinstance(value, list) else value for key, value in manifest.defaults.items()}
    template = defaults.pop(CHAT_TEMPLATE, "")
    return Recipe(
        models=(),
        name=assistant.name,
        version=manifest.version,
        color=assistant.color,
        greeting=assistant.greeting,
        system_prompt=assistant.system_prompt,
        starters=assistant.starters,
        messages=tuple(_message(each.role, each.content) for each in assistant.messages),
        chat_template=template if isinstance(template, str) else "",
        defaults=defaults,
        targets=(manifest.target,),
        bake=bool(manifest.states),
        sidecar=manifest.sidecar is not None,
    )


def models(payload: Payload, members: Members) -> list[PackedModel]:
    """The models, as they were packed. Raises: PayloadDamaged, SidecarMissing, ModelInvalid."""
    found = []
    for number, record in enumerate(payload.manifest.models):
        part, weights = _part(payload, members, record.path)
        title = payload.manifest.name if number == 0 else record.name
        found.append(PackedModel(record, part, _source(record, weights), title))
    if not found:
        raise PayloadDamaged(payload.path, "it holds no model")
    return found


def adapters(payload: Payload, members: Members, without: Sequence[str]) -> PackedAdapters:
    """The adapters that are not called as in `without`. Raises: PayloadDamaged, SidecarMissing."""
    kept = [record for record in payload.manifest.adapters if record.name not in without]
    return PackedAdapters([_part(payload, members, record.path)[0] for record in kept], kept)


def states(payload: Payload, members: Members) -> list[tuple[Part, State]]:
    """What was computed of the prompt. Raises: PayloadDamaged, SidecarMissing."""
    return [(_part(payload, members, state.path)[0], state) for state in payload.manifest.states]


def icon(payload: Payload) -> list[Part]:
    """The icon's member, if there is one. Raises: PayloadDamaged."""
    return [Part(each.path, ICON_ROLE, payload.read(each)) for each in payload.by_role(ICON_ROLE)]


def machinery(payload: Payload, members: Members) -> Machinery:
    """Launcher, image and code of `payload` itself: an older lmfile's. Raises: PayloadDamaged."""
    manifest = payload.manifest
    with payload.path.open("rb") as file:
        launcher = file.read(manifest.launcher.size)
    own = [member for member in manifest.members if member.role in ("app", "runtime")]
    texts = {name: payload.read(member) for name, member in _licenses(payload) if not is_of_weights(name)}
    return Machinery(
        launcher=launcher,
        parts=tuple(Part(member.path, member.role, members.taken(member)) for member in own),
        licenses=texts,
        facts=manifest.runtime,
        unpacked_bytes=payload.footer.runtime_unpacked,
        version=manifest.lmfile,
        components=_components(payload, texts),
    )


def weights_licenses(payload: Payload) -> dict[str, bytes]:
    """The licences that belong to the weights, by their names below LICENSES/. Raises: PayloadDamaged."""
    return {name: payload.read(member) for name, member in _licenses(payload) if is_of_weights(name)}


def _components(payload: Payload, texts: Iterable[str]) -> Kept:
    """What the machinery is made of, as its own bill says; by its facts where it has none. Raises: PayloadDamaged."""
    manifest, member = payload.manifest, payload.member(sbom.PATH)
    if member is None:
        return components.of_machinery(manifest.runtime, manifest.target, manifest.lmfile, texts)
    try:
        return components.of_bill(json.loads(payload.read(member)))
    except ValueError as error:
        raise PayloadDamaged(payload.path, str(error)) from error


def is_of_weights(name: str) -> bool:
    """Whether the licence `name`, below LICENSES/, belongs to the weights."""
    return name.startswith(WEIGHTS_LICENSES)


def _licenses(payload: Payload) -> list[tuple[str, Member]]:
    named = [(member.path.removeprefix(LICENSES), member) for member in payload.by_role("license")]
    return [(name, member) for name, member in named if name != OLD_NOTICE]


def _part(payload: Payload, members: Members, path: str) -> tuple[Part, Slice]:
    member = payload.member(path)
    if member is None:
        raise PayloadDamaged(payload.path, f"it names `{path}`, which is no member")
    weights = members.taken(member)
    return Part(path, member.role, weights), weights


def _source(record: Model, weights: Slice) -> Source:
    file = gguf.read(weights.path, weights.offset, weights.size)
    return Source(weights, file, record.name, record.license, Provenance(record.path))


def _message(role: str, content: str) -> Message:
    return Message("user" if role == "user" else "assistant", content)
