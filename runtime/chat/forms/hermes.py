"""Hermes, Qwen 2.5 and 3, Granite 4 and their many kin: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`."""

from runtime.chat import grammars
from runtime.chat.calls import Keys, json_calls
from runtime.chat.conversation import Conversation
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script

KEYS = Keys()


class Hermes(Family):
    """Each call between marks of its own; several follow one another."""

    name = "hermes"
    call_marks = ("<tool_call>",)
    shown = ("</tool_call>",)

    def call_rules(self, conversation: Conversation) -> str:
        opened, closed = map(grammars.mark, (self.call_marks[0], self.shown[0]))
        return grammars.calls(
            conversation.callable,
            lambda tool: f"{opened} ws_? {grammars.json_call(tool)} ws_? {closed}",
            has_several=conversation.parallel,
            further=grammars.json_rules(),
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        yield from json_calls(reading, KEYS)
        yield from reading.tape.blank()
        yield from reading.tape.starts(self.shown[0])
