"""The only place inside the executable that writes to the terminal.

Answers go to stdout and nothing else does; every word about the work goes to stderr.
A stream may be missing (a double click has no terminal) or closed early (`| head`):
neither stops the program, nor does a reader of notes who reads no more. NO_COLOR is honoured.
What models and files say never drives a terminal: its control characters are shown and not sent.
"""

import os
import sys
from contextlib import suppress
from typing import TextIO

from runtime.errors import CannotWrite

PATIENCE_S = 1.0
"""For a reader of notes that is slow; from one that has kept us waiting for so long we expect nothing more."""

SHOWN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    **dict.fromkeys(range(0x7F, 0xA0), "\ufffd"),
    ord("\r"): None,
}
"""What stands on a terminal for characters that would drive it; a carriage return, which hides a line, is left out."""


class Console:
    """Writes answers, notes, warnings and errors; one instance per process."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._live = self._err is not None and self._err.isatty() and os.environ.get("TERM") != "dumb"
        self._is_seen = self._out is not None and self._out.isatty()
        self._colour = self._live and not os.environ.get("NO_COLOR")
        self._status = False
        self._patience_s = PATIENCE_S
        self.is_unread = False
        """Whether the reader of the answers has left: nobody needs any more of them."""

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that can replace a line and show colours."""
        return self._live

    def answer(self, text: str) -> None:
        """A piece of the answer, at once and without a line break. Raises: CannotWrite when it would be lost."""
        self.clear()
        try:
            reason = _write(self._out, harmless(text) if self._is_seen else text)
        except BrokenPipeError:
            self.is_unread = True
            return
        if reason:
            raise CannotWrite("stdout", reason)

    def note(self, text: str, colour: str = "") -> None:
        """A line about what happens."""
        self._tell(self.paint(colour, harmless(text)) + "\n")

    def warning(self, text: str) -> None:
        """One line about something that was not done as asked."""
        self._tell(f"{self.paint('33', 'warning:')} {harmless(text)}\n")

    def error(self, sentence: str) -> None:
        """A sentence about something that could not be done."""
        self._tell(f"{self.paint('31', 'error:')} {harmless(sentence)}\n")

    def aside(self, text: str) -> None:
        """A piece of what belongs to the answer but is none, dim and without a line break; on a terminal only."""
        if self._live:
            self._tell(self.paint("2", harmless(text)))

    def status(self, text: str) -> None:
        """A line that the next one replaces; shown on a terminal only."""
        if self._live:
            self.draw("\r\x1b[K" + harmless(text))
            self._status = True

    def draw(self, text: str) -> None:
        """Write to stderr exactly this, which may move the cursor: for editing lines."""
        if not self._is_read():
            return
        with suppress(BrokenPipeError):
            _write(self._err, text)

    def clear(self) -> None:
        """Remove the status line, if one is shown."""
        if self._status:
            self.draw("\r\x1b[K")
            self._status = False

    def paint(self, code: str, text: str) -> str:
        """`text` in the ANSI colour `code` where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text

    def _tell(self, text: str) -> None:
        self.clear()
        self.draw(text)

    def _is_read(self) -> bool:
        """Whether stderr takes anything: a pipe that nobody reads is full one day, and must not stop the program."""
        if self._err is None or sys.platform == "win32":
            return True
        from select import select

        with suppress(OSError, ValueError):  # nothing that has a file of the system
            takes = bool(select([], [self._err], [], self._patience_s)[1])
            self._patience_s = PATIENCE_S if takes else 0.0
            return takes
        return True


def harmless(text: str) -> str:
    """`text` with its control characters shown: a terminal obeys none of it."""
    return text if text.isprintable() else text.translate(SHOWN)


def _write(stream: TextIO | None, text: str) -> str:
    """Write and flush; return why it could not be done, empty if all is well.

    Raises: BrokenPipeError when the reader has left; from then on what is written goes nowhere.
    """
    if stream is None:
        return ""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)  # the exit code stays ours
        raise
    except OSError as error:
        _silence(stream)
        return (error.strerror or str(error)).lower()
    return ""


def _silence(stream: TextIO) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
