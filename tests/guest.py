"""Runs Python code inside a runtime image: packed as an executable's own code and started as the launcher starts it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.packing import pack

# Prints (name, reason) of each module in the image that cannot be imported.
EVERY_MODULE = """
import importlib, os, warnings
warnings.simplefilter("ignore")
lib = next(path for path in sys.path if path.endswith("/bin/lib"))
failed = []
for folder, _, files in os.walk(lib):
    for file in files:
        if not file.endswith((".pyc", ".so")) or file.startswith(("lib", "__init__lmfile")):
            continue
        name = os.path.join(folder, file)[len(lib) + 1:].partition(".")[0].removesuffix("/__init__").replace("/", ".")
        try:
            importlib.import_module(name)
        except Exception as error:
            if "win32 only" in str(error):
                continue  # asyncio's modules for Windows
            failed.append((name, f"{type(error).__name__}: {error}"))
print(*sorted(failed), sep="\\n")
"""


def executable(folder: Path, code: str, name: str = "guest") -> Path:
    """An executable (its launcher is a stand-in) whose `runtime.__main__.main` is the body `code`."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    main = f"import sys\n\n\ndef main():\n{body}\n    return 0\n"
    app = {"app/runtime/__init__.py": b"", "app/runtime/__main__.py": main.encode()}
    return pack(folder, folder / name, app=app)


def start(
    tree: Path, program: Path, arguments: Sequence[str] = (), prefix: Sequence[str | Path] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `program` in the image `tree`, in an environment with nothing but LMFILE_EXECUTABLE and `environment`."""
    return subprocess.run(
        [*prefix, tree / "bin" / "lmfile", *arguments],
        env={"LMFILE_EXECUTABLE": os.fspath(program)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def output(tree: Path, folder: Path, code: str, prefix: Sequence[str | Path] = ()) -> str:
    """What `code` prints in the image `tree`; it must end well and say nothing on stderr."""
    done = start(tree, executable(folder, code), prefix=prefix)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
