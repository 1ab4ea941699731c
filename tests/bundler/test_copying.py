"""Copying with digests: the bytes, their hashes, the ways around the kernel's copy, errors."""

import errno
import hashlib
import os
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler import copying
from bundler.digests import Digests


def copied(source: Path, target: Path, offset: int = 0, size: int | None = None) -> Digests:
    with target.open("wb", buffering=0) as file:
        count = source.stat().st_size - offset if size is None else size
        return copying.copy(source, offset, count, file, None, lambda _done: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(random.Random(1).randbytes(5_000_003))
    return path


def expected(data: bytes) -> Digests:
    return Digests(hashlib.sha256(data).hexdigest(), zlib.crc32(data))


@pytest.mark.parametrize("window", [1 << 20, 4096 * 3, 32 << 20])
def test_bytes_and_digests(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(copying, "WINDOW_BYTES", window)
    assert copied(source, tmp_path / "target") == expected(source.read_bytes())
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_range(source: Path, tmp_path: Path) -> None:
    data = source.read_bytes()[1000:2_001_000]
    assert copied(source, tmp_path / "target", 1000, 2_000_000) == expected(data)
    assert (tmp_path / "target").read_bytes() == data


def test_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert copied(tmp_path / "empty", tmp_path / "target") == expected(b"")


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_where_the_kernel_does_not_copy(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_arguments: object) -> int:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert copied(source, tmp_path / "target") == expected(source.read_bytes())
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_where_there_is_no_kernel_copy_and_no_holes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows."""
    monkeypatch.delattr(os, "copy_file_range")
    monkeypatch.delattr(os, "SEEK_DATA")
    assert copied(source, tmp_path / "target") == expected(source.read_bytes())
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_between_file_systems(source: Path, tmp_path: Path) -> None:
    with open("/dev/shm/lmfile-test-copying", "wb", buffering=0) as target:
        try:
            copying.copy(source, 0, source.stat().st_size, target, None, lambda _done: None)
            assert Path(target.name).read_bytes() == source.read_bytes()
        finally:
            Path(target.name).unlink()


@pytest.mark.parametrize("where", ["start", "middle", "end", "all"])
def test_holes_stay_holes(tmp_path: Path, where: str) -> None:
    size, block = 64 << 20, b"x" * 65536
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for place in {"start": [size - 65536], "middle": [0, size - 65536], "end": [0], "all": []}[where]:
            file.seek(place)
            file.write(block)
        file.truncate(size)
    assert copied(path, tmp_path / "target") == expected(path.read_bytes())
    assert subprocess.run(["cmp", path, tmp_path / "target"], check=False, timeout=60).returncode == 0
    assert (tmp_path / "target").stat().st_blocks * 512 <= 33 << 20


def test_known_digests_are_not_computed_again(source: Path, tmp_path: Path) -> None:
    known = Digests("given", 7)
    with (tmp_path / "target").open("wb", buffering=0) as file:
        assert copying.copy(source, 0, source.stat().st_size, file, known, lambda _done: None) == known
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_source_that_ends_early(source: Path, tmp_path: Path) -> None:
    with pytest.raises(EOFError):
        copied(source, tmp_path / "target", 0, source.stat().st_size + 1)


def test_a_source_that_cannot_be_hashed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a hashing thread reaches the caller."""

    def broken(self: copying._Feed) -> None:
        self._error = OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(copying._Feed, "_run", broken)
    with pytest.raises(OSError, match="input/output"):
        copied(source, tmp_path / "target")


@pytest.fixture(scope="module", params=["xfs", "btrfs"])
def sharing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system whose files share blocks; only a computer that can make and mount one has this test."""
    image, folder = tmp_path_factory.mktemp("image") / "image", tmp_path_factory.mktemp(request.param)
    with image.open("wb") as file:
        file.truncate(400 << 20)
    for command in ([f"mkfs.{request.param}", "-q", image], ["mount", "-o", "loop", image, folder]):
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        if not shutil.which(str(command[0]), path=path):
            pytest.skip(f"there is no {command[0]}")
        done = subprocess.run(command, check=False, capture_output=True, timeout=60, env={"PATH": path})
        if done.returncode:
            pytest.skip(f"{command[0]}: {done.stderr.decode()}")
    yield folder
    subprocess.run(["umount", folder], check=True, timeout=60)
    image.unlink()


@pytest.mark.parametrize("is_hashed", [False, True])
def test_blocks_are_shared(sharing: Path, is_hashed: bool) -> None:
    """150 MB three times over on a disk of 400, the last time from the middle of a file to the middle of another."""
    size, source, running = 150_000_003, sharing / "source", copying.Running() if is_hashed else None
    data = random.Random(1).randbytes(1_000_000) * 150 + b"end"
    if not source.exists():
        source.write_bytes(data)
    with (sharing / "first").open("wb", buffering=0) as first, (sharing / "second").open("wb", buffering=0) as second:
        first.seek(65536)
        copying.append(source, 0, size, first, running, lambda _done: None)
        second.seek(131072)
        copying.append(sharing / "first", 65536, size, second, None, lambda _done: None)
    assert (sharing / "second").read_bytes()[131072:] == data
    assert copying.shares_blocks(sharing)
    assert not [path for path in sharing.iterdir() if path.name.startswith(".lmfile")]
    if running:
        assert running.digests() == expected(data)


def test_where_no_blocks_are_shared() -> None:
    assert not copying.shares_blocks(Path("/dev/shm"))
