"""Starts a worker process, as early and as cheaply as the front wishes.

Needs only os and socket (on Windows also subprocess), so that the model is being loaded
while the front still imports its HTTP server. The worker is this same program with
`WORKER_FLAG` as its first argument: the entry point hands the arguments after it to
`runtime.engine.worker.main` before it parses anything else.

The worker's end of the socket is its standard input. Its output goes to a file without
a name, where the last words of native code are found when it dies.
"""

import os
import socket
import sys
import time

from runtime import program
from runtime.engine import child, worker_log
from runtime.engine.child import Process
from runtime.engine.config import WorkerConfig
from runtime.engine.death import Death, death
from runtime.errors import EngineFailed

WORKER_FLAG = "--worker"
LAST_WORDS_BYTES = 4096
NO_MEMORY = "bad_alloc"
"""The name of C++'s exception, in the last words of a worker."""
REAP_INTERVAL_S = 0.005

FORGOTTEN_VARIABLES = frozenset(["GGML_BACKEND_PATH", "LLAMA_CPP_LIB_PATH", "LMFILE_API_KEY", "NOTIFY_SOCKET"])
"""The first two would choose which native code is loaded; keys and systemd are none of the worker's business."""
FORGOTTEN_PREFIX = "OTEL_"
"""Of what says where traces go, often with a key."""


class Worker:
    """A started worker process and the front's end of its socket."""

    def __init__(self, config: WorkerConfig, process: Process, connection: socket.socket, log: int) -> None:
        self.config = config
        self.connection = connection
        self._process = process
        self._log = log
        self._killed_because = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while the process lives."""
        return self._process.poll()

    @property
    def is_stopped(self) -> bool:
        """Whether the process is suspended, as SIGSTOP does it."""
        return self.poll() is None and self._process.is_stopped

    def kill(self, because: str = "") -> None:
        """End the process at once; harmless when it has ended. `death` then tells the first `because` that came."""
        if self.poll() is None:
            self._killed_because = self._killed_because or because
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

    def lacked_memory(self) -> bool:
        """Tell whether native code ended it because the system gave no memory."""
        return NO_MEMORY in self.log_tail()

    def log_tail(self) -> str:
        """Return the end of what the worker has written, at most 4 KiB."""
        return worker_log.tail(self._log, LAST_WORDS_BYTES) if self._log >= 0 else ""

    def death(self) -> Death:
        """Say how the process ended: by which signal or status, and its last line."""
        return death(self.poll(), self.log_tail(), self._killed_because)


def launch(config: WorkerConfig) -> Worker:
    """Start a worker for `config` and return at once. Raises: EngineFailed."""
    try:
        ours, theirs = socket.socketpair()
        log = child.above_standard(worker_log.create())
    except OSError as error:
        raise _failed(error) from error
    try:
        process = child.start([*program.command(), WORKER_FLAG, *config.arguments()], _environment(), theirs, log)
    except OSError as error:
        ours.close()
        os.close(log)
        raise _failed(error) from error
    finally:
        theirs.close()
    return Worker(config, process, ours, log)


def _failed(error: OSError) -> EngineFailed:
    return EngineFailed(f"Starting the engine `{sys.executable}`: {error.strerror}; check that it may run.")


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not _is_forgotten(key)}
    # Without this, an abort in native code starts a debugger where one is installed: 0.9 s.
    return {**kept, "GGML_NO_BACKTRACE": "1"}


def _is_forgotten(variable: str) -> bool:
    return variable in FORGOTTEN_VARIABLES or variable.startswith(FORGOTTEN_PREFIX)
