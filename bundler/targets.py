"""Reads what is particular to a target's Python: the `[python]` table of build/targets/TARGET.toml."""

import tomllib
from dataclasses import dataclass
from typing import Any

from bundler import store
from runtime.errors import UsageError


@dataclass(frozen=True)
class PythonTarget:
    """The table's fields; all but the first are empty where no image is built yet.

    `wheels` is a regular expression over the platform tags of wheels that run on the target,
    `cpython` the key of a pin, `system` CMake's name of the system and `machine` its processor,
    `platform` what stands in the names of CPython's extension modules, `floor` the oldest version of the
    system that will do (on Linux, of glibc), `program` the name of the interpreter in an image,
    `wants` the modules that this asks for before any code of ours, and `without` those that CPython
    has on other systems only, or that are left out on this one.
    """

    wheels: str
    cpython: str = ""
    system: str = ""
    machine: str = ""
    platform: str = ""
    floor: str = ""
    program: str = "lmfile"
    wants: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def glibc(self) -> str:
        """The floor where it is one of glibc, else empty."""
        return self.floor if self.system == "Linux" else ""


def names() -> list[str]:
    """All targets whose file in build/targets/ has a `[python]` table; one with a launcher alone is none yet."""
    files = (store.build_dir() / "targets").glob("*.toml")
    return sorted(path.stem for path in files if "python" in tomllib.loads(path.read_text(encoding="utf-8")))


def python(target: str) -> PythonTarget:
    """The `[python]` table of `target`.

    Raises: UsageError when there is no such target.
    """
    path = store.build_dir() / "targets" / f"{target}.toml"
    if target not in names():
        raise UsageError(f"Building for `{target}`: there is no such target; choose one of {', '.join(names())}.")
    table = tomllib.loads(path.read_text(encoding="utf-8"))["python"]
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return PythonTarget(**fields)
