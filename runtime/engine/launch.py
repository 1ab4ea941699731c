"""Starts a worker process, as early and as cheaply as the front wishes.

Needs only os and socket (on Windows also subprocess), so that the model is being loaded
while the front still imports its HTTP server. The worker is this same program with
`WORKER_FLAG` as its first argument: the entry point hands the arguments after it to
`runtime.engine.worker.main` before it parses anything else.

The worker's end of the socket is its standard input. Its output goes to a file without
a name, where the last words of native code are found when it dies.
"""

import os
import signal
import socket
import sys
import time
from typing import Protocol

from runtime import program
from runtime.engine import worker_log
from runtime.engine.config import WorkerConfig
from runtime.errors import EngineFailed

WORKER_FLAG = "--worker"
LAST_WORDS_BYTES = 4096
REAP_INTERVAL_S = 0.005

FORGOTTEN_VARIABLES = ("GGML_BACKEND_PATH", "LLAMA_CPP_LIB_PATH", "LMFILE_API_KEY")
"""The first two would choose which native code is loaded; the key is none of the worker's business."""


class Process(Protocol):
    """The part of `subprocess.Popen` that a worker needs."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...


class Worker:
    """A started worker process and the front's end of its socket."""

    def __init__(self, config: WorkerConfig, process: Process, connection: socket.socket, log: int) -> None:
        self.config = config
        self.connection = connection
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while the process lives."""
        return self._process.poll()

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        if self.poll() is None:
            self._process.kill()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the end and return the exit status; None when `timeout_s` has passed."""
        deadline = time.monotonic() + timeout_s
        while (status := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(REAP_INTERVAL_S)
        return status

    def close(self) -> None:
        """Close the front's end; the worker ends by itself when it notices. Idempotent."""
        self.connection.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def log_tail(self) -> str:
        """Return the end of what the worker has written, at most 4 KiB."""
        return worker_log.tail(self._log, LAST_WORDS_BYTES) if self._log >= 0 else ""

    def death(self) -> str:
        """Say how the process ended, for people: by which signal or status, and its last line."""
        status = self.poll()
        if status is None:
            how = "it closed its connection"
        elif status < 0:
            how = f"it was ended by {_signal_name(-status)}"
        else:
            how = f"it ended with status {status}"
        lines = [line.strip() for line in self.log_tail().splitlines() if line.strip()]
        said = "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""
        return f"{how}, saying `{said}`" if said else how


def launch(config: WorkerConfig) -> Worker:
    """Start a worker for `config` and return at once. Raises: EngineFailed."""
    ours, theirs = socket.socketpair()
    log = _above_standard(worker_log.create())
    try:
        process = _start([*program.command(), WORKER_FLAG, *config.arguments()], theirs, log)
    except OSError as error:
        ours.close()
        os.close(log)
        message = f"Starting the engine `{sys.executable}`: {error.strerror}; check that it may run."
        raise EngineFailed(message) from error
    finally:
        theirs.close()
    return Worker(config, process, ours, log)


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in FORGOTTEN_VARIABLES}
    # Without this, an abort in native code starts a debugger where one is installed: 0.9 s.
    return {**kept, "GGML_NO_BACKTRACE": "1"}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


if sys.platform == "win32":
    import subprocess

    def _above_standard(file: int) -> int:
        return file

    def _start(command: list[str], theirs: socket.socket, log: int) -> Process:
        # A new group: Ctrl-C in the console reaches the front only, which decides.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=_environment(),
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW,
        )
        if process.stdin:
            process.stdin.write(theirs.share(process.pid))
            process.stdin.close()
        return process

else:
    import fcntl

    class _Child:
        """A child started by `os.posix_spawn`, reaped by `poll`."""

        def __init__(self, pid: int) -> None:
            self.pid = pid
            self._status: int | None = None

        def poll(self) -> int | None:
            if self._status is None:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    pid, status = self.pid, 0
                if pid:
                    self._status = os.waitstatus_to_exitcode(status)
            return self._status

        def kill(self) -> None:
            os.kill(self.pid, signal.SIGKILL)

    def _above_standard(file: int) -> int:
        """Move a descriptor that took the place of a closed standard stream out of the way."""
        if file > 2:
            return file
        moved = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(file)
        return int(moved)

    def _start(command: list[str], theirs: socket.socket, log: int) -> Process:
        stdin = _above_standard(theirs.detach())
        # These three are for the front, which decides; blocked from the worker's first
        # instruction on, so that no Ctrl-C can hit it while its interpreter starts.
        ignored = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        streams = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((stdin, 0), (log, 1), (log, 2))]
        try:
            pid = os.posix_spawn(command[0], command, _environment(), file_actions=streams, setsigmask=ignored)
        finally:
            os.close(stdin)
        return _Child(pid)
