"""What lies in an executable's cache, and whether it is what it should be."""

import hashlib
from pathlib import Path

MARKER = ".complete"
DIGEST = "?" * 64


def runtimes(cache: Path) -> list[Path]:
    """The extracted runtimes."""
    return sorted((cache / "runtimes").glob(DIGEST))


def leftovers(cache: Path) -> list[str]:
    """What lies there besides runtimes and their locks: stages of an extraction."""
    folder = cache / "runtimes"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if len(name.removesuffix(".lock")) != len(DIGEST))


def content(runtime: Path) -> dict[str, str]:
    """A digest of every file and link, by its path in the runtime; of the marker, that it is there."""
    found = {}
    for path in runtime.rglob("*"):
        name = path.relative_to(runtime).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.name == MARKER:
            found[name] = "marker"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
