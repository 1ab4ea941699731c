"""Chooses the CMake toolchain of a target's engine: zig's everywhere, and Apple's own on a Mac that has it.

zig makes the same bytes on every computer, but has none of Apple's frameworks, so its engine computes on the CPU alone.
With Apple's command line tools the engine uses Metal; which ones they are is then a part of the recipe.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

APPLE = "darwin"
TIMEOUT_S = 30
# The first says where the tools are, and unlike the others opens no window where there are none.
_TOOLS = (("xcode-select", "-p"), ("xcrun", "clang", "--version"), ("xcrun", "--show-sdk-version"))
_USE = re.compile(r"\$\{CMAKE_CURRENT_LIST_DIR\}/([\w.-]+)")


class Toolchain(NamedTuple):
    """`file` is CMake's; `compiler` says which one it leads to where that is the system's, and is empty for zig."""

    file: Path
    compiler: str

    def files(self) -> list[Path]:
        """The file and those beside it that it uses: all that decides bytes."""
        return list(dict.fromkeys(_with_used(self.file)))


def choose(table: Mapping[str, str], folder: Path, compiler: str = "") -> Toolchain:
    """The toolchain in `folder` for a target's `[engine]` table: on this computer, or with `compiler` on another."""
    native = table.get("native_toolchain", "")
    if native and not compiler and sys.platform == APPLE:
        compiler = _compiler()
    compiler = compiler if native else ""
    return Toolchain(folder / (native if compiler else table.get("toolchain", "zig.cmake")), compiler)


def _with_used(file: Path) -> Iterator[Path]:
    yield file
    for name in _USE.findall(file.read_text(encoding="utf-8")):
        yield from _with_used(file.with_name(name))


def _compiler() -> str:
    """Which tools of Apple's this computer has; empty: none."""
    told = []
    for command in _TOOLS:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        except (OSError, subprocess.SubprocessError):
            return ""
        told.append(done.stdout.strip())
    return "\n".join(told[1:])
