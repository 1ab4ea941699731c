"""The floor gate, on real files: the engine's libraries, this Python and this system's libraries."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler import elf, wheels
from bundler.engine import engine
from runtime.errors import BuildFailed


@pytest.fixture(scope="session")
def libraries() -> Path:
    """The engine's libraries for linux-x86_64, out of the builder's usual cache."""
    return engine("linux-x86_64") / "llama_cpp" / "lib"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory to put single files into."""
    return tmp_path


def mapped(name: str) -> Path:
    """The file of a library that this process has loaded."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return next(Path(line.split(maxsplit=5)[5]) for line in lines if f"/{name}" in line)


def test_the_engine_passes(libraries: Path) -> None:
    found = elf.gate(libraries, "2.17", "x86_64")
    assert {file.path.name for file in found} == {path.name for path in libraries.iterdir()}


def test_a_library_tells_what_it_needs_and_what_it_offers(libraries: Path) -> None:
    llama = elf.read(libraries / "libllama.so")
    assert llama.soname == "libllama.so"
    assert {"libggml.so", "libggml-base.so", "libc.so.6"} <= set(llama.needed)
    assert llama.versions["libc.so.6"]
    assert "llama_model_load_from_file_ptr" in llama.exports


def test_this_python_needs_more_than_an_old_glibc(folder: Path) -> None:
    program = folder / "python"
    shutil.copyfile(Path(sys.executable).resolve(), program)
    needs = elf.read(program).glibc
    with pytest.raises(BuildFailed, match=f"python` needs the symbol version {needs}"):
        elf.gate(folder, "2.2.5")


def test_private_symbols_are_above_every_floor(folder: Path) -> None:
    shutil.copyfile(mapped("libm.so"), folder / "libm.so.6")
    with pytest.raises(BuildFailed, match=r"GLIBC_(PRIVATE|ABI_DT_RELR)"):
        elf.gate(folder, "99.0")


def test_a_library_that_is_nowhere_is_named(libraries: Path, folder: Path) -> None:
    shutil.copyfile(libraries / "libggml.so", folder / "libggml.so")
    with pytest.raises(BuildFailed, match=r"libggml\.so` needs the library libggml-base\.so"):
        elf.gate(folder, "2.17")
    shutil.copyfile(libraries / "libggml-base.so", folder / "libggml-base.so")
    assert len(elf.gate(folder, "2.17")) == 2


def test_another_machine_is_named(libraries: Path) -> None:
    with pytest.raises(BuildFailed, match=r"is for x86_64, not for aarch64 \(and \d+ more\)"):
        elf.gate(libraries, "2.17", "aarch64")


def test_files_that_are_no_elf_are_passed_over(folder: Path) -> None:
    (folder / "notes.txt").write_text("text", encoding="utf-8")
    (folder / "empty.so").touch()
    (folder / "loop").symlink_to(folder / "loop")
    assert elf.gate(folder, "2.17") == []


def test_damaged_files_are_refused_or_read(libraries: Path, folder: Path) -> None:
    whole = (libraries / "libggml-base.so").read_bytes()
    damaged = folder / "damaged.so"
    for position in range(0, 4096, 24):
        damaged.write_bytes(whole[:position] + b"\xff" * 8 + whole[position + 8 :])
        refused_or_read(damaged)
    for size in range(4, len(whole), len(whole) // 50):
        damaged.write_bytes(whole[:size])
        refused_or_read(damaged)


def refused_or_read(path: Path) -> None:
    try:
        elf.read(path)
    except BuildFailed as error:
        assert str(path) in str(error)


@pytest.fixture
def optional(folder: Path) -> Path:
    """A library that takes `gettid` of glibc 2.30 if it is there, and says no word of that to the loader."""
    library = wheels.unpacked(["llguidance"], "linux-x86_64") / "llguidance" / "_lib.abi3.so"
    return shutil.copyfile(library, folder / library.name)


def test_a_version_that_only_weak_symbols_want_is_no_need(optional: Path) -> None:
    assert elf.read(optional).glibc == "GLIBC_2.30"
    assert elf.loosen(optional) == 4
    assert elf.read(optional).glibc == "GLIBC_2.17"
    assert elf.loosen(optional) == 0


def test_the_loader_takes_a_loosened_library_where_the_version_is_missing(optional: Path) -> None:
    missing = optional.with_name("missing.so")
    missing.write_bytes(optional.read_bytes().replace(b"GLIBC_2.30\0", b"GLIBC_9.99\0"))
    load = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", missing]
    assert "GLIBC_9.99' not found" in subprocess.run(load, capture_output=True, text=True, timeout=60).stderr
    elf.loosen(missing)
    subprocess.run(load, check=True, timeout=60)
