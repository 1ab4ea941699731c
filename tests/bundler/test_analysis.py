"""The analysis: PyInstaller's answer, the same whatever Python runs the build tool."""

import sys
from pathlib import Path

import pytest

from bundler import analysis, cpython, store
from bundler.image_recipe import ImageRecipe
from runtime.errors import BuildFailed

CONTENTS = ImageRecipe(analysis.builder_target()).contents


def found(imports: list[str], include: list[str] | None = None, exclude: list[str] | None = None) -> dict[str, str]:
    request = analysis.Request(imports, include or [], exclude or list(CONTENTS.exclude))
    return dict(analysis.modules(request, CONTENTS.packages, CONTENTS.tools))


@pytest.fixture(autouse=True)
def _usual_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portable CPython and wheels come from the builder's cache."""
    monkeypatch.delenv("LMFILE_CACHE")


def test_it_follows_imports_into_packages_and_compiled_modules() -> None:
    kinds = found(["from aiohttp import web", "import msgspec"])
    assert kinds["aiohttp.web_app"] == "SourceModule"
    assert kinds["aiohttp._http_parser"] == "Extension"
    assert kinds["asyncio"] == "Package"
    assert kinds["msgspec._core"] == "Extension"
    assert "jinja2" not in kinds


def test_it_sees_what_is_imported_inside_functions_and_by_hooks() -> None:
    kinds = found(["import json"], ["encodings.idna"])
    assert kinds["encodings.idna"] == "CompiledModule"
    assert kinds["stringprep"] == "CompiledModule"
    assert kinds["json.scanner"] == "CompiledModule"


def test_what_is_excluded_stays_out_even_if_a_hook_asks_for_it() -> None:
    kinds = found(["import aiohttp", "import readline", "import multiprocessing.pool", "import ssl"])
    kept = [name for name, kind in kinds.items() if kind in analysis.IN_A_FILE]
    assert not [name for name in kept for gone in CONTENTS.exclude if name == gone or name.startswith(gone + ".")]
    assert "frozenlist._frozenlist" not in kept


def test_the_builders_own_packages_are_not_seen() -> None:
    assert found(["import pytest", "import zstandard"])["pytest"] == "MissingModule"


def test_a_script_that_fails_says_where_its_log_is(tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit('the reason')\n")
    with pytest.raises(BuildFailed, match=r"`fails\.py` failed in the portable CPython .*log is `.*fails\.txt`"):
        analysis.run(cpython.portable(analysis.builder_target()), script, {}, [], tmp_path)
    assert "the reason" in (store.cache_dir("logs") / "fails.txt").read_text()


def test_this_computer_is_a_target() -> None:
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}[sys.platform]
    assert analysis.builder_target().startswith(f"{system}-")
