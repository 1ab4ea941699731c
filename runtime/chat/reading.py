"""Reads one answer: text in, pieces out, driven by the parser of the model's family.

White space at the seams between thought, text and calls belongs to the marks, and is left out; the rest
stays as it was written.
"""

import random
import string
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from runtime.chat.conversation import Tool
from runtime.chat.pieces import CallBegan, CallGrew, Piece, Said, Thought
from runtime.chat.tape import Script, Tape

Parser: TypeAlias = "Callable[[Reading], Script[None]]"
LETTERS = string.ascii_letters + string.digits


class Reading:
    """A `Reader` whose parser says what the text means, with the methods below."""

    def __init__(self, parser: Parser, tools: Sequence[Tool] = (), ids: tuple[str, int] = ("call_", 24)) -> None:
        """tools: those that the model may call. ids: how the ids of calls begin, and how many characters follow."""
        self.tape = Tape()
        self.tools = {tool.name: tool for tool in tools}
        self._pieces: list[Piece] = []
        self._said = _Voice(Said, self._pieces)
        self._thought = _Voice(Thought, self._pieces)
        self._n_calls = 0
        self._id_prefix, self._id_size = ids
        self._script = parser(self)
        next(self._script, None)

    def push(self, text: str) -> list[Piece]:
        """Take the next text of the answer; return what is certain by now."""
        self.tape.add(text)
        next(self._script, None)
        return self._taken()

    def finish(self) -> list[Piece]:
        """The answer has ended; return what was held back."""
        self.tape.end()
        next(self._script, None)
        self._said.end()
        return self._taken()

    def say(self, text: str) -> None:
        """This is text for the person who asked."""
        self._said.speak(text)

    def think(self, text: str) -> None:
        """This is thought."""
        self._thought.speak(text)

    def seam(self) -> None:
        """A mark stands here; white space around it means nothing."""
        self._said.seam()
        self._thought.seam()

    def begin(self, name: str, call_id: str = "") -> None:
        """A call begins, under an id of its own unless the model gave one."""
        self.seam()
        self.tape.succeed()
        made = self._id_prefix + "".join(random.choices(LETTERS, k=self._id_size))
        self._pieces.append(CallBegan(self._n_calls, call_id or made, name))
        self._n_calls += 1

    def grow(self, arguments: str) -> None:
        """The next part of the latest call's arguments."""
        if arguments:
            self._pieces.append(CallGrew(self._n_calls - 1, arguments))

    def _taken(self) -> list[Piece]:
        taken = self._pieces.copy() if len(self._pieces) < 2 else _joined(self._pieces)
        self._pieces.clear()
        return taken


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Join what belongs together: a long answer may come in one push, a parser hands it on in small parts."""
    joined: list[Piece] = []
    for _, run in groupby(pieces, key=_belonging):
        first, *others = run
        text = "".join(piece[-1] for piece in (first, *others))
        if isinstance(first, CallGrew):
            first = first._replace(arguments=text)
        elif isinstance(first, Said | Thought):
            first = first._replace(text=text)
        joined.append(first)
    return joined


def _belonging(piece: Piece) -> tuple[type, int]:
    return type(piece), piece.place if isinstance(piece, CallBegan | CallGrew) else 0


class _Voice:
    """Keeps white space back until it is known whether anything follows."""

    def __init__(self, kind: Callable[[str], Piece], pieces: list[Piece]) -> None:
        self._kind = kind
        self._pieces = pieces
        self._blank: list[str] = []
        self._at_seam = False

    def speak(self, text: str) -> None:
        if self._at_seam:
            text = text.lstrip()
        trimmed = text.rstrip()
        if trimmed:
            spoken = "".join([*self._blank, trimmed]) if self._blank else trimmed
            self._pieces.append(self._kind(spoken))
            self._blank.clear()
            self._at_seam = False
        if len(trimmed) < len(text):
            self._blank.append(text[len(trimmed) :])

    def seam(self) -> None:
        self._blank.clear()
        self._at_seam = True

    def end(self) -> None:
        """The answer ends here, so white space is text as any other."""
        if self._blank:
            self._pieces.append(self._kind("".join(self._blank)))
            self._blank.clear()
