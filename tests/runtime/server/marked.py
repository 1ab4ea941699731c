"""A way to write answers for tests of chats: each text says what it is."""

from runtime.chat import CallBegan, CallGrew, Conversation, Piece, Prepared, Reader, Said, Thought, ThoughtMarks
from runtime.engine.protocol import Chat, Grammar


class Marked:
    """A form whose answers say of each text what it is: `T:` a thought, `C:` a call, `A:` arguments."""

    name = "marked"

    def __init__(self) -> None:
        self.conversations: list[Conversation] = []

    def prepare(self, conversation: Conversation, grammar: Grammar | None) -> Prepared:
        self.conversations.append(conversation)
        chat = Chat(messages=conversation.messages, values=conversation.values, prefill=conversation.prefill)
        return Prepared(chat=chat, grammar=grammar)

    def thought_marks(self, conversation: Conversation) -> ThoughtMarks:
        return ThoughtMarks("<T>", ["</T>", "<C>"] if conversation.callable else ["</T>"])

    def reader(self, conversation: Conversation, prompt: str) -> Reader:
        return _Reader()


class _Reader:
    def __init__(self) -> None:
        self._place = -1

    def push(self, text: str) -> list[Piece]:
        mark, _, rest = text.partition(":")
        if mark == "T":
            return [Thought(rest)]
        if mark == "C":
            self._place += 1
            return [CallBegan(self._place, f"call_{self._place}", rest)]
        if mark == "A":
            return [CallGrew(self._place, rest)]
        return [Said(text)] if text else []

    def finish(self) -> list[Piece]:
        return []
