"""Compiles modules to .pyc files that are the same on every machine and never checked against a source.

Runs inside the portable CPython, so that its compiler decides; reads {"jobs": [[source, name, into]…],
"lazy": [package…], "bare": [package…]} as JSON from stdin.
Assertions stay: aiohttp has relied on them for safety (CVE-2025-69227).
"""

import ast
import json
import marshal
import sys
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

UNCHECKED_HASH = (1).to_bytes(4, "little")
EAGER = "_everything"  # the module that takes over what a lazy package's __init__ does


def main() -> None:
    """Do the jobs on stdin."""
    request = json.load(sys.stdin)
    for source, name, into in request["jobs"]:
        text = Path(source).read_bytes()
        target = Path(into)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in [f"{package}/__init__.py" for package in request["lazy"]]:
            target.with_name(f"{EAGER}.pyc").write_bytes(pyc(code(text, name.replace("__init__", EAGER))))
            target.write_bytes(pyc(code(lazy(text, Path(source).parent).encode(), name)))
        elif name in [f"{package}/__init__.py" for package in request["bare"]]:
            target.write_bytes(pyc(code(b"", name)))
        else:
            target.write_bytes(pyc(code(text, name)))


def code(text: bytes, name: str) -> bytes:
    """The marshalled code of a source text; `name` is what a traceback calls its file."""
    return marshal.dumps(compile(text, name, "exec", dont_inherit=True, optimize=0))


def pyc(marshalled: bytes) -> bytes:
    """A .pyc file around marshalled code."""
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(marshalled) + marshalled


def lazy(text: bytes, folder: Path) -> str:
    """The text of an __init__ that imports the original one when a name of the package is first asked for.

    Names of submodules are left to the import system.
    """
    assigned = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in ("__version__", "__all__"):
                assigned[target.id] = ast.literal_eval(node.value)
    submodules = {path.name.partition(".")[0] for path in folder.iterdir()}
    later = sorted(set(assigned["__all__"]) - submodules)
    return LAZY.format(version=assigned["__version__"], names=assigned["__all__"], later=later, eager=EAGER)


LAZY = """
__version__ = {version!r}
__all__ = {names!r}
_LATER = frozenset({later!r})


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    import importlib

    return getattr(importlib.import_module(".{eager}", __name__), name)


def __dir__():
    return sorted(__all__)
"""

if __name__ == "__main__":
    main()
