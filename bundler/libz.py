"""Compiles zlib for CPython's extension modules, under a name of its own.

Linux wheels may leave libz.so.1 to the system, so the pinned CPython does not carry it. With a
name of its own it can neither be missing nor stand in for the system's, which a
graphics driver may load into the same process.
"""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from bundler import cmake, fetch, store
from runtime.errors import BuildFailed

SYSTEM_NAME = b"libz.so.1"
NAME = "libzlm.so"  # as long as SYSTEM_NAME, so that it can take its place in a string table
PIN = "zlib-source"
SOURCES = ("adler32.c", "crc32.c", "deflate.c", "inffast.c", "inflate.c", "inftrees.c", "trees.c", "zutil.c")
LICENSE = "LICENSES/zlib.txt"
EXPORTS = "ZLIB_1.2.0 { inflateCopy; };\n"  # the one symbol that CPython wants by version
WHAT = "zlib"
TIMEOUT_S = 600  # zig compiles parts of libc for a new target first

FLAGS = ("-shared", "-fPIC", "-O2", "-s", "-D_LARGEFILE64_SOURCE", "-DHAVE_UNISTD_H", f"-Wl,-soname,{NAME}")


def library(zig_target: str, progress: fetch.Progress = fetch.quiet) -> Path:
    """The directory that holds the library for `zig_target` and, as LICENSES/zlib.txt, its licence.

    Raises: DownloadFailed or BuildFailed.
    """

    def make(staging: Path) -> None:
        (staging / LICENSE).parent.mkdir()
        (staging / LICENSE).write_text(license_text(staging / "source", progress), encoding="utf-8")
        _compile(staging, zig_target)
        shutil.rmtree(staging / "source")

    return store.once("python", key(zig_target), make)


def license_text(source: Path, progress: fetch.Progress = fetch.quiet) -> str:
    """Unpack zlib's source into `source`, which is made for it, and return its licence.

    Raises: DownloadFailed.
    """
    _unpack(fetch.fetch(fetch.pins()[PIN], progress), source)
    return _license(source / "zlib.h")


def key(zig_target: str) -> str:
    """The recipe hash of the library for `zig_target`."""
    return store.recipe_hash("libz", fetch.pins()[PIN].sha256, zig_target, FLAGS, SOURCES, EXPORTS)


def rename_in(module: bytes) -> bytes:
    """The extension module with our library's name in place of the system's, if it needs that one.

    Raises: BuildFailed when the name stands in the file more than once.
    """
    if module.count(SYSTEM_NAME) > 1:
        raise BuildFailed("the runtime image", "an extension module names libz.so.1 more than once")
    return module.replace(SYSTEM_NAME + b"\0", NAME.encode() + b"\0")


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if path.parent.name.startswith("zlib-") else None
            if content is not None and path.suffix in (".c", ".h"):
                (folder / path.name).write_bytes(content.read())


def _license(header: Path) -> str:
    """zlib's licence is the comment that opens zlib.h."""
    text = header.read_text(encoding="utf-8", errors="replace")
    return text[text.index("/*") + 2 : text.index("*/")].strip() + "\n"


def _compile(staging: Path, zig_target: str) -> None:
    exports = staging / "source" / "exports.map"
    exports.write_text(EXPORTS, encoding="utf-8")
    sources = [staging / "source" / name for name in SOURCES]
    script = f"-Wl,--version-script={exports}"
    compiler: list[str | Path] = [cmake.zig(), "cc", "-target", zig_target, *FLAGS, script]
    cmake.run([*compiler, "-o", staging / NAME, *sources], staging / "log.txt", WHAT, timeout_s=TIMEOUT_S)
