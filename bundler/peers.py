"""Builds the programs that `make bench` compares us with: `python -m bundler.peers`.

llama-server, llama-bench and llama-quantize come from the same pinned source as our engine,
without our edits, compiled by the system's gcc as a distribution would.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from bundler import cmake, fetch, llama_source, store
from bundler.console import Console
from runtime.errors import BuildFailed, LmfileError

WHAT = "llama.cpp's own programs"
RECIPE = "engine/peers.toml"


def peers(progress: fetch.Progress = fetch.quiet) -> Path:
    """Return the cached directory with the programs and their libraries, building it once.

    Raises: BuildFailed when the system has no C++ compiler or the build stops.
    """
    recipe = store.build_dir() / RECIPE
    key = store.recipe_hash(fetch.pins()[llama_source.PIN].sha256, recipe, _compiler())

    def make(folder: Path) -> None:
        source = llama_source.unpack(folder / "source", progress)
        options = tomllib.loads(recipe.read_text(encoding="utf-8"))
        built = cmake.build(
            source / llama_source.LLAMA_CPP,
            options["options"] | {"CMAKE_C_COMPILER": "gcc", "CMAKE_CXX_COMPILER": "g++"},
            options["targets"],
            log=store.cache_dir("logs") / f"peers-{key[:16]}.log",
            what=WHAT,
            progress=progress,
        )
        for file in (built / "bin").iterdir():
            shutil.move(file, folder / file.name)
        shutil.rmtree(source)

    return store.once("peers", key, make)


def copy(built: Path, target: Path) -> None:
    """Put the programs at `target`, by hard links where the file system allows it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(built, target, symlinks=True, copy_function=_link_or_copy)


def main() -> int:
    """Build the programs into dist/peers/ of the checkout; return the exit code."""
    console = Console()
    target = store.project_dir() / "dist" / "peers"
    try:
        copy(peers(console.progress), target)
    except LmfileError as error:
        console.error(str(error))
        return error.exit_code
    console.result(str(target))
    return 0


def _compiler() -> str:
    """The identity of the system's compiler, which decides the programs' bytes."""
    for name in ("gcc", "g++"):
        if not shutil.which(name):
            raise BuildFailed(WHAT, f"`{name}` is not installed; on Debian `apt install g++` brings it")
    return subprocess.run(["g++", "--version"], capture_output=True, text=True, timeout=30, check=False).stdout


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())
