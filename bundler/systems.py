"""Says what an operating system decides about engine and image: one `System` each, by CMake's names for them."""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bundler import cpython_linux, cpython_macos, cpython_windows, elf, fetch, macho, pe, targets
from bundler.portable import Portable


class Binary(Protocol):
    """One file of machine code: names of the libraries it needs, and the symbols that others can link to."""

    @property
    def path(self) -> Path: ...
    @property
    def needed(self) -> Sequence[str]: ...
    @property
    def exports(self) -> Sequence[str]: ...


class Binaries(Protocol):
    """A module that reads the system's files of machine code."""

    def survey(self, tree: Path) -> Sequence[Binary]:
        """Read every such file under `tree`, in the order of their paths."""

    def gate(self, tree: Path, floor: str, machine: str) -> Sequence[Binary]:
        """The same, or BuildFailed where a file would not run on `machine` and version `floor` of the system."""


class Cpython(Protocol):
    """A module that lays out CPython for the system; bundler/cpython_linux.py says more."""

    def portable(self, root: Path, settings: targets.PythonTarget) -> Portable: ...
    def lay_out(
        self,
        into: Portable,
        settings: targets.PythonTarget,
        wheel: Path,
        embeddable: zipfile.ZipFile,
        progress: fetch.Progress,
        /,
    ) -> None: ...
    def ingredients(self, settings: targets.PythonTarget) -> list[object]: ...


def _all_of_it(data: bytes, _machine: str) -> bytes:
    return data


@dataclass(frozen=True)
class System:
    """`code`: the modules whose text decides an image for this system, and no other.

    `part` takes what is for one processor out of a file, where files are for several.
    """

    binaries: Binaries
    cpython: Cpython
    code: tuple[str, ...]
    part: Callable[[bytes, str], bytes] = _all_of_it


_SYSTEMS = {
    "Darwin": System(macho, cpython_macos, ("code_signature.py", "macho.py"), macho.thin),
    "Linux": System(elf, cpython_linux, ("elf.py",)),
    "Windows": System(pe, cpython_windows, ("pe.py",)),
}


def named(name: str) -> System:
    """The system that a target's table names."""
    return _SYSTEMS[name]
