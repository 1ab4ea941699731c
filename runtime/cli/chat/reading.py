"""Where messages come from: a pipe, a terminal with a line editor, or one that has only its system's line input."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from runtime.cli.chat.draft import MAX_CHARACTERS, Draft
from runtime.cli.signals import interrupts
from runtime.console import Console
from runtime.errors import UsageError

PROMPT = "> "
GOES_ON = ". "
BLUE = "1;34"
AGAIN = "Press Ctrl-C again, or Ctrl-D, to end the chat."


class Source(Protocol):
    """Gives one message after the other."""

    def read(self) -> str | None:
        """The next message; None at the end. Raises: UsageError for one that is too long."""

    def restore(self) -> None:
        """Leave the terminal as it was. For handlers of signals, too."""


def source(console: Console, complete: Callable[[str], Sequence[str]]) -> tuple[Source, bool]:
    """What to read from, and whether a person writes there."""
    if sys.stdin is None or not sys.stdin.isatty():
        return Piped(sys.stdin), False
    if not _can_edit(console):
        return Plain(sys.stdin, console), True
    return Edited(console, complete), True


def _can_edit(console: Console) -> bool:
    """Whether the terminal understands what an editor draws; that on Windows has its own way to read keys."""
    return console.live and os.name == "posix" and bool(os.environ.get("TERM"))


class Piped:
    """Each line of a stream is a message, unless it goes on."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def read(self) -> str | None:
        draft = Draft()
        n_read = 0
        while line := self._stream.readline(MAX_CHARACTERS + 1) if self._stream else "":
            n_read += len(line)
            if n_read > MAX_CHARACTERS:
                raise UsageError(f"Reading the question: it has more than {MAX_CHARACTERS:,} characters; shorten it.")
            message = draft.add(line.removesuffix("\n").removesuffix("\r"))
            if message is not None:
                return message
        return draft.rest()

    def restore(self) -> None:
        """Nothing was changed."""


class Plain:
    """A terminal that edits lines by itself."""

    def __init__(self, stream: TextIO, console: Console) -> None:
        self._stream = stream
        self._console = console
        self._is_reading = False
        self._is_interrupted = False

    def read(self) -> str | None:
        draft = Draft()
        n_interrupts = 0
        with interrupts(self._interrupt):
            while True:
                self._console.draw(GOES_ON if draft.is_begun else PROMPT)
                line = self._line()
                if line is None:
                    n_interrupts = 0 if draft.is_begun else n_interrupts + 1
                    if n_interrupts == 2:
                        return None
                    self._console.note(f"\n{AGAIN}" if n_interrupts else "")
                    draft = Draft()
                    continue
                n_interrupts = 0
                message = draft.add(line.removesuffix("\n").removesuffix("\r")) if line else draft.rest()
                if message is not None or not line:
                    return message

    def restore(self) -> None:
        """Nothing was changed."""

    def _line(self) -> str | None:
        """The next line, empty at the end; None after Ctrl-C."""
        line = ""
        try:
            self._is_reading = True
            if not self._is_interrupted:
                line = self._stream.readline(MAX_CHARACTERS)
            self._is_reading = False
        except KeyboardInterrupt:
            line = ""
        was_interrupted, self._is_interrupted = self._is_interrupted, False
        return None if was_interrupted else line

    def _interrupt(self) -> None:
        """Ctrl-C; it breaks off the reading and nothing else."""
        self._is_interrupted = True
        if self._is_reading:
            self._is_reading = False
            raise KeyboardInterrupt


class Edited:
    """A terminal whose keys an editor reads; between two messages it is quiet."""

    def __init__(self, console: Console, complete: Callable[[str], Sequence[str]]) -> None:
        from runtime.cli.chat.editing.editor import Editor
        from runtime.cli.chat.editing.history import History, history_file
        from runtime.cli.chat.editing.tty import Tty

        self._terminal = Tty(sys.stdin.fileno(), sys.stderr.fileno())
        history = History(history_file(os.environ))
        self._editor = Editor(
            self._terminal, console.draw, history, complete, lambda prompt: console.paint(BLUE, prompt)
        )
        self._terminal.watch()
        self._terminal.set("quiet")

    def read(self) -> str | None:
        with interrupts(self._editor.interrupt):
            return self._editor.read(PROMPT)

    def restore(self) -> None:
        self._terminal.restore()
