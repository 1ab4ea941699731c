"""`lmfile build --dry-run`: what would be packed, from where, how big, and what would be done for it; nothing is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bundler import identity, store
from bundler.console import Console
from bundler.image_recipe import ImageRecipe
from bundler.recipe import Recipe, WantedAdapter, WantedModel
from bundler.runtime_image import KIND, load
from bundler.sources import Located, obtain


@dataclass(frozen=True)
class Row:
    """One thing that would be packed. size_bytes: of it as it is now, before `steps`; None: not known before."""

    role: str
    name: str
    source: str
    size_bytes: int | None
    is_here: bool
    steps: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """What would be done; `outputs`: the file of each target; `settings`: what the recipe says besides."""

    outputs: Mapping[str, str]
    rows: Sequence[Row]
    fetched_bytes: int | None
    settings: Mapping[str, object] = field(default_factory=dict)


def planned(
    recipe: Recipe, files: Mapping[str, Path], models: Sequence[tuple[WantedModel, Located]], assistant: identity.Packed
) -> Plan:
    """Hold the recipe against what is here. Raises: UsageError for a target that there is none of."""
    rows = [_model(wanted, located) for wanted, located in models]
    rows += [_adapter(wanted) for wanted in recipe.adapters]
    rows += [Row(part.role, part.path, "recipe", part.size, True) for part in assistant.parts]
    rows += [_image(target) for target in files]
    away = [row.size_bytes for row in rows if not row.is_here]
    settings = {key: value for key, value in _settings(recipe).items() if value}
    fetched = sum(size or 0 for size in away) if None not in away else None
    return Plan({target: str(file) for target, file in files.items()}, rows, fetched, settings)


def show(plan: Plan, as_json: bool, console: Console) -> None:
    """Print it."""
    if as_json:
        console.result(json.dumps(asdict(plan), ensure_ascii=False, indent=1))
        return
    for target, file in plan.outputs.items():
        console.result(f"{file}  for {target}")
    console.result("")
    for row in plan.rows:
        where = "here" if row.is_here else "to fetch"
        console.result(f"{_size(row.size_bytes):>12}  {row.role:<8} {row.name}: {row.source}, {where}")
        for step in row.steps:
            console.result(f"{'':>12}  {'':<8} then {step}")
    for key, value in plan.settings.items():
        console.result(f"{'':>12}  {key:<8} {json.dumps(value, ensure_ascii=False)}")
    total = "an unknown amount" if plan.fetched_bytes is None else f"{plan.fetched_bytes / 1e6:,.1f} MB"
    console.result(f"\nNothing was done; a build would fetch {total}.")


def _model(wanted: WantedModel, located: Located) -> Row:
    name = wanted.name or located.name or Path(located.text).stem
    steps = obtain.steps(wanted, located)
    return Row(wanted.role or "model", name, located.text, located.size_bytes, located.is_here, steps)


def _adapter(wanted: WantedAdapter) -> Row:
    path = Path(wanted.source).expanduser()
    files = [file for file in path.iterdir() if file.suffix == ".safetensors"] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files) if path.exists() else None
    steps = ["convert it from PEFT to GGUF"] if path.is_dir() else []
    return Row("adapter", wanted.name or path.stem, wanted.source, size, True, steps)


def _image(target: str) -> Row:
    """The engine and Python for `target`, if it was made before; otherwise what making it means."""
    root = store.cache_dir(KIND) / ImageRecipe(target).key
    if root.is_dir():
        return Row("runtime", target, f"image {load(root).sha256[:12]}", load(root).size_bytes, True)
    return Row("runtime", target, "the package index", None, False, ["compile the engine and make the image, once"])


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
