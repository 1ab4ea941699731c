"""Knows what decides the bytes of a runtime image, and its hash, before anything is fetched or built."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import zstandard

from bundler import cpython, engine, imported, imports, store, systems, targets, wheels

# Our own files whose text decides an image's bytes.
DATA = ("analyse.py", "boot.py", "bytecode.py", "image.toml")
CODE = ("analysis.py", "archive.py", "runtime_image.py", "trim.py")


@dataclass(frozen=True)
class Contents:
    """build/python/image.toml; the fields are explained there."""

    packages: list[str]
    tools: list[str]
    lazy: list[str]
    bare: list[str]
    include: dict[str, str]
    exclude: dict[str, str]


@dataclass(frozen=True)
class ImageRecipe:
    """The recipe of one target's image.

    `compiler`: what the engine's toolchain of the computer that makes it leads to; None: that of the imported
    image that builds here use, where there is one, and otherwise this computer's.
    """

    target: str
    compiler: str | None = None

    @cached_property
    def contents(self) -> Contents:
        """What image.toml says."""
        return Contents(**tomllib.loads(source("image.toml").read_text(encoding="utf-8")))

    @cached_property
    def imports(self) -> list[str]:
        """What our own code imports from outside itself. Its text decides nothing else."""
        return imports.statements(store.project_dir() / "runtime")

    @cached_property
    def key(self) -> str:
        """The recipe hash.

        Raises: UsageError for a target without a portable CPython or engine; BuildFailed.
        """
        if self.compiler is None and (compiler := imported.compiler(self.target)):
            key = self._key(compiler)
            if (store.cache_dir(imported.KIND) / key).is_dir():
                return key
        return self._key(self.compiler or "")

    def _key(self, compiler: str) -> str:
        python = cpython.key(self.target)
        packages = wheels.key(self.contents.packages, self.target)
        settings = targets.python(self.target)
        choice = [settings.wants, settings.without]
        parts = [self.target, choice, python, packages, engine.Recipe(self.target, compiler).hash, self.imports]
        code = [*map(source, DATA), *map(Path(__file__).with_name, CODE + systems.named(settings.system).code)]
        return store.recipe_hash(parts, zstandard.ZSTD_VERSION, *code)


def source(name: str) -> Path:
    """A file of build/python/."""
    return store.build_dir() / "python" / name
