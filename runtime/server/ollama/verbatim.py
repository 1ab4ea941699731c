"""Prompts that no template has a part in: whatever the model writes is the answer."""

from runtime.chat import Conversation, Piece, Prepared, Reader, Said, ThoughtMarks
from runtime.engine.protocol import Chat, Grammar

NOTHING_SAID = Conversation(messages=[])


class Verbatim:
    """A form without marks."""

    name = "verbatim"
    thinks = False

    def prepare(self, conversation: Conversation, grammar: Grammar | None) -> Prepared:
        """Return the turns as they are."""
        return Prepared(chat=Chat(messages=conversation.messages), grammar=grammar)

    def thought_marks(self, conversation: Conversation) -> ThoughtMarks | None:
        """Return none: a thought is text like all other."""
        return None

    def reader(self, conversation: Conversation, prompt: str) -> Reader:
        """Return what takes all text for the answer."""
        return _Reader()


class _Reader:
    def push(self, text: str) -> list[Piece]:
        return [Said(text)] if text else []

    def finish(self) -> list[Piece]:
        return []
