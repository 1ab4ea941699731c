"""Asks PyInstaller which modules a set of imports leads to.

The analysis runs inside the portable CPython, on the pinned packages: the Python that runs the
build tool has no influence on the result.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler import cmake, cpython, fetch, store, wheels
from bundler.portable import Portable
from runtime.errors import BuildFailed

TIMEOUT_S = 600
WHAT = "the image's Python modules"
IN_A_FILE = ("SourceModule", "CompiledModule", "Package", "Extension", "ExtensionPackage")
"""The kinds of modules that stand in a file of their own."""


@dataclass(frozen=True)
class Request:
    """What the analysis starts from: import statements; names to add; names to act as if they did not exist."""

    imports: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]


def modules(
    request: Request, packages: Sequence[str], tools: Sequence[str], progress: fetch.Progress = fetch.quiet
) -> Mapping[str, str]:
    """The modules that `request` leads to, by name: PyInstaller's kind of each, like `SourceModule`.

    `packages` and `tools` are names of pinned wheels. Raises: DownloadFailed or BuildFailed.
    """
    target = builder_target()
    python = cpython.portable(target, progress)
    found = [wheels.unpacked(names, target, progress) for names in (packages, tools)]
    script = store.build_dir() / "python" / "analyse.py"
    recipe = [request.imports, request.include, request.exclude, python.root.name, [folder.name for folder in found]]

    def make(staging: Path) -> None:
        entry = staging / "entry.py"
        entry.write_text("\n".join([*request.imports, *(f"import {name}" for name in request.include)]) + "\n")
        job = {"entry": str(entry), "exclude": list(request.exclude), "into": str(staging / "modules.json")}
        run(python, script, job, found, staging)

    folder = store.once("python", store.recipe_hash("analysis", recipe, script), make)
    kinds: dict[str, str] = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    return {name: kind for name, kind in kinds.items() if not _is_below(name, request.exclude)}


def run(python: Portable, script: Path, job: object, path: Sequence[Path], folder: Path) -> None:
    """Run `script` in the portable CPython with `job` as JSON on its stdin; what it prints goes to a log.

    Raises: BuildFailed when it fails or takes too long.
    """
    log = store.cache_dir("logs") / f"{script.stem}.txt"
    environment = {name: os.environ[name] for name in cmake.KEPT_VARIABLES if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYINSTALLER_CONFIG_DIR": str(folder)}
    try:
        with log.open("w", encoding="utf-8") as out:
            subprocess.run(
                [str(python.executable), str(script)],
                input=json.dumps(job), text=True, stdout=out, stderr=out, env=environment, cwd=folder,
                timeout=TIMEOUT_S, check=True,
            )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildFailed(WHAT, f"`{script.name}` failed in the portable CPython ({error})", log) from error


def _is_below(name: str, excluded: Sequence[str]) -> bool:
    """Hooks of PyInstaller add modules without asking what is excluded."""
    return any(name == other or name.startswith(other + ".") for other in excluded)


def builder_target() -> str:
    """The target that this computer is, like `linux-x86_64`."""
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "macos" else "aarch64"}.get(machine, machine)
    return f"{system}-{machine}"
