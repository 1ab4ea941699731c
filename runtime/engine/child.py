"""The process of a worker as each system has it: started with its end of the socket, polled, killed."""

import os
import signal
import socket
import sys
from typing import Protocol


class Process(Protocol):
    """The part of `subprocess.Popen` that a worker needs, and whether it is suspended."""

    pid: int
    is_stopped: bool
    """Whether `poll` found it suspended by SIGSTOP or its like: alive, and mute until somebody continues it."""

    def poll(self) -> int | None: ...
    def kill(self) -> None: ...


if sys.platform == "win32":
    import subprocess

    class _Child:
        """A child started by `subprocess`; Windows suspends no processes by signals."""

        def __init__(self, process: subprocess.Popen[bytes]) -> None:
            self.pid = process.pid
            self.is_stopped = False
            self._process = process

        def poll(self) -> int | None:
            return self._process.poll()

        def kill(self) -> None:
            self._process.kill()

    def above_standard(file: int) -> int:
        """Nothing to do: handles have no places of their own here."""
        return file

    def start(command: list[str], environment: dict[str, str], theirs: socket.socket, log: int) -> Process:
        """Start `command` with `theirs` as its standard input and `log` as its output. Raises: OSError."""
        # A new group: Ctrl-C in the console reaches the front only, which decides.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )
        if process.stdin:
            process.stdin.write(theirs.share(process.pid))
            process.stdin.close()
        return _Child(process)

else:
    import fcntl

    BLOCKED = (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
    )
    """For the front, which decides: a Ctrl-C must not end the worker, nor a Ctrl-Z suspend it. Blocked from
    the worker's first instruction on, so that none can hit it while its interpreter starts."""

    class _Child:
        """A child started by `os.posix_spawn`, reaped by `poll`."""

        def __init__(self, pid: int) -> None:
            self.pid = pid
            self.is_stopped = False
            self._status: int | None = None

        def poll(self) -> int | None:
            while self._status is None:
                pid, status = self._wait()
                if not pid:
                    break
                if os.WIFSTOPPED(status):
                    self.is_stopped = True
                elif os.WIFCONTINUED(status):
                    self.is_stopped = False
                else:
                    self._status = os.waitstatus_to_exitcode(status)
            return self._status

        def kill(self) -> None:
            os.kill(self.pid, signal.SIGKILL)

        def _wait(self) -> tuple[int, int]:
            try:
                return os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return self.pid, 0

    def above_standard(file: int) -> int:
        """Move a descriptor that took the place of a closed standard stream out of the way."""
        if file > 2:
            return file
        moved = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(file)
        return int(moved)

    def start(command: list[str], environment: dict[str, str], theirs: socket.socket, log: int) -> Process:
        """Start `command` with `theirs` as its standard input and `log` as its output. Raises: OSError."""
        stdin = above_standard(theirs.detach())
        streams = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((stdin, 0), (log, 1), (log, 2))]
        try:
            pid = os.posix_spawn(command[0], command, environment, file_actions=streams, setsigmask=BLOCKED)
        finally:
            os.close(stdin)
        return _Child(pid)
