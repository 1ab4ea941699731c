"""What a family of models brings: how it is asked, and how its answers are read."""

from typing import NamedTuple, Protocol

import msgspec

from runtime.chat.conversation import Conversation
from runtime.chat.pieces import Piece
from runtime.engine.protocol import Chat, Grammar


class Unsuitable(Exception):
    """The conversation asks for what this form cannot do; the text names the field."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine is asked.

    grammar: what the answer has to be, calls and thoughts included; None: anything.
    shown: special tokens whose text the reader needs.
    """

    chat: Chat
    grammar: Grammar | None = None
    shown: list[str] = msgspec.field(default_factory=list)


class ThoughtMarks(NamedTuple):
    """What stands around a thought; the first of `ends` is the mark for it."""

    begin: str
    ends: list[str]


class Reader(Protocol):
    """Reads one answer. Text that could be the beginning of a mark is held back until it is known to be none."""

    def push(self, text: str) -> list[Piece]:
        """Take the next text of the answer; return what is certain by now."""

    def finish(self) -> list[Piece]:
        """The answer has ended; return what was held back. A call that was cut off stays as it is."""


class Form(Protocol):
    """One family's way to call tools and to think. thinks: whether the model can think before it answers."""

    name: str
    thinks: bool

    def prepare(self, conversation: Conversation, grammar: Grammar | None) -> Prepared:
        """Return what to ask; `grammar` is what the text of the answer has to be. Raises: Unsuitable."""

    def thought_marks(self, conversation: Conversation) -> ThoughtMarks | None:
        """Return what stands around the thoughts of an answer; None: the model does not think."""

    def reader(self, conversation: Conversation, prompt: str) -> Reader:
        """Return what reads the answer to `prompt`, the conversation as the template rendered it."""
