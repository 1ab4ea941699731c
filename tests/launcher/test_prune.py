"""Old runtimes: gone after 30 days without use, whatever is in use stays."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from tests.launcher.sample import Sample, sample, start
from tests.running import started

DAY_S = 24 * 60 * 60


@pytest.fixture(scope="module")
def other(shelf: Path, stub: Path, probe: Path) -> Sample:
    """An lmfile with another runtime."""
    return sample(shelf / "other", stub, probe, {"lib/b.pyc": b"other"})


def marker(lmfile: Sample, cache: Path) -> Path:
    return lmfile.directory(cache) / ".complete"


def age(lmfile: Sample, cache: Path, days: float) -> None:
    """Make the runtime's last use lie so many days back."""
    then = time.time() - days * DAY_S
    os.utime(marker(lmfile, cache), (then, then))


def test_unused_for_a_month(small: Sample, other: Sample, cache: Path) -> None:
    start(small, cache=cache)
    age(small, cache, 30.1)
    start(other, cache=cache)
    assert {entry.name for entry in (cache / "runtimes").iterdir()} == {other.digest, f"{other.digest}.lock"}
    assert start(small, cache=cache).err == ""


def test_used_within_a_month(small: Sample, other: Sample, cache: Path) -> None:
    start(small, cache=cache)
    age(small, cache, 29.9)
    start(other, cache=cache)
    assert marker(small, cache).exists()


def test_only_an_extraction_prunes(small: Sample, other: Sample, cache: Path) -> None:
    start(small, cache=cache)
    start(other, cache=cache)
    age(small, cache, 100)
    start(other, cache=cache)
    assert marker(small, cache).exists()


def test_a_warm_start_is_a_use_noted_once_a_day(small: Sample, cache: Path) -> None:
    start(small, cache=cache)
    for days, noted in [(0.9, False), (1.1, True), (400, True)]:
        age(small, cache, days)
        before = marker(small, cache).stat().st_mtime
        start(small, cache=cache)
        after = marker(small, cache).stat().st_mtime
        assert (after > before) == noted
        assert not noted or time.time() - after < DAY_S / 2


@pytest.mark.parametrize("days", [-400, 31, 400])
def test_in_use(days: int, small: Sample, other: Sample, cache: Path) -> None:
    """However old the note of its last use is; also when the clock was wrong."""
    start(small, cache=cache)
    reading, writing = os.pipe()
    env = {"LMFILE_CACHE": str(cache)}
    with (
        os.fdopen(writing, "wb") as to_end,
        os.fdopen(reading, "rb") as stdin,
        started([small.path, "--hold"], env=env, stdin=stdin) as running,
    ):
        running.until(lambda: "mask" in running.out())
        age(small, cache, days)
        start(other, cache=cache)
        assert marker(small, cache).exists()
        to_end.close()
        assert running.wait().status == 0
    marker(other, cache).unlink()  # so that the next start extracts
    start(other, cache=cache)
    assert marker(small, cache).exists() == (days < 30)


def test_a_lock_in_use(small: Sample, other: Sample, cache: Path) -> None:
    """Somebody extracts that runtime right now, or looks whether to."""
    start(small, cache=cache)
    age(small, cache, 100)
    with (cache / "runtimes" / f"{small.digest}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start(other, cache=cache)
    assert marker(small, cache).exists()


def test_other_things_in_the_cache_stay(small: Sample, cache: Path) -> None:
    """Only what has a runtime's name is anybody's business."""
    for name in ("notes.txt", ".hidden", "abc", "Z" * 64):
        (cache / "runtimes" / name).mkdir(parents=True)
    (cache / "downloads").mkdir()
    start(small, cache=cache)
    kept = {entry.name for entry in (cache / "runtimes").iterdir()}
    assert kept == {"notes.txt", ".hidden", "abc", "Z" * 64, small.digest, f"{small.digest}.lock"}
    assert (cache / "downloads").exists()
