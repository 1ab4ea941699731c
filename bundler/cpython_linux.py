"""Lays out CPython for Linux: one program that holds the interpreter, built for glibc 2.17.

Program, extension modules and their libraries are freeze-core's. The libraries lie in a directory
of their own, where the extension modules look for them relative to themselves.
"""

import zipfile
from pathlib import Path

from bundler import fetch, libz, targets
from bundler.portable import TAG, Portable
from runtime.errors import BuildFailed

LIBRARIES = "freeze_core.libs"


def portable(root: Path, settings: targets.PythonTarget) -> Portable:
    """Where the parts for `settings` lie in `root`."""
    extensions = (f".{TAG}-{settings.platform}.so", ".abi3.so")
    return Portable(root, extensions, (f"{LIBRARIES}/*", "bin/lib/lib*.so"))


def lay_out(
    into: Portable, settings: targets.PythonTarget, wheel: Path, _embeddable: zipfile.ZipFile, progress: fetch.Progress
) -> None:
    """Fill `into` with all but the pure-Python standard library, out of freeze-core's `wheel`.

    Raises: DownloadFailed, BuildFailed.
    """
    _unpack_wheel(wheel, settings.platform, into)
    _add_zlib(libz.library(_zig_target(settings), progress), into)
    (into.lib / f"_sysconfigdata__linux_{settings.platform}.py").write_text("build_time_vars = {}\n")


def ingredients(settings: targets.PythonTarget) -> list[object]:
    """What decides the result besides the pins."""
    return [libz.key(_zig_target(settings)), Path(__file__)]


def _zig_target(settings: targets.PythonTarget) -> str:
    return f"{settings.platform}.{settings.glibc}"


def _unpack_wheel(wheel: Path, platform: str, into: Portable) -> None:
    """Take the interpreter, the extension modules, their libraries and the licence out of freeze-core."""
    host = f"freeze_core/bases/console-{TAG}-{platform}"
    places = {
        host: into.executable,
        f"freeze_core/frozen/frozen-{TAG}-{platform}.json": into.root / "frozen.json",
    }
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, base = name.rpartition("/")
            if not base:
                continue
            if folder == "freeze_core/lib" and base.endswith(into.extensions[0]):
                places[name] = into.lib / base
            elif folder == LIBRARIES:
                places[name] = into.root / LIBRARIES / base
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
