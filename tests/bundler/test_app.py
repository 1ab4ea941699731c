"""Our code as members: bytecode of the image's CPython, the same on every machine."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundler import analysis, app, container, cpython, fetch, store
from tests.packing import contents


@pytest.fixture(scope="module")
def parts() -> dict[str, bytes]:
    found = {part.path: part.content for part in app.parts()}
    assert all(isinstance(content, bytes) for content in found.values())
    return found  # type: ignore[return-value]


def test_every_module_and_every_file_of_the_page_is_there(parts: dict[str, bytes]) -> None:
    root = store.project_dir()
    modules = {f"app/{path.relative_to(root).as_posix()}c" for path in (root / "runtime").rglob("*.py")}
    page = {f"app/webui/{path.name}" for path in (root / "webui").iterdir() if path.suffix != ".md"}
    assert set(parts) == modules | page
    assert parts["app/runtime/__init__.pyc"][4:8] == b"\1\0\0\0", "unchecked hash: no source is looked for"


def test_no_path_of_this_machine_is_in_it(parts: dict[str, bytes]) -> None:
    root = str(store.project_dir()).encode()
    assert not [name for name, content in parts.items() if root in content]


def test_it_runs_in_the_portable_python_out_of_the_executable(
    tmp_path: Path, output: Path, parts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    container.write(output, contents(tmp_path, app=parts), fetch.quiet)
    monkeypatch.delenv("LMFILE_CACHE")
    python = cpython.portable(analysis.builder_target()).executable
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from runtime.payload import Payload, reader\n"
        "print(reader.__file__, Payload.open.__code__.co_filename, Payload.open(sys.argv[2]).manifest.name)"
    )
    command = [python, "-c", code, output / "app", output]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path).stdout
    assert found == f"{output}/app/runtime/payload/reader.pyc runtime/payload/reader.py tiny\n"


def test_a_copy_elsewhere_compiles_to_the_same_bytes(
    parts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LMFILE_CACHE")
    shutil.copytree(store.project_dir() / "runtime", tmp_path / "runtime")
    uncached = SimpleNamespace(build_dir=store.build_dir, recipe_hash=store.recipe_hash, once=make_in(tmp_path / "out"))
    monkeypatch.setattr(app, "store", uncached)
    folder = app._compiled(tmp_path / "runtime", fetch.quiet)
    again = {f"app/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.pyc")}
    assert again == {path: content for path, content in parts.items() if path.startswith("app/runtime/")}


def make_in(folder: Path) -> Callable[[str, str, Callable[[Path], None]], Path]:
    """store.once without a cache."""

    def once(_kind: str, _key: str, make: Callable[[Path], None]) -> Path:
        folder.mkdir()
        make(folder)
        return folder

    return once
