"""A cache whose files were changed, cut, removed or replaced is made anew; one that cannot be is refused."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.caches import MARKER, content, leftovers, runtimes
from tests.namespaces import mounted
from tests.questions import SEE, SEEN
from tests.running import run, sentence, started
from tests.serving import serving

FILES = ["bin/lmfile", "bin/lib/llama_cpp/lib/libllama.so", "bin/lib/llama_cpp/llama_cpp.pyc", MARKER]
CACHE_UNUSABLE = 31


@pytest.fixture
def used(cache: Path, tmp_path: Path) -> Path:
    """A cache with the runtime in it, for one test."""
    place = tmp_path / "used"
    shutil.copytree(cache, place, symlinks=True)
    return place


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, (2_000_000_000, 2_000_000_000))  # the test may run within the second in which it was extracted


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def touched(path: Path) -> None:
    os.utime(path, (1_000_000_000, 1_000_000_000))


CASES = [*((flipped, file) for file in FILES), (touched, FILES[1]), (Path.unlink, FILES[1])]
"""Every other damage: tests/launcher/test_damaged_cache.py."""


@pytest.mark.parametrize(("damage", "file"), CASES)
def test_a_damaged_file_is_noticed_and_made_anew(
    damage: Callable[[Path], None], file: str, tiny: Path, cache: Path, used: Path
) -> None:
    [before], [whole] = runtimes(used), runtimes(cache)
    damage(before / file)
    done = run([tiny, *SEE], env={"LMFILE_CACHE": str(used)})
    assert (done.status, done.out) == (0, SEEN), done
    assert "Traceback" not in done.err
    assert [content(runtime) for runtime in runtimes(used)] == [content(whole)]
    assert leftovers(used) == []


def test_a_file_too_many_is_no_harm(tiny: Path, used: Path, tmp_path: Path) -> None:
    [runtime] = runtimes(used)
    (runtime / "bin" / "lib" / "sitecustomize.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    assert run([tiny, *SEE], env={"LMFILE_CACHE": str(used)}).out == SEEN
    assert not (tmp_path / "canary").exists()


def test_a_cache_removed_under_a_server_harms_nobody(tiny: Path, used: Path) -> None:
    env = {"LMFILE_CACHE": str(used)}
    with serving(tiny, "-t", "1", env=env) as server:
        shutil.rmtree(used)
        assert server.post("/completion", {"prompt": "Hello", "n_predict": 2})["content"]
    assert run([tiny, *SEE], env=env).out == SEEN


def test_a_damaged_file_that_cannot_be_replaced(tiny: Path, used: Path) -> None:
    cut(runtimes(used)[0] / FILES[1])
    read_only = f"mount --bind '{used}' '{used}' && mount -o remount,bind,ro '{used}'"
    said = sentence(run(mounted(read_only, [tiny, *SEE]), env={"LMFILE_CACHE": str(used)}), CACHE_UNUSABLE)
    assert FILES[1] in said


def test_a_whole_cache_may_be_read_only(tiny: Path, used: Path) -> None:
    read_only = f"mount --bind '{used}' '{used}' && mount -o remount,bind,ro '{used}'"
    done = run(mounted(read_only, [tiny, *SEE]), env={"LMFILE_CACHE": str(used)})
    assert (done.status, done.out, done.err) == (0, SEEN, "")


@pytest.mark.parametrize(
    ("kind", "make"),
    {
        "a file": lambda path: path.write_text(""),
        "a link to a directory": lambda path: path.symlink_to(path.parent),
        "writable by others": lambda path: (path.mkdir(), path.chmod(0o777)),
        "below a file": lambda path: path.parent.joinpath("file").write_text(""),
    }.items(),
)
def test_a_cache_that_is_none(kind: str, make: Callable[[Path], object], tiny: Path, tmp_path: Path) -> None:
    make(tmp_path / "cache")
    chosen = tmp_path / ("file/cache" if kind == "below a file" else "cache")
    said = sentence(run([tiny, "--cache-dir", chosen, *SEE], env={}), CACHE_UNUSABLE)
    assert str(chosen) in said


def test_a_stopped_extraction_is_waited_for(tiny: Path, tmp_path: Path) -> None:
    """A second start waits for the first as long as it lives, and goes on when it is killed."""
    env = {"LMFILE_CACHE": str(tmp_path)}
    with started([tiny, *SEE], env=env) as first:
        first.until(lambda: leftovers(tmp_path))
        first.send(signal.SIGSTOP)
        with started([tiny, *SEE], env=env) as second:
            second.until(lambda: "Waiting for process" in second.err(), 10)
            assert str(first.pid) in second.err()
            first.send(signal.SIGKILL)
            done = second.wait()
    assert (done.status, done.out) == (0, SEEN)
    assert leftovers(tmp_path) == []
