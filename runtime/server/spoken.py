"""What comes of a conversation, event by event and as a whole: what is said, thought and called.

Started, Progress…, Spoken…, Ended
"""

import json
from collections.abc import Sequence
from typing import Literal

import msgspec

from runtime import chat
from runtime.engine.protocol import Delta, Finished, Progress, Started, TokenProbability
from runtime.server.generation import Answer, AnswerEvent

Ending = Literal["stop", "word", "length", "calls"]
"""Why an answer ended. calls: the model waits for the results of its tools."""


class Spoken(msgspec.Struct, frozen=True):
    """The next pieces of an answer, the tokens since the last ones, and how likely these were if that was asked for."""

    pieces: Sequence[chat.Piece]
    tokens: Sequence[int] = ()
    probabilities: Sequence[TokenProbability] = ()

    @property
    def n_thought(self) -> int:
        """How many of the tokens are thoughts."""
        only_thoughts = self.pieces and all(isinstance(piece, chat.Thought) for piece in self.pieces)
        return len(self.tokens) if only_thoughts else 0


class Ended(msgspec.Struct, frozen=True):
    """The answer is complete."""

    finished: Finished
    reason: Ending


Event = Started | Progress | Spoken | Ended


class Call(msgspec.Struct):
    """A call of a tool; `arguments` is JSON."""

    id: str
    name: str
    arguments: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the answer ended within the arguments, so that nobody could run it."""
        return self._read() is None

    @property
    def parsed(self) -> dict[str, object]:
        """The arguments; what is no object because it was cut off is empty."""
        return self._read() or {}

    def _read(self) -> dict[str, object] | None:
        try:
            found = json.loads(self.arguments)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


class Reply(Answer):
    """A whole answer, taken apart."""

    said: list[str] = msgspec.field(default_factory=list)
    thoughts: list[str] = msgspec.field(default_factory=list)
    calls: list[Call] = msgspec.field(default_factory=list)
    reason: Ending = "stop"

    def take(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, Started):
            self.started = event
        elif isinstance(event, Ended):
            self.finished, self.reason = event.finished, event.reason
        elif isinstance(event, Spoken):
            self.tokens += event.tokens
            self.probabilities += event.probabilities
            self.n_thought += event.n_thought
            for piece in event.pieces:
                self._take_piece(piece)

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self.said)

    @property
    def reasoning(self) -> str:
        """What was thought before."""
        return "".join(self.thoughts)

    def _take_piece(self, piece: chat.Piece) -> None:
        if isinstance(piece, chat.Said):
            self.said.append(piece.text)
        elif isinstance(piece, chat.Thought):
            self.thoughts.append(piece.text)
        elif isinstance(piece, chat.CallBegan):
            self.calls.append(Call(piece.id, piece.name))
        else:
            self.calls[piece.place].arguments += piece.arguments


class Speaker:
    """Reads one answer as it comes."""

    def __init__(self, form: chat.Form, conversation: chat.Conversation) -> None:
        self._form = form
        self._conversation = conversation
        self._reader: chat.Reader | None = None
        self._call: Call | None = None
        self._tokens: list[int] = []
        self._probabilities: list[TokenProbability] = []

    def take(self, event: AnswerEvent) -> list[Event]:
        """Return what the next event of the engine means."""
        if isinstance(event, Started):
            self._reader = self._form.reader(self._conversation, event.prompt)
            return [event]
        if isinstance(event, Progress):
            return [event]
        if isinstance(event, Finished):
            spoken = self._spoken(self._reader.finish() if self._reader else [], is_last=True)
            return [*spoken, Ended(event, self._ending(event))]
        if not isinstance(event, Delta):
            return []
        self._tokens += event.tokens
        self._probabilities += event.probabilities
        return self._spoken(self._reader.push(event.text) if self._reader else [])

    def _spoken(self, pieces: list[chat.Piece], is_last: bool = False) -> list[Event]:
        for piece in pieces:
            if isinstance(piece, chat.CallBegan):
                self._call = Call(piece.id, piece.name)
            elif isinstance(piece, chat.CallGrew) and self._call:
                self._call.arguments += piece.arguments
        if not pieces and not (is_last and self._tokens):
            return []
        spoken = Spoken(pieces, self._tokens, self._probabilities)
        self._tokens, self._probabilities = [], []
        return [spoken]

    def _ending(self, finished: Finished) -> Ending:
        if finished.reason == "length":
            return "length"
        is_word = finished.reason == "word"
        if self._call and not (is_word and self._call.is_cut):
            return "calls"
        return "word" if is_word else "stop"
