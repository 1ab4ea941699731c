"""A damaged runtime in the cache: seen at the next start, and extracted again, once."""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.launcher.sample import MTIME_S, Sample, facts, intact, start
from tests.running import run, started

STARTS = 16


def overwrite(path: Path) -> None:
    """Other bytes, as many."""
    with path.open("r+b") as file:
        file.write(b"X")


def rewrite_with_the_old_date(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, (MTIME_S, MTIME_S))


def link_to_the_same(path: Path) -> None:
    shutil.copy2(path, path.parent.parent / "same")
    path.unlink()
    path.symlink_to("../same")


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "removed": ("lib/a.pyc", Path.unlink),
    "cut": ("lib/a.pyc", lambda path: os.truncate(path, 3)),
    "emptied": ("bin/lmfile", lambda path: os.truncate(path, 0)),
    "overwritten": ("lib/a.pyc", overwrite),
    "overwritten program": ("bin/lmfile", overwrite),
    "longer, of the old date": ("lib/a.pyc", rewrite_with_the_old_date),
    "filled": ("lib/deep/er/empty", lambda path: path.write_bytes(b"x")),
    "replaced by a link": ("lib/a.pyc", link_to_the_same),
    "replaced by a directory": ("lib/a.pyc", replace_by_directory),
    "directory removed": ("lib", shutil.rmtree),
    "everything but the marker removed": ("", lambda path: [shutil.rmtree(path / name) for name in ("bin", "lib")]),
    "replaced by a pipe": ("lib/a.pyc", lambda path: (path.unlink(), os.mkfifo(path))),
    "marker emptied": (".complete", lambda path: os.truncate(path, 0)),
    "marker cut": (".complete", lambda path: os.truncate(path, path.stat().st_size - 5)),
    "marker without its last line": (".complete", lambda path: path.write_text(path.read_text().rsplit("f ", 1)[0])),
    "marker of another runtime": (".complete", lambda path: path.write_text("lmfile runtime 1 " + "0" * 64 + " 0\n")),
    "marker of noise": (".complete", lambda path: path.write_bytes(bytes(range(256)) * 20)),
    "marker replaced by a pipe": (".complete", lambda path: (path.unlink(), os.mkfifo(path))),
    "marker with lines of noise": (".complete", lambda path: path.write_text(path.read_text().replace("f ", "f x"))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_repaired(damage: str, small: Sample, cache: Path) -> None:
    assert start(small, cache=cache).status == 0
    name, harm = DAMAGES[damage]
    harm(small.directory(cache) / name)
    first, second = start(small, cache=cache), start(small, cache=cache)
    assert (first.status, second.status, second.err) == (0, 0, "")
    notes = first.err.splitlines()
    assert len(notes) == 1
    assert notes[0].startswith(f"lmfile: `{small.directory(cache)}/")
    assert notes[0].endswith("` was changed or removed; unpacking the runtime again.")
    assert intact(small, cache)


def test_a_missing_marker_is_a_first_start(small: Sample, cache: Path) -> None:
    assert start(small, cache=cache).status == 0
    (small.directory(cache) / ".complete").unlink()
    done = start(small, cache=cache)
    assert (done.status, done.err) == (0, "")
    assert intact(small, cache)


def test_repaired_once_by_many(large: Sample, cache: Path) -> None:
    """What runs out of the damaged tree goes on."""
    assert start(large, cache=cache).status == 0
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as to_end, os.fdopen(reading, "rb") as stdin, ExitStack() as stack:
        env = {"LMFILE_CACHE": str(cache)}
        old = stack.enter_context(started([large.path, "--hold"], env=env, stdin=stdin))
        old.until(lambda: "mask" in old.out())
        (large.directory(cache) / "lib" / "p1" / "m1.pyc").unlink()
        many = [stack.enter_context(started([large.path, "--hold"], env=env, stdin=stdin)) for _ in range(STARTS)]
        for process in many:
            process.until(lambda process=process: "mask" in process.out())
        marker = (large.directory(cache) / ".complete").stat().st_ino
        for process in many:
            held = [path.stat().st_ino for path in Path(f"/proc/{process.pid}/fd").iterdir() if path.is_file()]
            assert marker in held
        assert not old.ended
        to_end.close()
        assert [process.wait().status for process in (old, *many)] == [0] * (STARTS + 1)
    assert intact(large, cache)


@pytest.mark.parametrize("copy", [["cp", "-a"], ["cp", "-r", "--preserve=timestamps"]])
def test_a_copy_of_the_cache_is_good(copy: list[str], small: Sample, cache: Path, tmp_path: Path) -> None:
    """A container image or a backup keeps dates in whole seconds: nothing is extracted again there."""
    assert start(small, cache=cache).status == 0
    assert run([*copy, cache, tmp_path / "copy"], env={"PATH": os.defpath}).status == 0
    marker = (small.directory(tmp_path / "copy") / ".complete").stat().st_ino
    done = start(small, cache=tmp_path / "copy")
    assert (done.status, done.err) == (0, "")
    assert (small.directory(tmp_path / "copy") / ".complete").stat().st_ino == marker


def test_more_files_do_no_harm(small: Sample, cache: Path) -> None:
    assert start(small, cache=cache).status == 0
    extra = small.directory(cache) / "lib" / "extra"
    extra.write_bytes(b"x")
    assert facts(start(small, cache=cache), "pid")
    assert extra.exists()
