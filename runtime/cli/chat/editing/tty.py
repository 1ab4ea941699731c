"""The terminal's mode while keys are read one by one, and as it was before, whatever happens.

terminal = Tty(0, console.draw)
terminal.watch()           # Ctrl-Z gives the terminal back and takes it again; so does the size of the window
terminal.set("keys")       # or "quiet" while an answer is written: nothing is echoed, Ctrl-C is a signal
terminal.restore()         # may be called from a signal's handler, and more than once
"""

import os
import select
import signal
import termios
from contextlib import suppress
from typing import Any, Literal

Mode = Literal["keys", "quiet", "plain"]
Change = Literal["", "window", "owner"]

PASTES_MARKED, PASTES_PLAIN = b"\x1b[?2004h", b"\x1b[?2004l"
READ_BYTES = 1 << 16
DEFAULT_SIZE = (80, 24)
INPUT, LOCAL, SPECIAL = 0, 3, 6
"""Places in what `tcgetattr` gives."""


class Tty:
    """The terminal behind descriptor `fd`; `out` writes to it. changed: its window has, or others had it meanwhile."""

    def __init__(self, fd: int, out: int) -> None:
        self.changed: Change = ""
        self._fd = fd
        self._out = out
        self._before: list[Any] = termios.tcgetattr(fd)
        self._mode: Mode = "plain"
        self._wake: tuple[int, int] | None = None

    def watch(self) -> None:
        """From now on, look after the terminal when the program is stopped or the window changes."""
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGTSTP, self._suspend)
        signal.signal(signal.SIGWINCH, self._note_change)

    def set(self, mode: Mode) -> None:
        """Read keys, or be quiet, or be as it was before."""
        if mode == "plain":
            self.restore()
            return
        before, self._mode = self._mode, mode
        with suppress(termios.error):  # it has gone, which the next read finds
            self._apply()
        if (mode == "keys") != (before == "keys"):
            self._tell(PASTES_MARKED if mode == "keys" else PASTES_PLAIN)

    def restore(self) -> None:
        """Give the terminal back as it was."""
        mode, self._mode = self._mode, "plain"
        if mode == "plain":
            return
        with suppress(termios.error):  # it has gone
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        if mode == "keys":
            self._tell(PASTES_PLAIN + b"\r\n")

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """What was typed; empty when nothing came in time or it has `changed`, None when the terminal has gone."""
        watched = [self._fd, *([self._wake[0]] if self._wake else [])]
        ready = select.select(watched, [], [], timeout_s)[0]
        if self._fd not in ready:
            if ready:
                os.read(ready[0], READ_BYTES)
            return b""
        try:
            return os.read(self._fd, READ_BYTES) or None
        except OSError:
            return None

    def size(self) -> tuple[int, int]:
        """Its columns and lines."""
        try:
            columns, lines = os.get_terminal_size(self._fd)
        except OSError:
            return DEFAULT_SIZE
        return columns or DEFAULT_SIZE[0], lines or DEFAULT_SIZE[1]

    def _tell(self, sequence: bytes) -> None:
        """Write past all buffers, in which a signal may have come up."""
        with suppress(OSError):
            os.write(self._out, sequence)

    def _apply(self) -> None:
        """No lines, no echo, Enter other than Ctrl-J, and no core dump by Ctrl-\\."""
        wanted = termios.tcgetattr(self._fd)
        wanted[INPUT] &= ~(termios.ICRNL | termios.INLCR | termios.IXON)
        wanted[LOCAL] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        wanted[LOCAL] |= termios.ISIG
        wanted[SPECIAL][termios.VMIN], wanted[SPECIAL][termios.VTIME] = 1, 0
        wanted[SPECIAL][termios.VQUIT] = os.fpathconf(self._fd, "PC_VDISABLE").to_bytes(1, "little")
        termios.tcsetattr(self._fd, termios.TCSADRAIN, wanted)

    def _suspend(self, number: int, _frame: object) -> None:
        mode = self._mode
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # the program stops here
        signal.signal(number, self._suspend)
        self.set(mode)
        self.changed = "owner"

    def _note_change(self, _number: int, _frame: object) -> None:
        self.changed = self.changed or "window"
