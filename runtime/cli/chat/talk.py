"""What a chat holds: the turns so far, and how the next answer is to be."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.cli.chat.schema import Json
from runtime.engine.protocol import Adapters, Grammar
from runtime.payload import Message


class Turn(NamedTuple):
    """One question or answer. thought: what the model thought before it. at_ms: when, since 1970."""

    role: str
    content: str
    thought: str = ""
    at_ms: int = 0


class Figures(NamedTuple):
    """What an answer took: tokens, of the prompt also those that were remembered, and milliseconds."""

    n_prompt: int
    n_cached: int
    n_answer: int
    prompt_ms: float
    answer_ms: float


class Wanted(NamedTuple):
    """What answers have to be: for the engine, and for the check of what came; `schema` True is any JSON object."""

    grammar: Grammar
    schema: Json = True


class Talk:
    """system: what it begins with; empty: nothing. before: what the publisher has put before its turns.

    adapters: None for those that the program was started with.
    """

    def __init__(self, system: str = "", before: Sequence[Message] = ()) -> None:
        self.system = system
        self._before = [Turn(message.role, message.content) for message in before]
        self.turns: list[Turn] = []
        self.adapters: Adapters | None = None
        self.wanted: Wanted | None = None
        self.figures: list[Figures] = []

    def messages(self, question: str) -> list[dict[str, object]]:
        """The conversation with the next question, as templates want it; earlier thoughts are left out."""
        turns = [Turn("system", self.system)] if self.system else []
        turns += [*self._before, *self.turns, Turn("user", question)]
        return [{"role": turn.role, "content": turn.content} for turn in turns]

    def undo(self) -> Turn | None:
        """Drop the last question and all that came after it; return it."""
        for place in range(len(self.turns) - 1, -1, -1):
            if self.turns[place].role == "user":
                question = self.turns[place]
                del self.turns[place:]
                return question
        return None
