"""Models that only talk: everything they write is the answer."""

from runtime.chat.conversation import Conversation
from runtime.chat.form import Prepared, Reader
from runtime.chat.pieces import Piece, Said
from runtime.engine.protocol import Chat, Grammar


class Plain:
    """A form without marks."""

    name = "plain"

    def prepare(self, conversation: Conversation, grammar: Grammar | None) -> Prepared:
        chat = Chat(
            messages=conversation.messages,
            values=conversation.values,
            add_generation_prompt=conversation.add_generation_prompt,
            prefill=conversation.prefill,
        )
        return Prepared(chat=chat, grammar=grammar)

    def reader(self, conversation: Conversation, prompt: str) -> Reader:
        return _Reader()


class _Reader:
    def push(self, text: str) -> list[Piece]:
        return [Said(text)] if text else []

    def finish(self) -> list[Piece]:
        return []
