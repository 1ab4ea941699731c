"""What the launcher's tests share: the launcher, a small lmfile and one that takes a while to extract."""

import random
from pathlib import Path

import pytest

from bundler.launcher import launcher
from tests.launcher.sample import Sample, compiled, sample

HERE = Path(__file__).resolve().parent
LARGE_FILES, LARGE_BYTES = 200, 16_000


@pytest.fixture(scope="session")
def stub() -> Path:
    """The launcher of this computer's target."""
    return launcher("linux-x86_64")


@pytest.fixture(scope="session")
def probe(shelf: Path) -> Path:
    """The program that tells how it was started."""
    return compiled(shelf, [HERE / "probe.c"], "x86_64-linux-musl", "-static")


@pytest.fixture(scope="session")
def small(shelf: Path, stub: Path, probe: Path) -> Sample:
    """An lmfile with three files in its runtime."""
    return sample(shelf / "small", stub, probe, {"lib/a.pyc": b"compiled", "lib/deep/er/empty": b""})


@pytest.fixture(scope="session")
def large(shelf: Path, stub: Path, probe: Path) -> Sample:
    """An lmfile whose runtime has 200 files and 3 MB, which zstd cannot make smaller."""
    noise = random.Random(1)
    files = {f"lib/p{n % 16}/m{n}.pyc": noise.randbytes(LARGE_BYTES) for n in range(LARGE_FILES)}
    return sample(shelf / "large", stub, probe, files)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache root of this test's own; not there yet."""
    return tmp_path / "cache"
