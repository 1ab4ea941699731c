"""The list of imports: what a package asks of others, and nothing that an edit changes without need."""

from pathlib import Path

import pytest

from bundler import imports
from runtime.errors import BuildFailed

SOURCE = """
import json, os.path
import own.other
from collections.abc import Iterator, Sequence
from own import thing
from . import neighbour
from .neighbour import name

def later() -> None:
    import zlib
    try:
        import readline
    except ImportError:
        pass
"""
FOUND = [
    "from collections.abc import Iterator",
    "from collections.abc import Sequence",
    "import json",
    "import os.path",
    "import readline",
    "import zlib",
]


def package(folder: Path, text: str) -> Path:
    (folder / "own" / "deep").mkdir(parents=True)
    (folder / "own" / "__init__.py").write_text('"""Nothing."""\n')
    (folder / "own" / "deep" / "module.py").write_text(text)
    return folder / "own"


def test_every_foreign_import_wherever_it_stands(tmp_path: Path) -> None:
    assert imports.statements(package(tmp_path, SOURCE)) == FOUND


def test_an_edit_that_imports_nothing_new_changes_nothing(tmp_path: Path) -> None:
    edited = "# A comment.\n" + SOURCE + "\nANSWER = 42\nimport json as also_json\n"
    assert imports.statements(package(tmp_path, edited)) == FOUND


def test_a_file_that_is_not_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"module\.py`, line 2, is not Python"):
        imports.statements(package(tmp_path, "x = 1\ny = (\n"))
