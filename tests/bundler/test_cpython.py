"""The portable CPython: complete, independent of the computer it stands on, and for more than one target."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bundler import analysis, cpython, elf, libz, targets
from bundler.portable import Portable
from runtime.errors import BuildFailed, UsageError

EVERY_EXTENSION = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path(sys.path[-1]).glob("*.cpython-*.so")):
    name = path.name.partition(".")[0]
    if name not in ("_tkinter", "_curses_panel", "_xxtestfuzz") and "test" not in name:
        importlib.import_module(name)
print("all")
"""


@pytest.fixture(autouse=True)
def _usual_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid out here comes from the builder's cache."""
    monkeypatch.delenv("LMFILE_CACHE")


@pytest.fixture(scope="module")
def python() -> Portable:
    return cpython.portable(analysis.builder_target())


def run(executable: Path, code: str, **environment: str) -> str:
    done = subprocess.run(
        [executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True, cwd="/"
    )
    return done.stdout.strip()


def test_it_runs_wherever_it_is_put(python: Portable, tmp_path: Path) -> None:
    copy = tmp_path / "a directory with spaces and é"
    shutil.copytree(python.root, copy)
    code = "import sys, ctypes, sqlite3; print(sys.version.split()[0], sys.path)"
    assert run(copy / "bin" / "python", code) == f"{python.version} ['{copy}/bin/lib']"


def test_every_extension_module_loads(python: Portable) -> None:
    assert run(python.executable, EVERY_EXTENSION) == "all"


def test_zlib_is_our_own_and_not_the_systems(python: Portable) -> None:
    code = """
import binascii, zlib
data = bytes(range(256)) * 4000
for level in range(-1, 10):
    for bits in (15, -15, 31):
        packer = zlib.compressobj(level, zlib.DEFLATED, bits)
        packed = packer.copy().compress(data) + packer.copy().flush()
        packed = packer.compress(data) + packer.flush()
        reader = zlib.decompressobj(bits)
        assert reader.copy().decompress(packed) == reader.decompress(packed) == data
print(zlib.ZLIB_RUNTIME_VERSION, zlib.crc32(b"lmfile"), binascii.crc32(b"lmfile"), zlib.adler32(b"lmfile"))
print(*sorted({line.split("/")[-1].strip() for line in open("/proc/self/maps") if "libz" in line}))
"""
    numbers, libraries = run(python.executable, code).splitlines()
    assert numbers == "1.3.1 42808434 42808434 146735738"
    assert libraries == libz.NAME


def test_the_environment_has_no_influence(python: Portable, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('imported')")
    code = "import sys; print(sys.flags.isolated, sys.flags.no_site, sys.flags.optimize, sys.flags.safe_path)"
    hostile = {"PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2", "PYTHONSTARTUP": str(tmp_path / "sitecustomize.py")}
    assert run(python.executable, code, **hostile) == "1 1 0 True"


@pytest.mark.parametrize("target", [target for target in targets.names() if targets.python(target).glibc])
def test_every_file_is_for_the_declared_machine_and_glibc(target: str) -> None:
    settings = targets.python(target)
    python = cpython.portable(target)
    assert python.version.startswith("3.13.")
    assert {"sys", "zipimport", "encodings.utf_8", "importlib.util"} <= python.inside
    files = {file.path.name: file for file in elf.survey(python.root)}
    assert {"python", libz.NAME, f"_ctypes{python.extensions[0]}"} <= set(files)
    for file in files.values():
        assert file.machine == settings.machine, file.path
        assert [int(n) for n in file.glibc.removeprefix("GLIBC_").split(".") if n] <= [2, 17], file.path


def test_a_target_without_one_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "python", lambda _target: targets.PythonTarget("win_arm64"))
    with pytest.raises(UsageError, match="no portable CPython is pinned for it yet"):
        cpython.portable("windows-aarch64")


def test_the_name_of_zlib_is_replaced_once_or_not_at_all() -> None:
    assert libz.rename_in(b"\0libc.so.6\0libz.so.1\0") == b"\0libc.so.6\0libzlm.so\0"
    assert libz.rename_in(b"\0libc.so.6\0") == b"\0libc.so.6\0"
    with pytest.raises(BuildFailed, match="more than once"):
        libz.rename_in(b"\0libz.so.1\0libz.so.1\0")


def test_licences_come_with_it(python: Portable) -> None:
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in python.licenses.iterdir()}
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in texts["CPython.txt"]
    assert "libffi - Copyright" in texts["CPython.txt"]
    assert "Jean-loup Gailly" in texts["zlib.txt"]
    assert {"HACL.txt", "freeze-core.txt", "libmpdec.txt", "mimalloc.txt"} <= set(texts)
