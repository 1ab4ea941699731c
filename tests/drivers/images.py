"""Images and executables of systems that this is not, held against the files' own headers and against this system's.

What is not cached is built first: for each such target the engine takes as long as the one of this computer.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bundler import analysis, archive, cpython, systems, targets
from bundler.runtime_image import RuntimeImage, runtime_image
from runtime.engine.backends import llama_native
from tests.models import smollm2_gguf

ENGINE = "bin/lib/llama_cpp/lib"
BYTECODE = b"\xf3\r\r\n"  # of CPython 3.13
LIMIT_S = 600
CALLED = frozenset(
    [
        *llama_native.GGML_BASE,
        *llama_native.GGML,
        *llama_native.LLAMA,
        *llama_native.ADAPTER_STACK,
        *llama_native.ROWS,
    ]
)
"""The functions of the engine that the runtime calls."""


@dataclass
class Images:
    """How many files of machine code were read for each target, how large image and executable are, what is wrong."""

    files: dict[str, int] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def compare(only: str = "") -> Images:
    """Build and read the images of all targets, or of those whose name begins with `only`."""
    here = analysis.builder_target()
    result = Images()
    with tempfile.TemporaryDirectory() as folder:
        known = _modules(_unpacked(runtime_image(here), Path(folder)), here)
        for target in targets.names():
            if target != here and target.startswith(only):
                image = runtime_image(target)
                tree = _unpacked(image, Path(folder))
                settings = targets.python(target)
                files = systems.named(settings.system).binaries.gate(tree, settings.floor, settings.machine)
                result.files[target] = len(files)
                result.megabytes[target] = round(image.size_bytes / 1e6, 1)
                result.wrong += (f"{target}: {what}" for what in _wrong(tree, target, known))
                result.wrong += (f"{target}: {what}" for what in _packed(target, Path(folder)))
    return result


def _unpacked(image: RuntimeImage, folder: Path) -> Path:
    archive.unpack(image.archive, folder / image.target)
    return folder / image.target


def _wrong(tree: Path, target: str, known: set[str]) -> Iterator[str]:
    settings = targets.python(target)
    libraries = systems.named(settings.system).binaries.survey(tree / ENGINE)
    if lacking := CALLED - {name for file in libraries for name in file.exports}:
        yield f"the engine lacks {sorted(lacking)}"
    found = _modules(tree, target)
    if missing := known - found - set(settings.without):
        yield f"the modules {sorted(missing)} are missing"
    if not (tree / "bin" / settings.program).stat().st_mode & 0o100:
        yield "its program may not be executed"
    for path in tree.rglob("*.pyc"):
        if path.read_bytes()[:4] != BYTECODE:
            yield f"{path.name} is of another Python"


def _modules(tree: Path, target: str) -> set[str]:
    """The names of all modules below bin/lib and in the interpreter, with dots."""
    lib = tree / "bin" / "lib"
    endings = (".pyc", *cpython.portable(target).extensions)
    names = set(cpython.portable(target).inside)
    for path in lib.rglob("*"):
        name = path.relative_to(lib).as_posix()
        if (ending := next((ending for ending in endings if name.endswith(ending)), None)) and ENGINE not in str(path):
            names.add(name.removesuffix(ending).removesuffix("/__init__").replace("/", "."))
    return names


def _packed(target: str, folder: Path) -> Iterator[str]:
    """Pack a model for the target, and look at every byte."""
    output = folder / ("smollm2.exe" if target.startswith("windows") else "smollm2")
    build = ["build", str(smollm2_gguf()), "--target", target, "-o", str(output)]
    for command in (build, ["verify", str(output)]):
        done = subprocess.run(
            [sys.executable, "-m", "bundler", *command], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if done.returncode:
            yield f"`lmfile {command[0]}` ended with {done.returncode}: {done.stderr[-500:]}"
    output.unlink(missing_ok=True)


if __name__ == "__main__":
    outcome = compare(*sys.argv[1:2])
    print(outcome)
    sys.exit(bool(outcome.wrong))
