"""Reads what every PE file of a tree, a program or DLL of Windows, asks of the system it will run on.

The gate keeps a runtime image runnable wherever Windows is at least the declared version: a DLL
that neither is Windows' own nor lies in the tree would be searched for all over the user's PATH.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import BuildFailed

# What every Windows 10 has. The C runtime's parts (api-ms-win-crt-*) are among the first kind.
SYSTEM_LIBRARIES = re.compile(
    r"(api-ms-win-.*|advapi32|bcrypt|bcryptprimitives|crypt32|iphlpapi|kernel32|ntdll|ole32|oleaut32"
    r"|propsys|psapi|rpcrt4|shell32|shlwapi|ucrtbase|user32|version|winmm|ws2_32)\.dll"
)

_MAGIC = b"MZ"
_SIGNATURE = b"PE\0\0"
_PE32_PLUS = 0x20B
_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64"}
_HEADER_BYTES = 24  # signature and COFF header
_OPTIONAL_BYTES = 112  # the optional header before its directories
_SECTION_BYTES = 40
_EXPORTS, _IMPORTS, _DELAYED = 0, 1, 13
_IMPORT_BYTES, _DELAYED_BYTES = 20, 32  # one entry of each table; a name of 0 ends it
_MAX_LIBRARIES = 1000
_MAX_NAME_BYTES = 4096


@dataclass(frozen=True)
class Pe:
    """One file: `needed` are names of DLLs, in lower case as Windows compares them; `system` the least version.

    `exports` are the symbols that others can link to, sorted.
    """

    path: Path
    machine: str
    system: tuple[int, int]
    needed: tuple[str, ...]
    exports: tuple[str, ...]


def gate(tree: Path, floor: str, machine: str) -> list[Pe]:
    """Return every PE file under `tree`, or refuse the tree.

    Raises: BuildFailed when a file needs a Windows above `floor` (like "10.0"), a DLL that is neither
    Windows' nor in the tree, or is of another machine than `machine`.
    """
    files = survey(tree)
    present = {pe.path.name.lower() for pe in files}
    complaints = [complaint for pe in files for complaint in _complaints(pe, floor, machine, present)]
    if complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise BuildFailed(f"an image for Windows {floor}", complaints[0] + more)
    return files


def survey(tree: Path) -> list[Pe]:
    """Read every PE file under `tree`, in the order of their paths; links are passed over."""
    paths = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return [read(path) for path in paths if _is_pe(path)]


def read(path: Path) -> Pe:
    """Read one PE file.

    Raises: BuildFailed when it is not a sound 64-bit one.
    """
    try:
        return _Reader(path).pe()
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        raise BuildFailed("an image", f"`{path}` is not a sound 64-bit PE file ({error})") from error


def _complaints(pe: Pe, floor: str, machine: str, present: set[str]) -> Iterator[str]:
    if pe.machine != machine:
        yield f"`{pe.path}` is for {pe.machine}, not for {machine}"
    if pe.system > tuple(map(int, floor.split("."))):
        yield f"`{pe.path}` is for Windows {'.'.join(map(str, pe.system))}"
    for library in pe.needed:
        if library not in present and not SYSTEM_LIBRARIES.fullmatch(library):
            yield f"`{pe.path}` needs {library}, which is neither Windows' nor in the image"


def _is_pe(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = path.read_bytes()
        (header,) = struct.unpack_from("<I", self._data, 0x3C)
        if self._data[header : header + 4] != _SIGNATURE:
            raise ValueError("its first bytes say otherwise")
        self._machine, n_sections, optional_bytes = struct.unpack_from("<HH12xH", self._data, header + 4)
        self._optional = header + _HEADER_BYTES
        magic, n_directories = struct.unpack_from("<H106xI", self._data, self._optional)
        if magic != _PE32_PLUS:
            raise ValueError("it is not for 64 bits")
        self._directories: list[tuple[int, int]] = list(
            struct.iter_unpack("<II", self._slice(self._optional + _OPTIONAL_BYTES, 8 * min(n_directories, 16)))
        )
        self._sections: list[tuple[int, int, int, int]] = [
            struct.unpack_from("<IIII", self._data, self._optional + optional_bytes + index * _SECTION_BYTES + 8)
            for index in range(n_sections)
        ]

    def pe(self) -> Pe:
        major, minor = struct.unpack_from("<HH", self._data, self._optional + 48)
        needed = {*self._libraries(_IMPORTS, _IMPORT_BYTES, 12), *self._libraries(_DELAYED, _DELAYED_BYTES, 4)}
        return Pe(
            path=self._path,
            machine=_MACHINES.get(self._machine, f"machine {self._machine:#x}"),
            system=(major, minor),
            needed=tuple(sorted(needed)),
            exports=tuple(sorted(self._exports())),
        )

    def _libraries(self, directory: int, entry_bytes: int, name_at: int) -> Iterator[str]:
        """Yield the names in a table of imports; `name_at` is where an entry holds its name's address."""
        if not (table := self._address(directory)):
            return
        for index in range(_MAX_LIBRARIES):
            (name,) = struct.unpack_from("<I", self._data, self._offset(table) + index * entry_bytes + name_at)
            if not name:
                return
            yield self._string(name).lower()
        raise ValueError("its table of imports does not end")

    def _exports(self) -> Iterator[str]:
        if table := self._address(_EXPORTS):
            count, _, names = struct.unpack_from("<III", self._data, self._offset(table) + 24)
            for (name,) in struct.iter_unpack("<I", self._slice(self._offset(names), 4 * count) if count else b""):
                yield self._string(name)

    def _address(self, directory: int) -> int:
        return self._directories[directory][0] if directory < len(self._directories) else 0

    def _string(self, address: int) -> str:
        start = self._offset(address)
        return self._data[start : self._data.index(b"\0", start, start + _MAX_NAME_BYTES)].decode("ascii")

    def _slice(self, start: int, size: int) -> bytes:
        if start + size > len(self._data):
            raise ValueError("it ends too early")
        return self._data[start : start + size]

    def _offset(self, address: int) -> int:
        for _, start, raw_bytes, raw in self._sections:
            if start <= address < start + raw_bytes:
                return raw + address - start
        raise ValueError(f"the address {address:#x} lies in no section")
