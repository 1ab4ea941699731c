"""The image's archive: its bytes follow from names and contents alone."""

import hashlib
import os
import random
import subprocess
from pathlib import Path

import zstandard

from bundler import archive


def fill(folder: Path, seed: int = 1, reverse: bool = False) -> Path:
    """A tree with an executable, a deep path longer than a tar header's name field, and an empty file."""
    noise = random.Random(seed).randbytes(200_000)
    files = {
        "bin/lmfile": b"\x7fELF" + noise,
        "bin/lib/a.pyc": b"a" * 5000,
        "bin/lib/B.pyc": b"",
        "/".join(["a directory with a long name"] * 9) + "/file": b"deep",
    }
    for name in sorted(files, reverse=reverse):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    (folder / "bin/lmfile").chmod(0o700)
    return folder


def test_same_bytes_wherever_and_whenever_it_is_written(tmp_path: Path) -> None:
    one, other = fill(tmp_path / "one"), fill(tmp_path / "elsewhere" / "other", reverse=True)
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "bin/lib/a.pyc").chmod(0o600)
    first = archive.write(one, tmp_path / "1.tar.zst")
    second = archive.write(other, tmp_path / "2.tar.zst")
    assert first == second
    assert (tmp_path / "1.tar.zst").read_bytes() == (tmp_path / "2.tar.zst").read_bytes()


def test_what_it_says_is_true(tmp_path: Path) -> None:
    written = archive.write(fill(tmp_path / "tree"), tmp_path / "x.tar.zst")
    data = (tmp_path / "x.tar.zst").read_bytes()
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert written.size_bytes == len(data)
    assert written.unpacked_bytes == 200_004 + 5000 + 0 + 4


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    tree = fill(tmp_path / "tree")
    archive.write(tree, tmp_path / "x.tar.zst")
    archive.unpack(tmp_path / "x.tar.zst", tmp_path / "back")
    subprocess.run(["diff", "-r", tree, tmp_path / "back"], check=True, timeout=60)
    assert (tmp_path / "back/bin/lmfile").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "back/bin/lib/a.pyc").stat().st_mode & 0o777 == 0o644


def test_a_decoder_needs_8_mib_at_most(tmp_path: Path) -> None:
    archive.write(fill(tmp_path / "tree"), tmp_path / "x.tar.zst")
    parameters = zstandard.get_frame_parameters((tmp_path / "x.tar.zst").read_bytes())
    assert parameters.window_size <= 8 << 20
