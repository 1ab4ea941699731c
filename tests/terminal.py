"""A pseudo-terminal with a program on it: types like a person, and reads what appears."""

import os
import pty
import select
import signal
import time
from collections.abc import Mapping
from typing import Self

from tests.running import WAIT_S, Command, session


class Terminal:
    """`command` in the foreground of a terminal of its own; killed at the end. master: our end of the terminal."""

    def __init__(self, command: Command, env: Mapping[str, str]) -> None:
        self.screen = ""
        self._at = 0
        arguments = [os.fspath(part) for part in command]
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(arguments[0], arguments, dict(env))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in session(self.pid):
            os.kill(pid, signal.SIGKILL)
        os.close(self.master)

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self.master, text.encode())

    def expect(self, text: str, after: str = "", within_s: float = WAIT_S) -> None:
        """Wait until `text` appears behind what was expected before (and behind `after`)."""
        deadline = time.monotonic() + within_s
        if after:
            self.expect(after, within_s=within_s)
        while (found := self.screen.find(text, self._at)) < 0:
            assert time.monotonic() < deadline, f"`{text}` did not appear: {self.screen[self._at :]!r}"
            assert self._read(), f"it has ended: {self.screen!r}"
        self._at = found + len(text)

    def status(self, within_s: float = WAIT_S) -> int:
        """Wait for the end; -> the status as a shell reports it."""
        deadline = time.monotonic() + within_s
        while self._read():
            assert time.monotonic() < deadline, f"it goes on: {self.screen!r}"
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code if code >= 0 else 128 - code

    def _read(self) -> bool:
        """Take what is there, waiting a little; False at the end."""
        if not select.select([self.master], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False  # Linux's way to say that nobody holds the other end
        self.screen += data.decode("utf-8", "replace")
        return bool(data)
