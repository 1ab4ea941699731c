"""The flow of `lmfile repack`: an executable is made anew around its weights, which are neither read nor hashed.

What is new is the machinery, unless the old one is kept, and what the recipe says otherwise than before. A prompt that
was baked stays where it still fits, and is baked anew where it does not. A signature never fits what was changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler import adapters, bake, chat_template, container, defaults, identity, machinery, outputs, plan, unpacked
from bundler.assemble import Ingredients, assemble, told
from bundler.console import Console
from bundler.contents import Part
from bundler.explain import licences
from bundler.machinery import Machinery
from bundler.model_members import PackedModel
from bundler.plan import Plan, Row
from bundler.recipe import Recipe
from bundler.sources.source import Progress
from bundler.taken import Members
from runtime.errors import UsageError
from runtime.payload import Payload, State


@dataclass(frozen=True)
class Order:
    """How to go about it. force: replace files that are no lmfiles. keep_runtime: with launcher, image and code as
    they are. keep_icon, keep_adapters, keep_texts: the recipe adds to those that there are. without: adapters to leave
    out. dry_run: say what would be packed, and stop.
    """

    force: bool = False
    keep_runtime: bool = False
    keep_icon: bool = True
    keep_adapters: bool = True
    keep_texts: bool = True
    without: Sequence[str] = ()
    dry_run: bool = False
    as_json: bool = False


def repack(payload: Payload, recipe: Recipe, order: Order, console: Console) -> None:
    """Write an executable for each target of `recipe` with the weights of `payload`, and print their sizes.

    Raises: LmfileError; nothing is left of a failed repack, and `payload` is as before.
    """
    files = outputs.named(recipe)
    for file in files.values():
        outputs.check(file, order.force)
    _check(payload, files, order)
    defaults.packed(recipe)  # before the machinery is made, which may take minutes
    assistant = _assistant(payload, recipe, order)
    if order.dry_run:
        plan.show(_planned(payload, recipe, order, files, assistant), order.as_json, console)
        return
    chat_template.check(recipe, console.progress)
    if payload.signature is not None:
        console.step(f"The signature of `{payload.path.name}` is left out: it is not one of what is changed.")
    members = Members(payload)
    models = unpacked.models(payload, members)
    packed = _adapters(payload, members, recipe, order, models[0], console.progress)
    for target, file in files.items():
        machine = _machinery(payload, members, target, order, console)
        given = Ingredients(recipe, target, machine, models, assistant, packed)
        given = given._replace(
            states=_states(payload, members, given, console), licenses=_licenses(payload, recipe, order)
        )
        _write(file, payload, given, console)


def _check(payload: Payload, files: dict[str, Path], order: Order) -> None:
    if order.keep_runtime and list(files) != [payload.manifest.target]:
        raise UsageError(
            f"Repacking `{payload.path}`: its runtime is for {payload.manifest.target} alone; leave out --runtime keep."
        )
    names = [adapter.name for adapter in payload.manifest.adapters]
    if missing := next((name for name in order.without if name not in names), None):
        there = ", ".join(f"`{name}`" for name in names) or "none"
        raise UsageError(f"Repacking `{payload.path}`: it has no adapter `{missing}`, but {there}; correct the name.")


def _planned(
    payload: Payload, recipe: Recipe, order: Order, files: dict[str, Path], assistant: identity.Packed
) -> Plan:
    """What would be packed: the recipe's parts as a build's, and what is taken over."""
    found = plan.planned(recipe, {} if order.keep_runtime else files, (), assistant)
    roles = {"model", "mmproj", *(("adapter",) if order.keep_adapters else ()), *(("state",) if recipe.bake else ())}
    roles |= {"app", "runtime"} if order.keep_runtime else set()
    left_out = {record.path for record in payload.manifest.adapters if record.name in order.without}
    members = [each for each in payload.manifest.members if each.role in roles and each.path not in left_out]
    rows = [Row(each.role, each.path, payload.path.name, each.size, True) for each in members if each.role != "app"]
    kept = sum(each.size for each in members)
    if order.keep_runtime:
        code = sum(each.size for each in members if each.role == "app")
        rows.append(Row("app", "our code and the page", payload.path.name, code, True))
        rows.append(Row("launcher", "launcher", payload.path.name, payload.manifest.launcher.size, True))
        others = sum(row.size_bytes or 0 for row in found.rows) + payload.manifest.launcher.size
        sizes: dict[str, int | None] = dict.fromkeys(files, kept + others)
    else:
        sizes = {target: None if size is None else size + kept for target, size in found.sizes_bytes.items()}
    outputs_of = {target: str(file) for target, file in files.items()}
    return replace(found, outputs=outputs_of, sizes_bytes=sizes, rows=[*rows, *found.rows])


def _machinery(payload: Payload, members: Members, target: str, order: Order, console: Console) -> Machinery:
    return unpacked.machinery(payload, members) if order.keep_runtime else machinery.made(target, console.progress)


def _assistant(payload: Payload, recipe: Recipe, order: Order) -> identity.Packed:
    """As the recipe says it; an icon that it does not name is that of before."""
    found = identity.packed(recipe)
    if found.parts or not order.keep_icon or not payload.manifest.assistant.icon:
        return found
    parts = unpacked.icon(payload)
    return identity.Packed(found.record._replace(icon=payload.manifest.assistant.icon), parts)


def _adapters(
    payload: Payload, members: Members, recipe: Recipe, order: Order, main: PackedModel, progress: Progress
) -> adapters.Packed:
    """Those of before, less what is left out or replaced by one of the same name, and those of the recipe."""
    new = adapters.packed(recipe.adapters, main.source.file, progress)
    without = [*order.without, *(record.name for record in new.records)]
    if not order.keep_adapters:
        return new
    kept = unpacked.adapters(payload, members, without)
    return adapters.Packed([*kept.parts, *new.parts], [*kept.records, *new.records])


def _licenses(payload: Payload, recipe: Recipe, order: Order) -> dict[str, bytes]:
    """The texts that came with the weights; of the publisher's those that the recipe does not replace."""
    replaced = licences.of_publisher(recipe.licenses)
    return {
        name: text
        for name, text in unpacked.weights_licenses(payload).items()
        if name not in replaced and (order.keep_texts or not name.startswith(f"{licences.OF_THE_PUBLISHER}/"))
    }


