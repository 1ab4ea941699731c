"""The first start: once for any number of processes, whole or not at all, whatever interrupts it."""

import fcntl
import os
import pty
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import launcher
from tests.launcher.sample import Sample, intact, nothing_extracted, sample, start
from tests.namespaces import mounted, tmpfs
from tests.running import Running, eventually, run, sentence, started

STARTS, KILLS = 64, 100
WAITING = "lmfile: Waiting for process {}, which unpacks the same runtime.\n"
UNPACKING = "Unpacking the runtime; this happens once"


def env(cache: Path) -> dict[str, str]:
    return {"LMFILE_CACHE": str(cache)}


def stage(lmfile: Sample, cache: Path) -> Path | None:
    """The directory in which the runtime grows right now."""
    return next((cache / "runtimes").glob(f".{lmfile.digest}.*"), None)


@contextmanager
def halted(lmfile: Sample, cache: Path, stderr: int | None = None, **more: str) -> Iterator[Running]:
    """The lmfile, stopped in the middle of its extraction."""
    for _attempt in range(50):
        with started([lmfile.path], env=env(cache) | more, stderr=stderr) as running:
            if eventually(lambda: stage(lmfile, cache) or running.ended) and not running.ended:
                running.send(signal.SIGSTOP)
                if stage(lmfile, cache):
                    yield running
                    return
        run(["rm", "-r", cache])  # it was too fast: again
    pytest.fail("the extraction could not be stopped in the middle")


