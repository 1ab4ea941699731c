"""Puts a recipe, its models and the machinery of a target together: what `build` and `repack` write."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bundler import adapters, container, defaults, identity
from bundler.container import Contents, Part, Written
from bundler.explain import licences, sbom
from bundler.machinery import Machinery
from bundler.model_members import PackedModel
from bundler.recipe import Recipe
from runtime.payload import State
from runtime.payload.licences import FOLDER, ROLE


class Ingredients(NamedTuple):
    """All that goes into one executable; the first of `models` is the main one.

    licenses: texts that were packed with these weights before, by their names below LICENSES/; they stand as they are.
    """

    recipe: Recipe
    target: str
    machinery: Machinery
    models: Sequence[PackedModel]
    assistant: identity.Packed
    adapters: adapters.Packed
    states: Sequence[tuple[Part, State]] = ()
    licenses: Mapping[str, bytes] = {}


def assemble(given: Ingredients) -> Contents:
    """The members and the manifest's facts of one executable."""
    contents = Contents(
        name=given.recipe.name or given.models[0].title,
        target=given.target,
        version=given.machinery.version,
        launcher=given.machinery.launcher,
        parts=[
            *_licenses(given),
            *given.assistant.parts,
            *(model.part for model in given.models),
            *given.adapters.parts,
            *(part for part, _ in given.states),
            *given.machinery.parts,
        ],
        runtime=given.machinery.facts,
        runtime_unpacked=given.machinery.unpacked_bytes,
        models=[model.record for model in given.models],
        adapters=given.adapters.records,
        assistant=given.assistant.record,
        defaults=defaults.packed(given.recipe),
        created=container.created(),
        publisher_version=given.recipe.version,
        states=[state for _, state in given.states],
        sidecar=given.recipe.sidecar or None,
    )
    return replace(contents, parts=[*contents.parts, sbom.part(contents, given.machinery.components)])


def told(file: Path, given: Ingredients, written: Written, of: str = "") -> str:
    """What was written, and what of it is what, in one line; of: where the weights came from."""
    size = written.size_bytes + written.sidecar_bytes
    weights = sum(part.size for part in (*(model.part for model in given.models), *given.adapters.parts))
    computed = sum(part.size for part, _ in given.states)
    return (
        f"{file}: {size / 1e6:.1f} MB = {weights / 1e6:.1f} MB weights"
        + (f" of {of}" if of else "")
        + (f" + {computed / 1e6:.1f} MB computed prompt" if computed else "")
        + f" + {(size - weights - computed) / 1e6:.1f} MB engine, runtime and page"
    )


def _licenses(given: Ingredients) -> list[Part]:
    came_with = {model.record.path: model.source.licenses for model in given.models}
    texts = {
        **given.machinery.licenses,
        **licences.of_models([model.record for model in given.models], came_with),
        **licences.of_publisher(given.recipe.licenses),
        **given.licenses,
    }
    return [Part(f"{FOLDER}{name}", ROLE, text) for name, text in texts.items()]