def _states(payload: Payload, members: Members, given: Ingredients, console: Console) -> Sequence[tuple[Part, State]]:
    """What was computed of the prompt, where nothing was changed that it depends on; otherwise it is computed anew."""
    if not given.recipe.bake:
        return ()
    if payload.manifest.states and _decides_states(payload, given) == _decided_states(payload):
        return unpacked.states(payload, members)
    return bake.baked(given, console)


def _decides_states(payload: Payload, given: Ingredients) -> tuple[object, ...]:
    """What the memory of a prompt depends on, in what is to be."""
    before, now = payload.manifest.assistant, given.assistant.record
    texts = before._replace(system_prompt=now.system_prompt, starters=now.starters, messages=now.messages)
    always = [(record.name, record.scale) for record in given.adapters.records if record.scale]
    return texts, always, given.machinery.facts.get("engine"), given.recipe.chat_template, dict(given.recipe.defaults)


def _decided_states(payload: Payload) -> tuple[object, ...]:
    """The same, in what is there."""
    manifest, recipe = payload.manifest, unpacked.recipe(payload)
    always = [(record.name, record.scale) for record in manifest.adapters if record.scale]
    return manifest.assistant, always, manifest.runtime.get("engine"), recipe.chat_template, dict(recipe.defaults)


def _write(file: Path, payload: Payload, given: Ingredients, console: Console) -> None:
    written = container.write(file, assemble(given), console.progress)
    if written.note:
        console.step(written.note)
    if file.absolute() == payload.path.absolute() and payload.manifest.sidecar and written.sidecar is None:
        console.step(f"`{payload.manifest.sidecar.name}` beside it is not needed any more, unless by another program.")
    console.result(told(file, given, written, payload.path.name))
