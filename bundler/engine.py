"""Builds the engine libraries of a target: llama.cpp with its Python bindings and ours, once per recipe.

The result is a directory that goes into a runtime image as it is:

    llama_cpp/          the bindings (ctypes), and an __init__.py of our own that imports nothing
    llama_cpp/lib/      libllama, libmtmd, libggml, libggml-base and one libggml-cpu-* per CPU level; liblmfile-rows
    LICENSES/           the licence of everything that is compiled in
    engine.json         what was built, how, and the sha256 of every file

The recipe is build/engine/ and the `[engine]` table of the target; build/README.md explains it.
"""

import hashlib
import json
import re
import shutil
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

from bundler import cmake, fetch, llama_source, store, systems, targets, toolchain
from runtime.errors import BuildFailed, UsageError

INIT = '"""The bindings of llama.cpp; import `llama_cpp.llama_cpp`, and `llama_cpp.mtmd_cpp` for images and sound."""\n'
LIBRARY_SUFFIXES = (".so", ".dylib", ".dll")
ROWS = "lmfile-rows"


def engine(target: str = "linux-x86_64", progress: fetch.Progress = fetch.quiet) -> Path:
    """Return the cached engine directory of `target`, building it if there is none.

    Raises: UsageError for a target without an engine, DownloadFailed, BuildFailed.
    """
    return Recipe(target).make(progress)


class Recipe:
    """Everything that decides the engine's bytes; equal recipes have equal hashes."""

    def __init__(self, target: str, compiler: str = "") -> None:
        """`compiler`: that of another computer, to know what it has made; none is found here by it."""
        self.target = target
        self._folder = store.build_dir() / "engine"
        self._recipe = _table(self._folder / "recipe.toml")
        self._table = _target_table(target)
        self._system = systems.named(self._table["system"])
        self._zig_version = cmake.zig_version()
        self._toolchain = toolchain.choose(self._table, self._folder, compiler)
        ingredients = [self._folder / name for name in ("recipe.toml", "zig.cmake", "hidden.map")]
        ingredients += [file for file in self._toolchain.files() if file not in ingredients]
        ingredients += sorted((self._folder / "rows").iterdir())
        self.hash = store.recipe_hash(
            fetch.pins()[llama_source.PIN].sha256,
            self._zig_version,
            self._table,
            *ingredients,
            *llama_source.edits(),
            *filter(None, [self._toolchain.compiler]),
        )

    @property
    def compiler(self) -> str:
        """Which compiler of the system's own the toolchain leads to; empty: zig."""
        return self._toolchain.compiler

    def make(self, progress: fetch.Progress) -> Path:
        """Return the engine directory of this recipe, building it at most once."""

        def build(folder: Path) -> None:
            source = llama_source.unpack(folder / "source", progress)
            llama_source.apply_edits(source)
            rows = shutil.copytree(self._folder / "rows", source / "rows")
            built = self.compile(source / llama_source.LLAMA_CPP, self._recipe["targets"], progress) / "bin"
            self._collect(source, [built, self.compile(rows, [ROWS], progress)], folder)
            shutil.rmtree(source)
            self._check(folder)
            self._describe(folder)

        return store.once("engine", self.hash, build)

    def compile(self, source: Path, targets: list[str], progress: fetch.Progress = fetch.quiet) -> Path:
        """Compile some of the CMake targets of `source`; return the build directory."""
        zig = {
            "CMAKE_TOOLCHAIN_FILE": str(self._toolchain.file),
            "ZIG": str(cmake.zig()),
            "ZIG_TARGET": self._table["triple"],
            "ZIG_SYSTEM": self._table["system"],
            "ZIG_PROCESSOR": self._table["processor"],
        }
        what = f"the engine for {self.target}"
        log = store.cache_dir("logs") / f"engine-{self.target}-{self.hash[:16]}.log"
        return cmake.build(source, self._recipe["options"] | zig, targets, log, what, progress)

    def _collect(self, source: Path, built: list[Path], folder: Path) -> None:
        package = folder / "llama_cpp"
        libraries = package / "lib"
        libraries.mkdir(parents=True)
        (package / "__init__.py").write_text(INIT, encoding="utf-8")
        for name in self._recipe["bindings"]:
            shutil.copyfile(source / "llama_cpp" / name, package / name)
        for file in chain.from_iterable(place.iterdir() for place in built):
            if file.suffix in LIBRARY_SUFFIXES:
                shutil.copyfile(file, libraries / file.name)
        (folder / "LICENSES").mkdir()
        for name, place in self._recipe["licenses"].items():
            (folder / "LICENSES" / f"{name}.txt").write_text(_license(source, **place), encoding="utf-8")

    def _check(self, folder: Path) -> None:
        self._system.binaries.gate(folder, targets.python(self.target).floor, self._table["processor"])

    def _describe(self, folder: Path) -> None:
        pin = fetch.pins()[llama_source.PIN]
        facts = {
            "target": self.target,
            "recipe": self.hash,
            "llama_cpp_python": {"archive": pin.filename, "sha256": pin.sha256},
            "llama_cpp": {"commit": self._recipe["commit"], "edits": [edit.stem for edit in llama_source.edits()]},
            "zig": {"version": self._zig_version, "triple": self._table["triple"]},
            "toolchain": {"file": self._toolchain.file.name, "compiler": self._toolchain.compiler},
            "options": self._recipe["options"],
            "cpu_variants": sorted(_variants(folder)),
            "exports": {file.path.name: list(file.exports) for file in self._system.binaries.survey(folder)},
            "files": _files(folder),
        }
        text = json.dumps(facts, indent=1, sort_keys=True) + "\n"
        (folder / "engine.json").write_text(text, encoding="utf-8")


def _target_table(target: str) -> dict[str, str]:
    path = store.build_dir() / "targets" / f"{target}.toml"
    if not path.is_file() or "engine" not in (table := _table(path)):
        raise UsageError(f"Building the engine for `{target}`: build/targets/ has none for it; choose another target.")
    return {str(key): str(value) for key, value in table["engine"].items()}


def _table(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _license(source: Path, file: str, begin: str = "", end: str = "") -> str:
    """The text of a licence that stands in a file of its own or between two marks of a source file."""
    root = cmake.zig().parent if file.startswith("zig/") else source
    text = (root / file.removeprefix("zig/")).read_text(encoding="utf-8")
    start = text.find(begin)
    stop = text.find(end, start) if end else len(text)
    if start < 0 or stop < 0:
        raise BuildFailed("the engine", f"the licence in `{file}` is not where the recipe says")
    return text[start:stop].strip() + "\n"


def _variants(folder: Path) -> list[str]:
    names = (re.search(r"ggml-cpu-(.+)\.", file.name) for file in (folder / "llama_cpp" / "lib").iterdir())
    return [name[1] for name in names if name]


def _files(folder: Path) -> list[dict[str, str | int]]:
    return [
        {
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
