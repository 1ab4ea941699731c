"""The only place inside the executable that writes to the terminal.

Answers go to stdout and nothing else does; every word about the work goes to stderr.
A stream may be missing (a double click has no terminal) or closed early (`| head`):
neither stops the program. NO_COLOR is honoured.
"""

import os
import sys
from typing import TextIO

from runtime.errors import CannotWrite


class Console:
    """Writes answers, notes, warnings and errors; one instance per process."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._live = self._err is not None and self._err.isatty()
        self._colour = self._live and "NO_COLOR" not in os.environ
        self._status = False

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that a person reads."""
        return self._live

    def answer(self, text: str) -> None:
        """A piece of the answer, at once and without a line break. Raises: CannotWrite when it would be lost."""
        self.clear()
        if reason := _write(self._out, text):
            raise CannotWrite("stdout", reason)

    def note(self, text: str) -> None:
        """One line about what happens."""
        self.clear()
        _write(self._err, text + "\n")

    def warning(self, text: str) -> None:
        """One line about something that was not done as asked."""
        self.note(f"{self.paint('33', 'warning:')} {text}")

    def error(self, sentence: str) -> None:
        """The sentence with which the program ends."""
        self.note(f"{self.paint('31', 'error:')} {sentence}")

    def status(self, text: str) -> None:
        """A line that the next one replaces; shown on a terminal only."""
        if self._live:
            _write(self._err, "\r\x1b[K" + text)
            self._status = True

    def clear(self) -> None:
        """Remove the status line, if one is shown."""
        if self._status:
            _write(self._err, "\r\x1b[K")
            self._status = False

    def paint(self, code: str, text: str) -> str:
        """`text` in the ANSI colour `code` where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def _write(stream: TextIO | None, text: str) -> str:
    """Write and flush; return why it could not be done, empty if all is well or the reader wants no more."""
    if stream is None:
        return ""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The reader has left: the rest has nowhere to go, and the exit code stays ours.
        _silence(stream)
    except OSError as error:
        _silence(stream)
        return (error.strerror or str(error)).lower()
    return ""


def _silence(stream: TextIO) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
