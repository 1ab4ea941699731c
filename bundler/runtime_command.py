"""The bodies of `lmfile runtime build`, `list`, `clean`, `export` and `import`."""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bundler import analysis, image_files, runtime_image, store, targets
from bundler.console import Console
from bundler.image_recipe import ImageRecipe
from bundler.runtime_image import RuntimeImage
from runtime.errors import CacheBusy, LmfileError, UsageError

BUSY_TIMEOUT_S = 1.0


def run(options: argparse.Namespace, console: Console) -> int:
    """Do `options.action`; the flags are --target for build and export, --json for list, --all for clean.

    Raises: UsageError for files where none can be, LmfileError.
    """
    if bool(options.files) != (options.action == "import"):
        what = "name the files to import" if not options.files else f"`{options.action}` takes no files"
        raise UsageError(f"Reading the command line: {what}; `lmfile runtime --help` shows what there is.")
    if options.action == "build":
        build(console, options.target or analysis.builder_target())
    elif options.action == "list":
        list_images(console, options.json)
    elif options.action == "export":
        export(console, options.target or analysis.builder_target(), options.output)
    elif options.action == "import":
        import_(console, options.files)
    else:
        clean(console, options.all)
    return 0


def build(console: Console, target: str) -> None:
    """Build the image of `target` unless it is there, and print where it is and how large."""
    image = runtime_image.runtime_image(target, console.progress)
    console.step(f"Python {image.python}, llama.cpp of llama-cpp-python {image.engine['llama_cpp_python']}")
    sizes = f"{image.size_bytes / 1e6:.1f} MB, {image.unpacked_bytes / 1e6:.1f} MB unpacked"
    floor = f" with glibc {image.glibc} or newer" if image.glibc else ""
    console.result(f"{image.archive}: {sizes}, for {target}{floor}")


def list_images(console: Console, as_json: bool = False) -> None:
    """Print every image in the cache; a current one is what a build would use now."""
    current = _current()
    found = [(image, image.root.name in current) for image in _images()]
    if as_json:
        records = [asdict(image) | {"root": str(image.root), "current": is_current} for image, is_current in found]
        console.result(json.dumps(records, indent=1, sort_keys=True))
        return
    for image, is_current in found:
        state = "current" if is_current else "unused"
        console.result(f"{image.root.name[:12]}  {image.target:<15} {image.size_bytes / 1e6:6.1f} MB  {state}")
    if not found:
        console.step("There are no runtime images; `lmfile runtime build` makes one.")


def export(console: Console, target: str, output: Path | None) -> None:
    """Write the image of `target` to a file for other computers, and print where it is and its hash."""
    file = output or Path(f"image-{target}.lmrt")
    size_bytes = image_files.export(target, file, console.progress)
    console.result(f"{file}: {size_bytes / 1e6:.1f} MB, for {target}; `lmfile runtime import {file.name}` takes it in")


def import_(console: Console, files: Sequence[Path]) -> None:
    """Take in images that other computers have made."""
    for file in files:
        target, is_new = image_files.take(file, console.progress)
        console.result(f"{file}: for {target}, {'now in the cache' if is_new else 'was in the cache already'}")


def clean(console: Console, everything: bool = False) -> None:
    """Remove the images that no build would use now, or all; what a build is making stays."""
    kept = frozenset() if everything else _current()
    freed_bytes = 0
    for root in sorted(store.cache_dir(runtime_image.KIND).iterdir()):
        if root.is_dir() and root.name.removesuffix(".partial") not in kept:
            freed_bytes += _remove(root, console)
    console.result(f"Removed {freed_bytes / 1e6:.1f} MB of runtime images.")


def _remove(root: Path, console: Console) -> int:
    key = root.name.removesuffix(".partial")
    size_bytes = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    try:
        with store.lock(root.with_name(key + ".lock"), BUSY_TIMEOUT_S):
            shutil.rmtree(root)
    except CacheBusy:
        console.step(f"{key[:12]} is being built and stays.")
        return 0
    return size_bytes


def _images() -> list[RuntimeImage]:
    roots = sorted(store.cache_dir(runtime_image.KIND).glob(f"*/{runtime_image.FACTS}"))
    return [runtime_image.load(path.parent) for path in roots if not path.parent.name.endswith(".partial")]


def _current() -> frozenset[str]:
    """The recipe hashes of the images that builds would use now, of every target that has one."""
    keys = []
    for target in targets.names():
        try:
            keys.append(ImageRecipe(target).key)
        except LmfileError:
            continue  # no image is built for this target yet
    return frozenset(keys)
