"""Runs the finished executable as a user does, reads what it says, and leaves nothing of it behind.

A program gets a session of its own, so that every process it starts can be found and
ended, whatever became of their parent. Every wait has a limit.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

POLL_S = 0.002
WAIT_S = 60.0
"""The limit of a wait; on a quiet computer hardly any takes a second."""

Command = Sequence[str | Path]
Stream = int | IO[bytes] | None
Found = TypeVar("Found")


@dataclass(frozen=True)
class Done:
    """How a program ended: `status` as a shell reports it (128 + the signal's number), and what it wrote."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def complaints(self) -> str:
        """stderr without the launcher's notes, which a first start on a busy computer has."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not line.startswith("lmfile: "))


class Running:
    """A program that was started; its output goes to files, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self.pid = process.pid
        self._process = process
        self._out, self._err = out, err
        self._began = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the program itself has ended; what it started may live on."""
        return self._process.poll() is not None

    def out(self) -> str:
        """What it has written to stdout so far."""
        return _content(self._out)

    def err(self) -> str:
        """What it has written to stderr so far."""
        return _content(self._err)

    def wait(self, timeout_s: float = WAIT_S) -> Done:
        """Wait for the end. Raises: TimeoutExpired."""
        code = self._process.wait(timeout_s)
        return Done(code if code >= 0 else 128 - code, self.out(), self.err(), time.monotonic() - self._began)

    def until(self, found: Callable[[], Found | None], timeout_s: float = WAIT_S) -> Found:
        """Ask `found` until it gives something; the program must not end before."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self.ended
            if result := found():
                return result
            assert not ended, f"it has ended: {self.wait()}"
            assert time.monotonic() < deadline, f"nothing within {timeout_s} s; stderr: {self.err()}"
            time.sleep(POLL_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGINT to the whole group, as a terminal does on Ctrl-C, any other to the program alone."""
        if number == signal.SIGINT:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def family(self) -> dict[int, str]:
        """The living processes of the program's session: command lines by process id."""
        return {pid: line for pid in session(self.pid) if (line := command_line(pid))}

    def worker(self) -> int:
        """The process that holds the model; 0 while there is none."""
        return next((pid for pid, line in self.family().items() if "--worker" in line.split("\0")), 0)

    def end(self) -> None:
        """Kill whatever is left of it, and wait until it is gone."""
        while alive := session(self.pid):
            for pid in alive:
                _kill(pid)
            self._process.poll()
            time.sleep(POLL_S)
        self._process.wait(WAIT_S)


@contextmanager
def started(
    command: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
) -> Iterator[Running]:
    """Start `command` with nothing in its environment but `env`; kill its session afterwards."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [os.fspath(part) for part in command],
            env=dict(env or {}),
            cwd=cwd,
            stdin=stdin,
            stdout=out if stdout is None else stdout,
            stderr=err if stderr is None else stderr,
            start_new_session=True,
        )
        running = Running(process, out, err)
        try:
            yield running
        finally:
            running.end()


def run(
    command: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    timeout_s: float = WAIT_S,
) -> Done:
    """Run `command` to its end, with `stdin` to read; no process of it may be left then."""
    with tempfile.TemporaryFile() as source:
        source.write(stdin.encode())
        source.seek(0)
        with started(command, env=env, cwd=cwd, stdin=source) as running:
            done = running.wait(timeout_s)
            assert eventually(lambda: not running.family(), 2), f"left behind: {running.family()}"
    return done


def sentence(done: Done, status: int) -> str:
    """Check that a program ended with `status` and one sentence about it; -> the sentence."""
    assert done.status == status, done
    assert "Traceback" not in done.err, done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.err
    assert errors[0].endswith("."), errors[0]
    return errors[0].removeprefix("error: ")


def eventually(condition: Callable[[], object], within_s: float = 10.0) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def session(leader: int) -> list[int]:
    """The processes of the session that `leader` began, dead ones that nobody has reaped left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            # pid (name) state ppid pgrp session …; the name may hold spaces and parentheses
            fields = _read(entry / "stat").rpartition(")")[2].split()
            if fields[3:4] == [str(leader)] and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def has_ended(pid: int) -> bool:
    """Whether its last thread has ended: before, nobody is told that the process has, though its first one is dead."""
    try:
        states = [_read(task / "stat").rpartition(")")[2].split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return True
    return all(fields[:1] in ([], ["Z"], ["X"]) for fields in states)


def command_line(pid: int) -> str:
    """The arguments of a process, each ended by a NUL; empty when it is gone."""
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def _content(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1 << 24, 0).decode("utf-8", "replace")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
