"""A disk that is too small for the runtime, or for what is built: exit code 32, one sentence, nothing left behind."""

import sys
from pathlib import Path

import pytest

from tests.conftest import BUILDER, PROJECT
from tests.namespaces import mounted, tmpfs
from tests.questions import SEE, TINY_MODEL
from tests.running import Command, Done, run, sentence

DISK_FULL = 32
LIST = 'status=0; "$@" || status=$?; find "$0" -type f >&2; exit $status'


def on_a_disk(place: Path, options: str, command: Command, **settings: object) -> Done:
    """Run `command` with a small disk at `place`; -> how it ended, with the files it left listed on stderr."""
    return run(mounted(tmpfs(place, options), ["sh", "-c", LIST, place, *command]), **settings)  # type: ignore[arg-type]


def refused(done: Done, place: Path) -> str:
    """Check the sentence and that no file is left but the lock, which is empty; -> the sentence."""
    said = sentence(done, DISK_FULL)
    assert str(place) in said
    left = [line for line in done.complaints.splitlines() if not line.startswith("error: ")]
    assert all(line.endswith(".lock") for line in left), f"left behind: {left}"
    return said


@pytest.mark.parametrize("size", ["1m", "20m", "40m"])
def test_too_small_for_the_runtime(size: str, tiny: Path, tmp_path: Path) -> None:
    done = on_a_disk(tmp_path, f"size={size},mode=0700", [tiny, *SEE], env={"LMFILE_CACHE": str(tmp_path / "cache")})
    assert "MB" in refused(done, tmp_path)


@pytest.mark.parametrize("inodes", [10, 60, 200])
def test_full_before_the_runtime_is_there(inodes: int, tiny: Path, tmp_path: Path) -> None:
    """There is room for the bytes but not for so many files: that shows only when they are written."""
    env = {"LMFILE_CACHE": str(tmp_path / "cache")}
    refused(on_a_disk(tmp_path, f"nr_inodes={inodes},mode=0700", [tiny, *SEE], env=env), tmp_path)


@pytest.mark.parametrize("size", ["1m", "5m"])
def test_too_small_for_a_build(size: str, tmp_path: Path) -> None:
    output = tmp_path / "program"
    command = [sys.executable, "-m", "bundler", "build", TINY_MODEL, "-o", output]
    done = on_a_disk(tmp_path, f"size={size}", command, env=BUILDER, cwd=PROJECT)
    assert "MB" in refused(done, output)
