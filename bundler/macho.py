"""Reads what every Mach-O file of a tree asks of the macOS it will run on.

Only the header and the load commands count: that is what dyld reads. The gate keeps a runtime image
runnable from the declared macOS on: each file for one processor, signed where the system wants it,
and all its libraries the system's or in the tree. `thin` makes such a file of a universal one.
"""

import os.path
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler import code_signature
from runtime.errors import BuildFailed

SYSTEM_FOLDERS = ("/usr/lib/", "/System/Library/")
SIGNED = ("arm64",)
"""Processors on which macOS runs signed code only; a signature without an owner (ad hoc) is one."""
WHAT = "an image for macOS"

_MAGIC = b"\xcf\xfa\xed\xfe"  # 64 bits, little-endian
_UNIVERSAL = b"\xca\xfe\xba\xbe"
_MAX_SLICES = 16  # the same magic opens compiled Java, where a version stands in place of the count
_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
_HEADER_BYTES, _SLICE_BYTES, _SYMBOL_BYTES = 32, 20, 16
_REQUIRED = 0x80000000  # set in commands that dyld may not pass over
_SYMTAB, _RPATH, _SIGNATURE, _MIN_MACOS, _BUILD_VERSION, _ID = 0x02, 0x1C, 0x1D, 0x24, 0x32, 0x0D
_LOADS = (0x0C, 0x18, 0x1F, 0x20, 0x23)  # as it is, weak, re-exported, lazy, upward
_MACOS = 1
_NOT_EXTERNAL, _TYPE, _UNDEFINED, _EXTERNAL = 0xE0 | 0x10, 0x0E, 0x00, 0x01


@dataclass(frozen=True)
class MachO:
    """One file for one processor: `needed` and `rpaths` as they stand in it, `exports` without the leading underscore.

    `minos` is the oldest macOS that it runs on, like (11, 0); `name` is what those link to that need it.
    """

    path: Path
    machine: str
    minos: tuple[int, int]
    name: str
    needed: tuple[str, ...]
    rpaths: tuple[str, ...]
    exports: tuple[str, ...]
    is_signed: bool


def gate(tree: Path, floor: str, machine: str) -> list[MachO]:
    """Return every Mach-O file under `tree`, or refuse the tree.

    Raises: BuildFailed when a file is for another processor, needs a macOS above `floor` (like "11.0"), needs a
    library that is neither the system's nor in the tree, or has no signature or a false one.
    """
    files = survey(tree)
    complaints = [complaint for file in files for complaint in _complaints(file, floor, machine, tree)]
    if complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise BuildFailed(f"{WHAT} {floor}", complaints[0] + more)
    return files


def survey(tree: Path) -> list[MachO]:
    """Read every Mach-O file under `tree`, in the order of their paths; links are passed over."""
    paths = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return [read(path) for path in paths if _is_macho(path)]


def read(path: Path) -> MachO:
    """Read one file.

    Raises: BuildFailed when it is universal, or not a sound 64-bit little-endian Mach-O with a true signature or none.
    """
    try:
        return _Reader(path).macho()
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        raise BuildFailed(WHAT, f"`{path}` is not a sound Mach-O file for one processor ({error})") from error


def thin(data: bytes, machine: str) -> bytes:
    """The part of a universal file for `machine`, byte for byte, so that its signature stays true; another as it is.

    Raises: BuildFailed when it has no such part.
    """
    if not data.startswith(_UNIVERSAL):
        return data
    try:
        for cputype, offset, size in _slices(data):
            if _MACHINES.get(cputype) == machine and offset + size <= len(data):
                return data[offset : offset + size]
    except (struct.error, ValueError) as error:
        raise BuildFailed(WHAT, f"a universal file has no sound table of its parts ({error})") from error
    raise BuildFailed(WHAT, f"a universal file has no part for {machine}")


def places(file: MachO, library: str, tree: Path) -> Iterator[str]:
    """Yield where dyld would look for a `library` of `file`, as far as that is inside of `tree`."""
    folder = str(file.path.parent)
    words = [library]
    if library.startswith("@rpath/"):
        words = [f"{rpath}/{library.removeprefix('@rpath/')}" for rpath in file.rpaths]
    for word in words:
        place = os.path.normpath(word.replace("@loader_path", folder).replace("@executable_path", str(tree / "bin")))
        if os.path.commonpath([os.path.normpath(tree), place]) == os.path.normpath(tree):
            yield place


