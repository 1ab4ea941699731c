"""Reads what every ELF file of a tree asks of the system it will run on.

Only the program headers and the dynamic section count: that is what the loader reads,
and section headers may be stripped. The gate keeps a runtime image runnable
wherever glibc is at least the declared floor. `loosen` helps files over it that can do without what is newer.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runtime.errors import BuildFailed

GLIBC = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1")
LOADERS = ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")
SYSTEM_LIBRARIES = frozenset(GLIBC + LOADERS)

_MAGIC = b"\x7fELF"
_LITTLE_ENDIAN_64 = b"\x02\x01"
_MACHINES = {62: "x86_64", 183: "aarch64"}
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SYMTAB, _DT_SONAME = 0, 1, 5, 6, 14
_DT_GNU_HASH, _DT_VERSYM, _DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF
_SYMBOL_BYTES = 24
_WEAK_SYMBOL, _WEAK_VERSION = 2, 2
_VERSION_INDEX = 0x7FFF
_NOT_A_NUMBER = (1 << 31,)  # GLIBC_PRIVATE and GLIBC_ABI_DT_RELR: above every floor


@dataclass(frozen=True)
class Elf:
    """One file: `needed` are library names, `versions` the symbol versions it cannot do without, by library.

    `exports` are the symbols that others can link to, sorted.
    """

    path: Path
    machine: str
    soname: str
    needed: tuple[str, ...]
    versions: dict[str, tuple[str, ...]]
    exports: tuple[str, ...]

    @cached_property
    def glibc(self) -> str:
        """The highest version of glibc it needs, like `GLIBC_2.17`; empty if none."""
        wanted = [v for library in SYSTEM_LIBRARIES for v in self.versions.get(library, ())]
        return max(wanted, key=_number, default="")


def gate(tree: Path, floor: str, machine: str | None = None) -> list[Elf]:
    """Return every ELF file under `tree`, or refuse the tree.

    Raises: BuildFailed when a file needs a glibc above `floor` (like "2.17"), a library that
    is neither glibc's nor in the tree, or is of another machine than `machine`.
    """
    files = survey(tree)
    present = {elf.path.name for elf in files} | {elf.soname for elf in files}
    complaints = [complaint for elf in files for complaint in _complaints(elf, floor, machine, present)]
    if complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise BuildFailed(f"an image for glibc {floor}", complaints[0] + more)
    return files


def survey(tree: Path) -> list[Elf]:
    """Read every ELF file under `tree`, in the order of their paths; links are passed over."""
    paths = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return [read(path) for path in paths if _is_elf(path)]


def read(path: Path) -> Elf:
    """Read one ELF file.

    Raises: BuildFailed when it is not a sound 64-bit little-endian one.
    """
    try:
        return _Reader(path).elf()
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        raise BuildFailed("an image", f"`{path}` is not a sound 64-bit ELF file ({error})") from error


def loosen(path: Path) -> int:
    """Mark symbol versions that only weak symbols want as weak themselves; return how many were not.

    A program asks at run time whether a weak symbol is there, but the loader refuses a file for
    the mere name of a version that it does not have, unless that is marked so. Rust's
    standard library takes `gettid` and `statx` so, and lld leaves the mark out.
    """
    if not _is_elf(path):
        return 0
    data = bytearray(path.read_bytes())
    try:
        places = list(_Reader(path).loosenable())
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        raise BuildFailed("an image", f"`{path}` is not a sound 64-bit ELF file ({error})") from error
    for place in places:
        struct.pack_into("<H", data, place, _WEAK_VERSION)
    if places:
        path.write_bytes(data)
    return len(places)


def _complaints(elf: Elf, floor: str, machine: str | None, present: set[str]) -> Iterator[str]:
    if machine and elf.machine != machine:
        yield f"`{elf.path}` is for {elf.machine}, not for {machine}"
    if elf.glibc and _number(elf.glibc) > _number(floor):
        yield f"`{elf.path}` needs the symbol version {elf.glibc}"
    for library in elf.needed:
        if library not in SYSTEM_LIBRARIES and library not in present:
            yield f"`{elf.path}` needs the library {library}, which is neither glibc's nor in the image"


def _number(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.removeprefix("GLIBC_").split("."))
    except ValueError:
        return _NOT_A_NUMBER


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = path.read_bytes()
        if self._data[:6] != _MAGIC + _LITTLE_ENDIAN_64:
            raise ValueError("its first bytes say otherwise")
        self._segments = list(self._program_headers())
        self._dynamic = list(self._dynamic_entries())

    def elf(self) -> Elf:
        (machine,) = struct.unpack_from("<H", self._data, 18)
        return Elf(
            path=self._path,
            machine=_MACHINES.get(machine, f"machine {machine}"),
            soname=next(iter(self._names(_DT_SONAME)), ""),
            needed=tuple(self._names(_DT_NEEDED)),
            versions=dict(self._version_needs()),
            exports=tuple(sorted(set(self._exports()))),
        )

    def _program_headers(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (type, file offset, address, size in the file) of each segment."""
        (table,) = struct.unpack_from("<Q", self._data, 32)
        entry_size, count = struct.unpack_from("<HH", self._data, 54)
        for index in range(count):
            kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", self._data, table + index * entry_size)
            yield kind, offset, address, size

    def _dynamic_entries(self) -> Iterator[tuple[int, int]]:
        for kind, offset, _, size in self._segments:
            if kind == _PT_DYNAMIC:
                for position in range(offset, offset + size, 16):
                    tag, value = struct.unpack_from("<QQ", self._data, position)
                    if tag == _DT_NULL:
                        return
                    yield tag, value

    def _names(self, tag: int) -> Iterator[str]:
        return (self._string(value) for found, value in self._dynamic if found == tag)

    def _exports(self) -> Iterator[str]:
        """Walk the GNU hash table, which holds exactly the symbols that can be found from outside."""
        entries = dict(self._dynamic)
        if _DT_GNU_HASH not in entries:
            return
        table, symbols = self._offset(entries[_DT_GNU_HASH]), self._offset(entries[_DT_SYMTAB])
        buckets, first, bloom_words, _ = struct.unpack_from("<IIII", self._data, table)
        starts = table + 16 + bloom_words * 8
        chains = starts + buckets * 4
        for index in filter(None, struct.unpack_from(f"<{buckets}I", self._data, starts)):
            last_of_chain = 0
            while not last_of_chain:
                (name,) = struct.unpack_from("<I", self._data, symbols + index * _SYMBOL_BYTES)
                yield self._string(name)
                last_of_chain = self._data[chains + (index - first) * 4] & 1
                index += 1

    def loosenable(self) -> Iterator[int]:
        """Yield the file offset of the flags of each version that no strong symbol wants."""
        bindings: dict[int, set[int]] = {}
        for index, binding in self._imports():
            bindings.setdefault(index, set()).add(binding)
        for _, versions in self._versions():
            for place, flags, index, _ in versions:
                if not flags & _WEAK_VERSION and bindings.get(index) == {_WEAK_SYMBOL}:
                    yield place

    def _imports(self) -> Iterator[tuple[int, int]]:
        """Yield (index of its version, binding) of each undefined symbol: these come before the hashed ones."""
        entries = dict(self._dynamic)
        if _DT_GNU_HASH not in entries or _DT_VERSYM not in entries:
            return
        symbols, versions = self._offset(entries[_DT_SYMTAB]), self._offset(entries[_DT_VERSYM])
        (first,) = struct.unpack_from("<I", self._data, self._offset(entries[_DT_GNU_HASH]) + 4)
        for index in range(1, first):
            info, _, section = struct.unpack_from("<BBH", self._data, symbols + index * _SYMBOL_BYTES + 4)
            (version,) = struct.unpack_from("<H", self._data, versions + index * 2)
            if section == 0:
                yield version & _VERSION_INDEX, info >> 4

    def _version_needs(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for library, versions in self._versions():
            yield library, tuple(name for _, flags, _, name in versions if not flags & _WEAK_VERSION)

    def _versions(self) -> Iterator[tuple[str, list[tuple[int, int, int, str]]]]:
        """Walk the chain of Verneed records (one per library) and their Vernaux (one per version).

        Yields each library with (offset of the flags, flags, index, name) of its versions.
        """
        entries = dict(self._dynamic)
        if _DT_VERNEED not in entries:
            return
        position = self._offset(entries[_DT_VERNEED])
        for _ in range(entries[_DT_VERNEEDNUM]):
            _, count, library, first, following = struct.unpack_from("<HHIII", self._data, position)
            yield self._string(library), list(self._library_versions(position + first, count))
            if not following:
                return
            position += following

    def _library_versions(self, position: int, count: int) -> Iterator[tuple[int, int, int, str]]:
        for _ in range(count):
            _, flags, index, name, following = struct.unpack_from("<IHHII", self._data, position)
            yield position + 4, flags, index, self._string(name)
            position += following

    def _string(self, index: int) -> str:
        start = self._offset(dict(self._dynamic)[_DT_STRTAB]) + index
        return self._data[start : self._data.index(b"\0", start)].decode()

    def _offset(self, address: int) -> int:
        for kind, offset, start, size in self._segments:
            if kind == _PT_LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(f"the address {address:#x} lies in no segment")
