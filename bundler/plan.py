"""`lmfile build --dry-run`: what would be packed, from where, how big, and what would be done for it; nothing is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bundler import adapters, identity, machinery, store
from bundler.console import Console
from bundler.content import size_bytes
from bundler.fetch import quiet
from bundler.image_recipe import ImageRecipe
from bundler.recipe import Recipe, WantedAdapter, WantedModel
from bundler.runtime_image import KIND
from bundler.sources import Located, obtain


@dataclass(frozen=True)
class Row:
    """One thing that would be packed. size_bytes: of it as it is now, before `steps`; None: not known before.

    target: the only one that it is for; empty: all.
    """

    role: str
    name: str
    source: str
    size_bytes: int | None
    is_here: bool
    steps: Sequence[str] = ()
    target: str = ""


@dataclass(frozen=True)
class Plan:
    """What would be done. outputs: the file of each target; sizes_bytes: how big these would be, but for the manifest
    and what stands between members; None: not known before. settings: what the recipe says besides.
    """

    outputs: Mapping[str, str]
    sizes_bytes: Mapping[str, int | None]
    rows: Sequence[Row]
    fetched_bytes: int | None
    settings: Mapping[str, object] = field(default_factory=dict)


def planned(
    recipe: Recipe, files: Mapping[str, Path], models: Sequence[tuple[WantedModel, Located]], assistant: identity.Packed
) -> Plan:
    """Hold the recipe against what is here. Raises: UsageError for a target that there is none of;
    AdapterNotFound.
    """
    rows = [_model(wanted, located) for wanted, located in models]
    rows += [_adapter(wanted) for wanted in recipe.adapters]
    rows += [Row(part.role, part.path, "recipe", part.size, True) for part in assistant.parts]
    for target in files:
        rows += _machinery(target)
    away = [row.size_bytes for row in rows if not row.is_here]
    settings = {key: value for key, value in _settings(recipe).items() if value}
    return Plan(
        outputs={target: str(file) for target, file in files.items()},
        sizes_bytes={target: _total(rows, target, recipe.bake) for target in files},
        rows=rows,
        fetched_bytes=sum(size or 0 for size in away) if None not in away else None,
        settings=settings,
    )


def show(plan: Plan, as_json: bool, console: Console) -> None:
    """Print it."""
    if as_json:
        console.result(json.dumps(asdict(plan), ensure_ascii=False, indent=1))
        return
    for target, file in plan.outputs.items():
        size = plan.sizes_bytes[target]
        about = "size known when it is made" if size is None else f"about {size / 1e6:,.1f} MB"
        console.result(f"{file}: for {target}, {about}")
    console.result(f"\n{'bytes':>14}  what")
    for row in plan.rows:
        where = "" if row.is_here else ", to fetch"
        target = f" for {row.target}" if row.target and len(plan.outputs) > 1 else ""
        console.result(f"{_size(row.size_bytes):>14}  {row.role:<9} {row.name}{target}, from {row.source}{where}")
        for step in row.steps:
            console.result(f"{'':>14}  {'':<9} then: {step}")
    for key, value in plan.settings.items():
        console.result(f"{'':>14}  {key:<9} {json.dumps(value, ensure_ascii=False)}")
    total = "an amount that is not known" if plan.fetched_bytes is None else f"{plan.fetched_bytes / 1e6:,.1f} MB"
    console.result(f"\nNothing was done. A build would fetch {total}.")


def _model(wanted: WantedModel, located: Located) -> Row:
    name = wanted.name or located.name or Path(located.text).stem
    steps = obtain.steps(wanted, located)
    return Row(wanted.role or "model", name, located.text, located.size_bytes, located.is_here, steps)


def _adapter(wanted: WantedAdapter) -> Row:
    located = adapters.locate(wanted)
    steps = ["convert it from PEFT to GGUF"] if located.is_folder else []
    name = wanted.name or located.name or Path(located.text).stem
    return Row("adapter", name, located.text, located.size_bytes, located.is_here, steps)


def _machinery(target: str) -> list[Row]:
    """Launcher, our code and the image, if that was made before; otherwise what making it means."""
    if not (store.cache_dir(KIND) / ImageRecipe(target).key).is_dir():
        steps = ["compile the engine and make the image, once"]
        return [Row("runtime", "engine and Python", "the package index", None, False, steps, target)]
    made = machinery.made(target, quiet)
    ours, version = "this lmfile", f"lmfile {made.version}"
    app = [part.size for part in made.parts if part.role == "app"]
    texts = sum(map(len, made.licenses.values()))
    image = sum(part.size for part in made.parts if part.role == "runtime")
    return [
        Row("launcher", version, ours, size_bytes(made.launcher), True, (), target),
        Row("license", f"{len(made.licenses)} texts", ours, texts, True, (), target),
        Row("app", f"{len(app)} files", ours, sum(app), True, (), target),
        Row("runtime", f"image {str(made.facts['sha256'])[:12]}", "the cache", image, True, (), target),
    ]


def _total(rows: Sequence[Row], target: str, bakes: bool) -> int | None:
    """What an output would have; None where a size is only known after a step."""
    sizes = [None if row.steps else row.size_bytes for row in rows if row.target in ("", target)]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) and not bakes else None


def _settings(recipe: Recipe) -> dict[str, object]:
    return {
        "name": recipe.name,
        "version": recipe.version,
        "defaults": dict(recipe.defaults),
        "bake": recipe.bake,
        "sidecar": recipe.sidecar,
    }


def _size(size_bytes: int | None) -> str:
    return "?" if size_bytes is None else f"{size_bytes:,}"