def _slices(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (processor, offset, size) of each part of a universal file."""
    (count,) = struct.unpack_from(">I", data, 4)
    if count > _MAX_SLICES:
        raise ValueError(f"{count} parts")
    for index in range(count):
        cputype, _, offset, size, _ = struct.unpack_from(">5I", data, 8 + index * _SLICE_BYTES)
        yield cputype, offset, size


def _complaints(file: MachO, floor: str, machine: str, tree: Path) -> Iterator[str]:
    if file.machine != machine:
        yield f"`{file.path}` is for {file.machine}, not for {machine}"
    if file.minos > tuple(int(part) for part in floor.split(".")):
        yield f"`{file.path}` needs macOS {file.minos[0]}.{file.minos[1]}"
    if machine in SIGNED and not file.is_signed:
        yield f"`{file.path}` has no signature, and macOS would not run it"
    for library in file.needed:
        if not library.startswith(SYSTEM_FOLDERS) and not any(map(os.path.isfile, places(file, library, tree))):
            yield f"`{file.path}` needs the library {library}, which is neither the system's nor in the image"


def _is_macho(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    is_universal = head.startswith(_UNIVERSAL) and int.from_bytes(head[4:], "big") <= _MAX_SLICES
    return head.startswith(_MAGIC) or is_universal


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = path.read_bytes()
        if not self._data.startswith(_MAGIC):
            raise ValueError("its first bytes say otherwise")
        self._commands = list(self._load_commands())

    def macho(self) -> MachO:
        (cputype,) = struct.unpack_from("<I", self._data, 4)
        return MachO(
            path=self._path,
            machine=_MACHINES.get(cputype, f"processor {cputype:#x}"),
            minos=self._minos(),
            name=next(iter(self._strings(_ID)), ""),
            needed=tuple(self._strings(*_LOADS)),
            rpaths=tuple(self._strings(_RPATH)),
            exports=tuple(sorted(set(self._exports()))),
            is_signed=self._is_signed(),
        )

    def _load_commands(self) -> Iterator[tuple[int, int, int]]:
        """Yield (kind, offset, size) of each load command."""
        count, size = struct.unpack_from("<II", self._data, 16)
        position, end = _HEADER_BYTES, _HEADER_BYTES + size
        for _ in range(count):
            kind, size = struct.unpack_from("<II", self._data, position)
            if size < 8 or position + size > min(end, len(self._data)):
                raise ValueError("a load command ends outside of its table")
            yield kind & ~_REQUIRED, position, size
            position += size

    def _strings(self, *kinds: int) -> Iterator[str]:
        """Yield the string of each command of these kinds; its place in the command is the command's third word."""
        for kind, position, size in self._commands:
            if kind in kinds:
                (start,) = struct.unpack_from("<I", self._data, position + 8)
                yield self._data[position + start : position + size].split(b"\0")[0].decode()

    def _minos(self) -> tuple[int, int]:
        for kind, position, _ in self._commands:
            first, second = struct.unpack_from("<II", self._data, position + 8)
            if kind == _BUILD_VERSION and first != _MACOS:
                raise ValueError(f"it is for the platform {first}")
            if kind in (_BUILD_VERSION, _MIN_MACOS):
                version = second if kind == _BUILD_VERSION else first
                return version >> 16, version >> 8 & 0xFF
        raise ValueError("it does not say its oldest macOS")

    def _exports(self) -> Iterator[str]:
        for kind, position, _ in self._commands:
            if kind == _SYMTAB:
                symbols, count, strings, size = struct.unpack_from("<4I", self._data, position + 8)
                names = self._data[strings : strings + size]
                for at in range(symbols, symbols + count * _SYMBOL_BYTES, _SYMBOL_BYTES):
                    name, kinds = struct.unpack_from("<IB", self._data, at)
                    if kinds & _EXTERNAL and not kinds & _NOT_EXTERNAL and kinds & _TYPE != _UNDEFINED:
                        yield names[name : names.index(b"\0", name)].decode().removeprefix("_")

    def _is_signed(self) -> bool:
        for kind, position, _ in self._commands:
            if kind == _SIGNATURE:
                offset, size = struct.unpack_from("<II", self._data, position + 8)
                code_signature.check(self._data, offset, size)
                return True
        return False