def test_many_first_starts_at_once(large: Sample, cache: Path) -> None:
    """All work, and all run the same extraction: a second one would have replaced the marker they hold."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as to_end, os.fdopen(reading, "rb") as stdin:
        contexts = [started([large.path, "--hold"], env=env(cache), stdin=stdin) for _ in range(STARTS)]
        processes = [context.__enter__() for context in contexts]
        try:
            for process in processes:
                process.until(lambda process=process: "mask" in process.out())
            markers = set()
            for process in processes:
                files = Path(f"/proc/{process.pid}/fd").iterdir()
                markers |= {path.stat().st_ino for path in files if path.readlink().name == ".complete"}
            assert markers == {(large.directory(cache) / ".complete").stat().st_ino}
            assert intact(large, cache)
            to_end.close()
            assert [process.wait().status for process in processes] == [0] * STARTS
        finally:
            for context in contexts:
                context.__exit__(None, None, None)


def test_killed_at_any_moment(large: Sample, cache: Path) -> None:
    dice = random.Random(3)
    began = time.monotonic()
    assert start(large, cache=cache).status == 0
    span_s = 1.2 * (time.monotonic() - began)
    states = {"nothing": 0, "stage": 0, "complete": 0}
    for kill in range(KILLS):
        root = cache / str(kill)  # emptied and used again, a directory of ext4 would become slow
        with started([large.path], env=env(root)) as running:
            time.sleep(dice.uniform(0, span_s))
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
        complete = large.directory(root).exists()
        states["complete" if complete else "stage" if stage(large, root) else "nothing"] += 1
        assert start(large, cache=root).status == 0
        assert intact(large, root)
    assert states["stage"] > KILLS / 10, states


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(number: signal.Signals, large: Sample, cache: Path) -> None:
    with halted(large, cache) as running:
        running.send(number)
        running.send(signal.SIGCONT)
        done = running.wait()
    assert (done.status, done.out, done.err) == (128 + number, "", "")
    assert nothing_extracted(cache)
    assert start(large, cache=cache).status == 0
    assert intact(large, cache)


def test_a_signal_that_is_ignored_stays_ignored(large: Sample, cache: Path) -> None:
    lmfile = replace(large, path=cache.parent / "nohup")
    lmfile.path.write_text(f"#!/bin/sh\ntrap '' HUP\nexec {large.path}\n")
    lmfile.path.chmod(0o755)
    with halted(lmfile, cache) as running:
        running.send(signal.SIGHUP)
        running.send(signal.SIGCONT)
        assert running.wait().status == 0
    assert intact(large, cache)


def test_interrupted_while_it_waits(large: Sample, cache: Path) -> None:
    with halted(large, cache) as first, started([large.path], env=env(cache)) as second:
        second.until(lambda: WAITING.format(first.pid) in second.err())
        second.send(signal.SIGTERM)
        assert second.wait().status == 143
        first.send(signal.SIGCONT)
        assert first.wait().status == 0
    assert intact(large, cache)


def test_waiting_is_told_and_ends(large: Sample, cache: Path) -> None:
    with halted(large, cache) as first, started([large.path], env=env(cache)) as second:
        second.until(lambda: WAITING.format(first.pid) in second.err())
        first.send(signal.SIGCONT)
        assert first.wait().status == 0
        done = second.wait()
        assert (done.status, done.err) == (0, WAITING.format(first.pid))


def test_waiting_has_a_limit(large: Sample, cache: Path, probe: Path, tmp_path: Path) -> None:
    """With a minute made 1.5 seconds; the rest is the launcher as it is."""
    recipe = launcher.recipe("linux-x86_64")
    hasty = launcher.build(replace(recipe, flags=[*recipe.flags, "-DLOCK_LIMIT_MS=1500"]))
    lmfile = sample(tmp_path / "hasty", hasty, probe, large.files)
    assert lmfile.digest == large.digest
    with halted(large, cache) as first:
        said = sentence(start(lmfile, cache=cache), 33)
        assert f"process {first.pid} has been at it for a minute" in said
        first.send(signal.SIGCONT)
        assert first.wait().status == 0


def test_leftovers_are_swept(small: Sample, cache: Path) -> None:
    runtimes, other = cache / "runtimes", "ab" * 32
    for leftover in (f".{small.digest}.1", f".{small.digest}.99999", small.digest, f".{other}.7", f".{other}.unused"):
        (runtimes / leftover / "lib" / "deep").mkdir(parents=True)
        (runtimes / leftover / "lib" / "deep" / "file").write_bytes(b"half")
        (runtimes / leftover / "link").symlink_to("/etc")
    assert start(small, cache=cache).status == 0
    assert intact(small, cache)


def test_the_stage_of_a_living_process_is_left_alone(large: Sample, small: Sample, cache: Path) -> None:
    with halted(large, cache) as running:
        assert start(small, cache=cache).status == 0
        assert stage(large, cache)
        running.send(signal.SIGCONT)
        assert running.wait().status == 0
    assert start(large, cache=cache).err == ""


def on_disk(options: str, lmfile: Sample, tmp_path: Path) -> str:
    """The sentence about a first start on such a disk; nothing may be left there."""
    shell = f"{tmpfs(tmp_path, 'mode=0700,' + options)}"
    script = '"$@"; status=$?; ls -A "$LMFILE_CACHE/runtimes" | grep -v "\\.lock$" >&2; exit $status'
    done = run(mounted(shell, ["sh", "-c", script, "sh", lmfile.path]), env=env(tmp_path / "c"))
    assert len(done.err.splitlines()) == 1, done
    return sentence(done, 32)


def test_a_disk_without_room(large: Sample, tmp_path: Path) -> None:
    said = on_disk("size=2m", large, tmp_path)
    assert said.startswith(f"Unpacking the runtime to `{tmp_path}/c/runtimes`: the disk is full, ")
    assert " MB are needed there; free some space" in said


def test_a_disk_that_becomes_full(stub: Path, probe: Path, large: Sample, tmp_path: Path) -> None:
    """Files that take more room than their bytes, and a disk that runs out of files."""
    crumbs = sample(tmp_path / "crumbs", stub, probe, {f"lib/{n}.pyc": b"." for n in range(1000)})
    disk = tmp_path / "disk"
    disk.mkdir()
    for options, lmfile in [("size=3m", crumbs), ("size=100m,nr_inodes=50", large)]:
        said = on_disk(options, lmfile, disk)
        assert said.startswith(f"Writing `{disk}/c/runtimes/.{lmfile.digest}.")
        assert said.endswith("`: the disk is full; free some space and try again.")


def test_files_limited_in_size(large: Sample, cache: Path) -> None:
    done = run(["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", large.path], env=env(cache))
    assert "File too large" in sentence(done, 31)
    assert nothing_extracted(cache)


def slow(large: Sample, cache: Path, stderr: int | None = None, **more: str) -> str:
    """What stderr gets during an extraction that takes more than a second."""
    with halted(large, cache, stderr, **more) as running:
        time.sleep(1.2)
        running.send(signal.SIGCONT)
        done = running.wait()
    assert done.status == 0, done
    return done.err


def on_terminal(show: Callable[[int], object]) -> bytes:
    """What a terminal received."""
    ours, theirs = pty.openpty()
    try:
        show(theirs)
        os.set_blocking(ours, False)
        with suppress(BlockingIOError):  # nothing at all
            return os.read(ours, 1 << 16)
        return b""
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_slow_first_start_says_so(large: Sample, cache: Path) -> None:
    assert slow(large, cache) == f"lmfile: {UNPACKING}.\n"


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_a_slow_first_start_shows_a_bar(more: dict[str, str], large: Sample, cache: Path) -> None:
    shown = on_terminal(lambda terminal: slow(large, cache, terminal, TERM="xterm", **more))
    first, *_, last, end = shown.decode().split("\r")
    assert first == ""
    assert f"{UNPACKING} [#" in shown.decode()
    assert " %" in shown.decode()
    assert "\x1b" not in shown.decode()
    assert (last.strip(), end) == ("", "")


def test_a_terminal_that_can_only_write_gets_a_line(large: Sample, cache: Path) -> None:
    shown = on_terminal(lambda terminal: slow(large, cache, terminal, TERM="dumb"))
    assert shown == f"lmfile: {UNPACKING}.\r\n".encode()


def test_an_interrupted_bar_is_wiped(large: Sample, cache: Path) -> None:
    shown = ""
    for pause_s in (0.005, 0.01, 0.02, 0.04, 0.08):  # for the next chunk, which draws; a busy computer takes longer

        def interrupt(terminal: int, pause_s: float = pause_s) -> None:
            with halted(large, cache, terminal, TERM="xterm") as running:
                time.sleep(1.2)
                running.send(signal.SIGCONT)
                time.sleep(pause_s)
                running.send(signal.SIGTERM)
                running.wait()

        shutil.rmtree(cache / "runtimes", ignore_errors=True)
        shown = on_terminal(interrupt).decode()
        if UNPACKING in shown:
            break
    assert UNPACKING in shown
    assert shown.endswith("\r")


def test_a_reader_of_stderr_that_left_stops_nothing(large: Sample, cache: Path) -> None:
    reading, writing = os.pipe()
    with halted(large, cache, writing) as running:
        os.close(reading)
        time.sleep(1.2)  # so that there is something to say
        running.send(signal.SIGCONT)
        assert running.wait().status == 0
    os.close(writing)
    assert intact(large, cache)


def test_locks_left_by_dead_processes_do_not_count(small: Sample, cache: Path) -> None:
    runtimes = cache / "runtimes"
    runtimes.mkdir(parents=True)
    lock = runtimes / f"{small.digest}.lock"
    lock.write_text("1")
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    assert start(small, cache=cache).err == ""
    assert intact(small, cache)
