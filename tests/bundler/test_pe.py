"""The gate for Windows: real DLLs pass, what would not run is refused, and a damaged file is said to be one."""

import random
import shutil
from pathlib import Path

import pytest

from bundler import cpython, pe
from runtime.errors import BuildFailed

MACHINE, FLOOR = "x86_64", "10.0"
N_DAMAGED = 300


@pytest.fixture(scope="module")
def programs() -> Path:
    """bin/ of CPython for Windows, from the builder's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LMFILE_CACHE", raising=False)
        return cpython.portable("windows-x86_64").executable.parent


@pytest.fixture
def copy(programs: Path, tmp_path: Path) -> Path:
    """The interpreter and the DLLs beside it."""
    for path in programs.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


def test_pythons_own_files_pass(programs: Path) -> None:
    found = {file.path.name: file for file in pe.gate(programs, FLOOR, MACHINE)}
    assert "python313.dll" in found["python.exe"].needed
    assert "Py_InitializeFromConfig" in found["python313.dll"].exports
    assert found["_ssl.pyd"].needed[-5:] == (
        "libcrypto-3.dll", "libssl-3.dll", "python313.dll", "vcruntime140.dll", "ws2_32.dll",
    )  # fmt: skip
    assert "PyInit__ssl" in found["_ssl.pyd"].exports


def test_names_are_compared_as_windows_does(copy: Path) -> None:
    (copy / "vcruntime140.dll").rename(copy / "VCRUNTIME140.DLL")
    assert pe.gate(copy, FLOOR, MACHINE)


def test_a_dll_that_is_not_there_is_named(copy: Path) -> None:
    (copy / "vcruntime140.dll").unlink()
    with pytest.raises(BuildFailed, match=r"needs vcruntime140.dll, which is neither Windows' nor in the image"):
        pe.gate(copy, FLOOR, MACHINE)


def test_another_processor_and_an_older_windows_are_refused(copy: Path) -> None:
    with pytest.raises(BuildFailed, match="is for x86_64, not for aarch64"):
        pe.gate(copy, FLOOR, "aarch64")
    with pytest.raises(BuildFailed, match=r"is for Windows 6\.0"):
        pe.gate(copy, "5.1", MACHINE)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no program")
    assert pe.survey(tmp_path) == []


def test_a_damaged_file_is_said_to_be_one(programs: Path, tmp_path: Path) -> None:
    sound = (programs / "lib" / "select.pyd").read_bytes()
    chosen = random.Random(20261120)
    path = tmp_path / "damaged.pyd"
    refused = 0
    for _ in range(N_DAMAGED):
        data = bytearray(sound[: chosen.randrange(2, len(sound))] if chosen.random() < 0.5 else sound)
        for _ in range(chosen.randrange(1, 9)):
            data[chosen.randrange(2, min(len(data), 1024)) if len(data) > 2 else 1] = chosen.randrange(256)
        path.write_bytes(data)
        try:
            pe.read(path)
        except BuildFailed as error:
            assert "is not a sound 64-bit PE file" in str(error)
            refused += 1
    assert refused > N_DAMAGED // 4
