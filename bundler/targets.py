"""Reads what is particular to a target's Python: the `[python]` table of build/targets/TARGET.toml."""

import tomllib
from dataclasses import dataclass

from bundler import store
from runtime.errors import UsageError


@dataclass(frozen=True)
class PythonTarget:
    """The table's fields; the last three are empty where no image is built yet.

    `wheels` is a regular expression over the platform tags of wheels that run on the target,
    `cpython` the key of a pin, `platform` the triple in the names of CPython's extension
    modules, and `glibc` the declared floor.
    """

    wheels: str
    cpython: str = ""
    platform: str = ""
    glibc: str = ""

    @property
    def machine(self) -> str:
        """The processor, like `x86_64`."""
        return self.platform.partition("-")[0]


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
    return PythonTarget(**tomllib.loads(path.read_text(encoding="utf-8"))["python"])
