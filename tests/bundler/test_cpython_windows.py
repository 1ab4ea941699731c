"""CPython for Windows: its signed files as they were, where Windows looks for them, and told truly."""

import zipfile
from pathlib import Path

import pytest

from bundler import analysis, cpython, cpython_windows, fetch, pe, targets
from bundler.cpython_windows import BESIDE_THE_PROGRAM
from bundler.portable import Portable
from runtime.errors import BuildFailed

TARGET = "windows-x86_64"


@pytest.fixture(autouse=True)
def _usual_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid out here comes from the builder's cache."""
    monkeypatch.delenv("LMFILE_CACHE", raising=False)


@pytest.fixture
def python() -> Portable:
    return cpython.portable(TARGET)


def test_signed_files_are_as_they_were(python: Portable) -> None:
    with cpython._embeddable(fetch.fetch(fetch.pins()[cpython.STDLIB_PIN])) as embeddable:
        names = [name for name in embeddable.namelist() if name.endswith((".dll", ".pyd"))]
        for name in map(Path, names):
            folder = python.executable.parent if name.name in BESIDE_THE_PROGRAM else python.lib
            assert (folder / name.name).read_bytes() == embeddable.read(name.as_posix()), name
    assert len(names) > 25


def test_every_file_runs_on_the_declared_system(python: Portable) -> None:
    settings = targets.python(TARGET)
    found = {file.path.name: file for file in pe.gate(python.root, settings.floor, settings.machine)}
    assert {"python.exe", "python313.dll", "_ctypes.pyd", "libffi-8.dll"} <= set(found)
    assert {path.name for path in python.shared()} >= {"python313.dll", "vcruntime140.dll", "libffi-8.dll"}


def test_it_says_what_the_dll_is_and_holds(python: Portable) -> None:
    assert python.version == "3.13.2"
    assert {"sys", "nt", "msvcrt", "zlib", "zipimport"} <= python.inside
    assert "_suggestions" not in python.inside


def test_its_bytecode_is_that_of_the_builder(python: Portable) -> None:
    builder = cpython.portable(analysis.builder_target())
    name = "json/decoder.pyc"
    assert (python.lib / name).read_bytes() == (builder.lib / name).read_bytes()


def test_licences_come_with_it(python: Portable) -> None:
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in python.licenses.iterdir()}
    assert "Microsoft Distributable Code" in texts["CPython.txt"]
    assert "Jean-loup Gailly" in texts["zlib.txt"]
    assert {"HACL.txt", "freeze-core.txt", "libmpdec.txt", "mimalloc.txt", "OpenSSL.txt"} <= set(texts)


def test_a_wheel_without_the_program_is_refused(tmp_path: Path) -> None:
    settings, wheel = targets.python(TARGET), tmp_path / "other.whl"
    into = cpython_windows.portable(tmp_path, settings)
    with zipfile.ZipFile(wheel, "w") as empty:
        empty.writestr("nothing", "")
    with (
        zipfile.ZipFile(wheel) as archive,
        pytest.raises(BuildFailed, match=r"`other.whl` is not laid out as expected"),
    ):
        cpython_windows.lay_out(into, settings, wheel, archive, fetch.quiet)
