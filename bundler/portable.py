"""Knows where the parts of a portable CPython lie in its directory.

The interpreter is the host executable of the package `freeze-core`. Its contract decides the layout,
which is that of a runtime image, too:

    bin/NAME             the interpreter; it imports `__init__NAME` and calls its `run`
    bin/lib/             all of sys.path: the standard library and whatever we add
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TAG = "cpython-313"


@dataclass(frozen=True)
class Portable:
    """The parts of one target's CPython, in the directory `root`.

    `ending` is how the names of programs end, `extensions` how those of extension modules may, and
    `libraries` are patterns of the shared libraries that extension modules need.
    """

    root: Path
    extensions: tuple[str, ...]
    libraries: tuple[str, ...]
    ending: str = ""

    @property
    def executable(self) -> Path:
        """A copy of the interpreter that behaves like the command `python`; see build/python/command.py."""
        return self.root / "bin" / f"python{self.ending}"

    @property
    def lib(self) -> Path:
        """The standard library: .pyc and extension modules."""
        return self.root / "bin" / "lib"

    @property
    def licenses(self) -> Path:
        """Licence texts of CPython and of what is linked to it."""
        return self.root / "LICENSES"

    @cached_property
    def inside(self) -> frozenset[str]:
        """The modules that the interpreter itself holds, built in or frozen."""
        return frozenset(self._facts) - {"__version__"}

    @property
    def version(self) -> str:
        """Like `3.13.17`."""
        return self._facts["__version__"].split()[0]

    def shared(self) -> Iterator[Path]:
        """The shared libraries, by their paths below `root`, which they have in an image, too."""
        for pattern in self.libraries:
            yield from (path.relative_to(self.root) for path in sorted(self.root.glob(pattern)))

    @cached_property
    def _facts(self) -> dict[str, str]:
        facts: dict[str, str] = json.loads((self.root / "frozen.json").read_text(encoding="utf-8"))
        return facts
