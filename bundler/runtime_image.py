"""Makes the runtime image of a target: interpreter, modules and engine as one tree and one archive.

    bin/lmfile           the interpreter
    bin/lib/             all of sys.path: modules (.pyc and extension modules) and llama_cpp/ with the engine
    freeze_core.libs/    shared libraries of extension modules

Our own code is not in it: an executable carries it beside the image. But what our code imports decides
which modules are, so the recipe holds our list of imports and not our text.
"""

import json
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bundler import analysis, archive, cpython, elf, engine, fetch, imports, store, targets, wheels
from runtime.errors import BuildFailed

KIND = "images"
ARCHIVE = "runtime.tar.zst"
FACTS = "image.json"
LICENSES = "LICENSES"
BOOT = "__init__lmfile"
"""The module that the interpreter, by its file name, starts with."""


@dataclass(frozen=True)
class RuntimeImage:
    """One image in the cache, in the directory `root`; `packages` are versions by name."""

    root: Path
    target: str
    sha256: str
    size_bytes: int
    unpacked_bytes: int
    python: str
    glibc: str
    engine: Mapping[str, object]
    packages: Mapping[str, str]

    @property
    def archive(self) -> Path:
        """The runtime.tar.zst."""
        return self.root / ARCHIVE

    @property
    def licenses(self) -> Path:
        """The directory of the licence texts of everything in the image."""
        return self.root / LICENSES


@dataclass(frozen=True)
class Recipe:
    """build/python/image.toml; see there for the fields."""

    packages: list[str]
    tools: list[str]
    lazy: list[str]
    include: dict[str, str]
    exclude: dict[str, str]


def runtime_image(target: str = "linux-x86_64", progress: fetch.Progress = fetch.quiet) -> RuntimeImage:
    """The runtime image for `target`, built if the cache does not have it.

    Raises: UsageError for a target without a portable CPython; DownloadFailed; BuildFailed.
    """
    parts = _Parts(target, progress)
    return load(store.once(KIND, parts.key, parts.make))


def load(root: Path) -> RuntimeImage:
    """Read the facts of an image in the cache."""
    facts = json.loads((root / FACTS).read_text(encoding="utf-8"))
    return RuntimeImage(root=root, **facts)


def recipe() -> Recipe:
    """Read build/python/image.toml."""
    return Recipe(**tomllib.loads(_source("image.toml").read_text(encoding="utf-8")))


class _Parts:
    """What an image is made of, found or built, and the steps that put it together."""

    def __init__(self, target: str, progress: fetch.Progress) -> None:
        self._target = target
        self._progress = progress
        self._recipe = recipe()
        self._python = cpython.portable(target, progress)
        self._packages = wheels.unpacked(self._recipe.packages, target, progress)
        self._engine = engine.engine(target)
        found = imports.statements(store.project_dir() / "runtime") + imports.statements(self._engine / "llama_cpp")
        self._request = analysis.Request(sorted(set(found)), list(self._recipe.include), list(self._recipe.exclude))

    @property
    def key(self) -> str:
        parts = [self._target, self._python.root.name, self._packages.name, self._engine.name, asdict(self._recipe)]
        code = [Path(__file__), Path(archive.__file__), *map(_source, ("analyse.py", "bytecode.py", "boot.py"))]
        return store.recipe_hash(parts, asdict(self._request), *code)

    def make(self, staging: Path) -> None:
        tree = staging / "tree"
        self._copy_interpreter(tree)
        self._compile(tree, self._modules())
        self._copy_engine(tree)
        self._copy_libraries(tree)
        settings = targets.python(self._target)
        elf.gate(tree, settings.glibc, settings.machine)
        written = archive.write(tree, staging / ARCHIVE)
        self._copy_licenses(staging / LICENSES)
        facts = asdict(written) | {
            "target": self._target,
            "python": self._python.version,
            "glibc": settings.glibc,
            "engine": json.loads((self._engine / "engine.json").read_text(encoding="utf-8")),
            "packages": {name: _version(wheels.pin(name, self._target)) for name in self._recipe.packages},
        }
        (staging / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
        shutil.rmtree(tree)

    def _modules(self) -> Iterator[tuple[Path, str]]:
        """Yield (file, path below bin/lib) of each module that the analysis found and the interpreter lacks."""
        kinds = analysis.modules(self._request, self._recipe.packages, self._recipe.tools, self._progress)
        for name in sorted(set(kinds) - self._python.inside):
            file = self._find(name)
            if file is not None:
                yield file
            elif kinds[name] in analysis.IN_A_FILE:
                raise BuildFailed("the runtime image", f"the module {name} has no file for {self._target}")

    def _find(self, name: str) -> tuple[Path, str] | None:
        base = name.replace(".", "/")
        endings = ("/__init__.py", "/__init__.pyc", ".py", ".pyc", self._python.extension, ".abi3.so", ".so")
        for folder in (self._packages, self._python.lib):
            for ending in endings:
                if (folder / (base + ending)).is_file():
                    return folder / (base + ending), base + ending
        return None

    def _copy_interpreter(self, tree: Path) -> None:
        (tree / "bin" / "lib").mkdir(parents=True)
        shutil.copy(self._python.executable, tree / "bin" / "lmfile")

    def _compile(self, tree: Path, modules: Iterator[tuple[Path, str]]) -> None:
        """Put modules below bin/lib: Python as .pyc, extension modules as they are."""
        lib = tree / "bin" / "lib"
        jobs = [(str(_source("boot.py")), f"{BOOT}.py", str(lib / f"{BOOT}.pyc"))]
        sources = [*modules, *((path, f"llama_cpp/{path.name}") for path in (self._engine / "llama_cpp").glob("*.py"))]
        for file, name in sorted(sources, key=lambda source: source[1]):
            if file.suffix == ".so":
                (lib / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, lib / name)
            else:
                jobs.append((str(file), name.removesuffix("c"), str((lib / name).with_suffix(".pyc"))))
        builder = cpython.portable(analysis.builder_target(), self._progress)
        analysis.run(builder, _source("bytecode.py"), {"jobs": jobs, "lazy": self._recipe.lazy}, [], tree.parent)

    def _copy_engine(self, tree: Path) -> None:
        shutil.copytree(self._engine / "llama_cpp" / "lib", tree / "bin" / "lib" / "llama_cpp" / "lib")

    def _copy_libraries(self, tree: Path) -> None:
        """Add the libraries that the extension modules in `tree` need, and those that these need."""
        places = {path.name: tree / cpython.LIBRARIES for path in self._python.libraries.iterdir()}
        places |= {path.name: tree / "bin" / "lib" for path in self._python.lib.glob("lib*.so")}
        while wanted := {name for file in elf.survey(tree) for name in file.needed if name in places}:
            for name in sorted(wanted):
                places_of = places.pop(name)
                places_of.mkdir(exist_ok=True)
                source = self._python.lib if places_of.name == "lib" else self._python.libraries
                shutil.copyfile(source / name, places_of / name)

    def _copy_licenses(self, into: Path) -> None:
        shutil.copytree(self._python.licenses, into)
        shutil.copytree(self._engine / LICENSES, into, dirs_exist_ok=True)
        for path in sorted(self._packages.glob("*.dist-info/**/*")):
            if path.is_file() and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE")):
                package = path.relative_to(self._packages).parts[0].partition("-")[0]
                shutil.copyfile(path, into / f"{package}-{path.stem}.txt")


def _source(name: str) -> Path:
    return store.build_dir() / "python" / name


def _version(pin: fetch.Pin) -> str:
    return pin.filename.split("-")[1]
