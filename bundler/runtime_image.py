"""Makes the runtime image of a target: interpreter, modules and engine as one tree, and the tree as one archive.

    bin/lmfile           the interpreter; lmfile.exe on Windows
    bin/lib/             all of sys.path: modules (.pyc and extension modules) and llama_cpp/ with the engine

and shared libraries of extension modules where those of the target look for them.

Our own code is not in it, an executable carries it beside the image; but what it imports decides
which modules are.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bundler import analysis, archive, cpython, elf, engine, fetch, imports, store, systems, targets, trim, wheels
from bundler.image_recipe import ImageRecipe, source
from runtime.errors import BuildFailed

KIND = "images"
ARCHIVE = "runtime.tar.zst"
FACTS = "image.json"
LICENSES = "LICENSES"
WHAT = "the runtime image"


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
    engine: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def archive(self) -> Path:
        """The runtime.tar.zst."""
        return self.root / ARCHIVE

    @property
    def licenses(self) -> Path:
        """The directory of the licence texts of everything in the image."""
        return self.root / LICENSES


def runtime_image(target: str = "linux-x86_64", progress: fetch.Progress = fetch.quiet) -> RuntimeImage:
    """The runtime image for `target`, built if the cache does not have it.

    Raises: UsageError for a target without a portable CPython or engine; DownloadFailed; BuildFailed.
    """
    recipe = ImageRecipe(target)
    return load(store.once(KIND, recipe.key, lambda staging: _Build(recipe, staging, progress).run()))


def load(root: Path) -> RuntimeImage:
    """Read the facts of the image in `root`."""
    facts = json.loads((root / FACTS).read_text(encoding="utf-8"))
    return RuntimeImage(root=root, **facts)


class _Build:
    """Puts the parts of one image together in the directory `staging`."""

    def __init__(self, recipe: ImageRecipe, staging: Path, progress: fetch.Progress) -> None:
        self._recipe = recipe
        self._contents = recipe.contents
        self._target = targets.python(recipe.target)
        self._system = systems.named(self._target.system)
        self._binaries = self._system.binaries
        self._staging = staging
        self._tree = staging / "tree"
        self._lib = self._tree / "bin" / "lib"
        self._progress = progress
        self._python = cpython.portable(recipe.target, progress)
        self._builder = cpython.portable(analysis.builder_target(), progress)
        self._packages = wheels.unpacked(self._contents.packages, recipe.target, progress)
        self._engine = engine.engine(recipe.target, progress)

    def run(self) -> None:
        self._lib.mkdir(parents=True)
        shutil.copy(self._python.executable, self._tree / "bin" / self._target.program)
        self._add_modules()
        self._add_libraries()
        for path in sorted(self._tree.rglob("*")):
            if path.is_file():
                trim.trim(path)
                elf.loosen(path)
        shutil.copytree(self._engine / "llama_cpp" / "lib", self._lib / "llama_cpp" / "lib")
        self._binaries.gate(self._tree, self._target.floor, self._target.machine)
        written = archive.write(self._tree, self._staging / ARCHIVE, self._progress)
        shutil.rmtree(self._tree)
        self._add_licenses(self._staging / LICENSES)
        self._describe(written)

    def _add_modules(self) -> None:
        """Put modules below bin/lib: Python as .pyc, extension modules as they are."""
        bindings = sorted((self._engine / "llama_cpp").glob("*.py"))
        sources = [
            (source("boot.py"), "__init__lmfile.py"),
            *((path, f"llama_cpp/{path.name}") for path in bindings),
            *self._found_modules(),
        ]
        jobs = []
        for file, name in sources:
            (self._lib / name).parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".py":
                jobs.append((str(file), name, str((self._lib / name).with_suffix(".pyc"))))
            else:
                (self._lib / name).write_bytes(self._system.part(file.read_bytes(), self._target.machine))
        request = {"jobs": jobs, "lazy": self._contents.lazy, "bare": self._contents.bare}
        analysis.run(self._builder, source("bytecode.py"), request, [], self._staging)

    def _found_modules(self) -> Iterator[tuple[Path, str]]:
        """Yield (file, path below bin/lib) of each module that is needed and not in the interpreter itself."""
        statements = sorted({*self._recipe.imports, *imports.statements(self._engine / "llama_cpp")})
        request = analysis.Request(statements, list(self._contents.include), list(self._contents.exclude))
        kinds = analysis.modules(request, self._contents.packages, self._contents.tools, self._progress)
        wanted = {*kinds, *self._target.wants} - self._python.inside - set(self._target.without)
        for name in sorted(wanted):
            found = self._find(name.replace(".", "/"))
            if found is not None:
                yield found
            elif name in self._target.wants or kinds[name] in analysis.IN_A_FILE:
                raise BuildFailed(WHAT, f"the module {name} has no file for {self._recipe.target}")

    def _find(self, base: str) -> tuple[Path, str] | None:
        endings = ("/__init__.py", "/__init__.pyc", ".py", ".pyc", *self._python.extensions)
        for folder in (self._packages, self._python.lib):
            for ending in endings:
                if (folder / (base + ending)).is_file():
                    return folder / (base + ending), base + ending
        return None

    def _add_libraries(self) -> None:
        """Add the libraries that the extension modules need, and those that these need."""
        absent = set(self._python.shared())
        missing = absent
        while missing:
            # By their last part: macOS needs libraries by paths.
            paths = {name.lower() for file in self._binaries.survey(self._tree) for name in file.needed}
            needed = {path.rpartition("/")[2] for path in paths}
            missing = {path for path in absent if path.name.lower() in needed}
            for path in missing:
                (self._tree / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._python.root / path, self._tree / path)
            absent -= missing

    def _add_licenses(self, into: Path) -> None:
        """Collect the texts: CPython's and its libraries', the engine's, and each package's."""
        shutil.copytree(self._python.licenses, into)
        shutil.copytree(self._engine / LICENSES, into, dirs_exist_ok=True)
        for path in sorted(self._packages.glob("*.dist-info/**/*")):
            if path.is_file() and path.name.upper().startswith(("LICEN", "COPYING", "NOTICE")):
                folder, *inside = path.relative_to(self._packages).with_suffix("").parts
                names = [folder.partition("-")[0], *(name for name in inside if name != "licenses")]
                shutil.copyfile(path, into / f"{'-'.join(names)}.txt")

    def _describe(self, written: archive.Archive) -> None:
        built = json.loads((self._engine / "engine.json").read_text(encoding="utf-8"))
        facts = asdict(written) | {
            "target": self._recipe.target,
            "python": self._python.version,
            "glibc": self._target.glibc,
            "engine": {
                "llama_cpp_python": _version(built["llama_cpp_python"]["archive"].removesuffix(".tar.gz")),
                "recipe": built["recipe"],
            },
            "packages": {
                name: _version(wheels.pin(name, self._recipe.target).filename) for name in self._contents.packages
            },
        }
        (self._staging / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _version(filename: str) -> str:
    return filename.split("-")[1]
