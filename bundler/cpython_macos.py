"""Lays out CPython for macOS: python.org's own build, out of freeze-core, for one processor.

    bin/NAME             the host program; it loads `lib/Python` beside it
    bin/lib/             extension modules, and `Python`, the interpreter
    bin/bases/lib/       libraries that extension modules find relative to themselves

All files of the package are universal. The part for one processor is copied byte for byte: the signatures, most of
them the Python Software Foundation's, stay true. zlib and libffi are parts of macOS.
"""

import zipfile
from pathlib import Path

from bundler import fetch, macho, targets
from bundler.portable import TAG, Portable
from runtime.errors import BuildFailed

INTERPRETER = "Python"
LIBRARIES = "bin/bases/lib"
PLATFORM = f"{TAG}-darwin"
HOST = f"freeze_core/bases/console-{PLATFORM}"
FACTS = f"freeze_core/frozen/frozen-{PLATFORM}.json"
# Of Tcl and Tk, which need Cocoa, nothing here is used.
_PASSED_OVER = ("Tcl", "Tk", f"_tkinter.{PLATFORM}.so")


def portable(root: Path, settings: targets.PythonTarget) -> Portable:
    """Where the parts for `settings` lie in `root`."""
    extensions = (f".{TAG}-{settings.platform}.so", ".abi3.so")
    return Portable(root, extensions, (f"{LIBRARIES}/*", f"bin/lib/{INTERPRETER}"))


def lay_out(
    into: Portable, settings: targets.PythonTarget, wheel: Path, _embeddable: zipfile.ZipFile, _progress: fetch.Progress
) -> None:
    """Fill `into` with all but the pure-Python standard library, out of freeze-core's `wheel`.

    Raises: BuildFailed when the wheel holds something else.
    """
    with zipfile.ZipFile(wheel) as archive:
        places = {name: place for name in archive.namelist() if (place := _place(name))}
        if not {HOST, FACTS, f"freeze_core/bases/lib/{INTERPRETER}"} <= set(places):
            raise BuildFailed("the portable CPython", f"`{wheel.name}` has no {HOST} with its interpreter")
        for name, place in places.items():
            path = into.root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(macho.thin(archive.read(name), settings.machine))
    into.executable.chmod(0o755)
    (into.lib / "_sysconfigdata__darwin_darwin.py").write_text("build_time_vars = {}\n", encoding="utf-8")


def ingredients(settings: targets.PythonTarget) -> list[object]:
    """What decides the result besides the pins."""
    return [settings.machine, Path(__file__), Path(macho.__file__)]


def _place(name: str) -> str:
    """Where a file of the wheel goes; empty: nowhere."""
    folder, _, base = name.rpartition("/")
    if not base or base in _PASSED_OVER:
        return ""
    if folder == "freeze_core/lib" and base.endswith(f".{PLATFORM}.so"):
        return f"bin/lib/{base}"
    if folder == "freeze_core/bases/lib":
        return f"bin/lib/{base}" if base == INTERPRETER else f"{LIBRARIES}/{base}"
    if folder.endswith(".dist-info/licenses"):
        return "LICENSES/freeze-core.txt"
    return {HOST: "bin/python", FACTS: "frozen.json"}.get(name, "")
