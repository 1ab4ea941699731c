"""The flow of `lmfile build`, top to bottom: recipe, models, adapters, machinery, executable, for each target."""

from dataclasses import dataclass
from pathlib import Path

from bundler import (
    adapters,
    bake,
    chat_template,
    container,
    defaults,
    identity,
    machinery,
    model_members,
    outputs,
    plan,
)
from bundler.assemble import Ingredients, assemble, told
from bundler.console import Console
from bundler.recipe import Recipe
from bundler.sources import obtain


@dataclass(frozen=True)
class Order:
    """How to go about it. force: replace files that are no lmfiles. dry_run: say what would be packed, and stop."""

    force: bool = False
    dry_run: bool = False
    as_json: bool = False


def build(recipe: Recipe, order: Order, console: Console) -> None:
    """Build an executable for each target of `recipe` and print their sizes.

    Raises: LmfileError; nothing is left of a failed build but what the next one goes on with.
    """
    files = outputs.named(recipe)
    for file in files.values():
        outputs.check(file, order.force)
    assistant = identity.packed(recipe)
    defaults.packed(recipe)  # before anything is fetched for it
    located = [(model, obtain.locate(model)) for model in recipe.models]
    for note in filter(None, (found.note for _, found in located)):
        console.step(note)
    if order.dry_run:
        plan.show(plan.planned(recipe, files, located, assistant), order.as_json, console)
        return
    chat_template.check(recipe, console.progress)
    models = model_members.packed(located, console.progress)
    packed = adapters.packed(recipe.adapters, models[0].source.file, console.progress)
    for target, file in files.items():
        machine = machinery.made(target, console.progress)
        given = Ingredients(recipe, target, machine, models, assistant, packed)
        _write(file, given._replace(states=bake.baked(given, console) if recipe.bake else ()), console)


def _write(file: Path, given: Ingredients, console: Console) -> None:
    written = container.write(file, assemble(given), console.progress)
    console.result(told(file, given, written))
    if written.note:
        console.result(written.note)
