"""Each target: whether its runtime image is here, can be made here, or why neither."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bundler import analysis, image_recipe, runtime_image, store
from bundler.doctor.finding import Target
from runtime.errors import LmfileError


def targets(lacks: str) -> Iterator[Target]:
    """Look at each target of build/targets/; `lacks`: a tool without which nothing can be made here, or empty."""
    builder = analysis.builder_target()
    for path in sorted((store.build_dir() / "targets").glob("*.toml")):
        yield _target(path, builder, lacks)


def _target(path: Path, builder: str, lacks: str) -> Target:
    name = path.stem
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    absent = _absent(table)
    if absent:
        return Target(name, "cannot", f"no image yet: build/targets/{path.name} has {absent}")
    try:
        key = image_recipe.ImageRecipe(name).key
    except LmfileError as error:
        return Target(name, "cannot", str(error).rstrip("."))
    except OSError as error:
        return Target(name, "cannot", f"`{error.filename}`: {(error.strerror or str(error)).lower()}")
    root = store.cache_dir(runtime_image.KIND) / key
    here = ", this computer's" if name == builder else ""
    if not _absent(_table(builder)):
        if root.is_dir():
            image = runtime_image.load(root)
            return Target(name, "cached", f"image {key[:12]}, {image.size_bytes / 1e6:.1f} MB{here}")
        if not lacks:
            return Target(name, "makes", f"no image here; the first build makes it, in minutes{here}")
        return Target(name, "imports", f"no image here, and {lacks}; `lmfile runtime import` takes one")
    return Target(name, "cannot", f"nothing is built on {builder} yet; use Linux, or its container")


def _table(target: str) -> dict[str, Any]:
    path = store.build_dir() / "targets" / f"{target}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _absent(table: dict[str, Any]) -> str:
    """What a target's table lacks for an image; empty: nothing."""
    missing = [what for what, is_there in _parts(table) if not is_there]
    return "" if not missing else "neither " + " nor ".join(missing) if len(missing) > 1 else "no " + missing[0]


def _parts(table: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    yield "engine", "engine" in table
    yield "portable CPython", "cpython" in table.get("python", {})
