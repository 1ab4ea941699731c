"""The tools that a build calls, and the packages that it imports: all from the package index, pinned."""

import importlib
import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from bundler import cmake
from bundler.doctor.finding import Finding
from runtime.errors import BuildFailed
from runtime.version import VERSION

GROUP = "tools"
PYTHON = (3, 11)
PACKAGES = {
    "cryptography": "cryptography",
    "huggingface-hub": "huggingface_hub",
    "msgspec": "msgspec",
    "patch-ng": "patch_ng",
    "zstandard": "zstandard",
}
"""What is imported, by the name of its package."""

TOOLS: dict[str, tuple[str, Callable[[], Path]]] = {
    "compiler": ("ziglang", cmake.zig),
    "cmake": ("cmake", cmake.cmake),
    "ninja": ("ninja", cmake.ninja),
}
INSTALL = "`pip install lmfile` brings it"


def findings() -> Iterator[Finding]:
    """Look at each."""
    found = f"lmfile {VERSION}, Python {platform.python_version()}"
    is_old = sys.version_info < PYTHON
    needed = f"; {PYTHON[0]}.{PYTHON[1]} or newer is needed" if is_old else ""
    yield Finding(GROUP, "versions", "missing" if is_old else "good", found + needed)
    for name, (package, place) in TOOLS.items():
        yield _tool(name, package, place)
    if missing := absent():
        yield Finding(GROUP, "packages", "missing", f"{', '.join(missing)}: not installed; {INSTALL}")
    else:
        yield Finding(GROUP, "packages", "good", ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES))


def absent() -> list[str]:
    """The packages that are not installed."""
    return [name for name, module in PACKAGES.items() if importlib.util.find_spec(module) is None]


def _tool(name: str, package: str, place: Callable[[], Path]) -> Finding:
    try:
        path = place()
    except BuildFailed:
        return Finding(GROUP, name, "missing", f"the package {package} is not installed; {INSTALL}")
    if not path.exists() and not path.with_suffix(".exe").exists():
        return Finding(GROUP, name, "missing", f"the package {package} has no program in it; install it again")
    label = "zig" if package == "ziglang" else package
    return Finding(GROUP, name, "good", f"{label} {metadata.version(package)}")
