"""Puts a recipe, its models and the machinery of a target together: what `build` and `repack` write."""

from collections.abc import Sequence
from typing import NamedTuple

from bundler import adapters, container, defaults, identity
from bundler.container import Contents, Part
from bundler.machinery import Machinery
from bundler.model_members import PackedModel
from bundler.recipe import Recipe
from runtime.payload import Model, State


class Ingredients(NamedTuple):
    """All that goes into one executable; the first of `models` is the main one."""

    recipe: Recipe
    target: str
    machinery: Machinery
    models: Sequence[PackedModel]
    assistant: identity.Packed
    adapters: adapters.Packed
    states: Sequence[tuple[Part, State]] = ()


def assemble(given: Ingredients) -> Contents:
    """The members and the manifest's facts of one executable."""
    records = [model.record for model in given.models]
    return Contents(
        name=given.recipe.name or given.models[0].title,
        target=given.target,
        version=given.machinery.version,
        launcher=given.machinery.launcher,
        parts=[
            *_licenses(given.machinery, records),
            *given.assistant.parts,
            *(model.part for model in given.models),
            *given.adapters.parts,
            *(part for part, _ in given.states),
            *given.machinery.parts,
        ],
        runtime=dict(given.machinery.facts),
        runtime_unpacked=given.machinery.unpacked_bytes,
        models=records,
        adapters=given.adapters.records,
        assistant=given.assistant.record,
        defaults=defaults.packed(given.recipe),
        created=container.created(),
        publisher_version=given.recipe.version,
        states=[state for _, state in given.states],
        sidecar=given.recipe.sidecar or None,
    )


def weights_bytes(given: Ingredients) -> int:
    """What models and adapters take."""
    return sum(part.size for part in (*(model.part for model in given.models), *given.adapters.parts))


def _licenses(machinery: Machinery, models: Sequence[Model]) -> list[Part]:
    texts = {**machinery.licenses, "model.txt": "\n".join(map(_notice, models)).encode()}
    return [Part(f"LICENSES/{name}", "license", text) for name, text in texts.items()]


def _notice(model: Model) -> str:
    notice = f"{model.name}\n\nFile: {model.path}\nLicense, as its publisher states it: {model.license}\n"
    if model.license.lower() == "apache-2.0":
        notice += "The text of the Apache License 2.0 is in lmfile.txt beside this file.\n"
    return notice
