"""Lays out the portable CPython of macOS: python.org's own build, out of the package `freeze-core`, for one processor.

    bin/NAME             the host program; it loads `lib/Python` beside it, imports `__init__NAME` and calls its `run`
    bin/lib/             all of sys.path: the standard library, extension modules, and `Python`, the interpreter
    bin/bases/lib/       libraries that extension modules find relative to themselves

All files of the package are universal. The part for one processor is copied byte for byte: the signatures, most of
them the Python Software Foundation's, stay true. zlib and libffi are parts of macOS.
"""

import zipfile
from pathlib import Path

from bundler import macho
from runtime.errors import BuildFailed

TAG = "cpython-313-darwin"
INTERPRETER = "Python"
LIBRARIES = "bin/bases/lib"
FACTS = f"freeze_core/frozen/frozen-{TAG}.json"
HOST = f"freeze_core/bases/console-{TAG}"
# Of the parts of Tcl/Tk, which need Cocoa, nothing here is used.
_PASSED_OVER = ("Tcl", "Tk", f"_tkinter.{TAG}.so")


def unpack(wheel: Path, root: Path, processor: str) -> None:
    """Take the interpreter, the extension modules, their libraries and the licence out of freeze-core.

    Raises: BuildFailed when the wheel holds something else.
    """
    with zipfile.ZipFile(wheel) as archive:
        places = {name: place for name in archive.namelist() if (place := _place(name))}
        if not {HOST, FACTS, f"freeze_core/bases/lib/{INTERPRETER}"} <= set(places):
            raise BuildFailed("the portable CPython", f"`{wheel.name}` has no {HOST} with its interpreter")
        for name, place in places.items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(macho.thin(archive.read(name), processor))
    (root / places[HOST]).chmod(0o755)


def _place(name: str) -> str:
    """Where a file of the wheel goes; empty: nowhere."""
    folder, _, base = name.rpartition("/")
    if not base or base in _PASSED_OVER:
        return ""
    if folder == "freeze_core/lib" and base.endswith(f".{TAG}.so"):
        return f"bin/lib/{base}"
    if folder == "freeze_core/bases/lib":
        return f"bin/lib/{base}" if base == INTERPRETER else f"{LIBRARIES}/{base}"
    if folder.endswith(".dist-info/licenses"):
        return "LICENSES/freeze-core.txt"
    return {HOST: "bin/python", FACTS: "frozen.json"}.get(name, "")
