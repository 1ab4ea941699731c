"""Trimming: smaller, the same for the loader, and nothing else is touched."""

import subprocess
import sys
from pathlib import Path

from bundler import cmake, elf, trim

SOURCE = "#include <stdio.h>\nstatic int thread_local seen;\nint answer(void) { seen++; return 41 + seen; }\n"


def library(folder: Path) -> Path:
    """A shared library with debugging information, compiled here."""
    source = folder / "answer.c"
    source.write_text(SOURCE.replace("thread_local", "_Thread_local"))
    path = folder / "answer.so"
    subprocess.run([cmake.zig(), "cc", "-g", "-shared", "-fPIC", "-o", path, source], check=True, timeout=300)
    return path


def test_the_loader_sees_no_difference(tmp_path: Path) -> None:
    path = library(tmp_path)
    before, size = elf.read(path), path.stat().st_size
    gone = trim.trim(path)
    assert gone > 0
    assert path.stat().st_size == size - gone
    assert elf.read(path) == before
    asked = (
        f"import ctypes; print(ctypes.CDLL({str(path)!r}).answer())"  # not here: trimming again would cut a mapped file
    )
    assert subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, timeout=60).stdout == b"42\n"
    assert trim.trim(path) == 0


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "module.pyc"
    path.write_bytes(b"not ELF at all" * 100)
    assert trim.trim(path) == 0
    assert path.read_bytes() == b"not ELF at all" * 100
