"""Families that write all calls of a turn as one JSON list behind a mark: Granite 3, Phi 4, Nemotron, Apriel."""

import msgspec

from runtime.chat import grammars
from runtime.chat.calls import Keys, json_calls
from runtime.chat.conversation import Conversation, Message
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script
from runtime.chat.turns import with_system


class Listed(Family):
    """`block` are the marks around the list, of which the second may be empty."""

    block = ("", "")
    keys = Keys()
    json_rules = grammars.json_rules()

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.call_marks = (self.block[0],)
        self.shown = tuple(filter(None, self.block[1:]))

    def call_rules(self, conversation: Conversation) -> str:
        closed = f"ws_? {grammars.mark(self.block[1])}" if self.block[1] else ""
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            between='"," ws_?',
            has_several=conversation.parallel,
            around=f'{grammars.mark(self.block[0])} ws_? "[" ws_? {{}} ws_? "]" {closed}',
            further=self.json_rules,
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        yield from json_calls(reading, self.keys)
        if self.block[1]:
            yield from reading.tape.blank()
            yield from reading.tape.starts(self.block[1])


class Granite(Listed):
    """Granite 3; what it says after a thought stands between marks as well."""

    name = "granite"
    block = ("<|tool_call|>", "")
    around_answer = ("<response>", "</response>")


class Phi(Listed):
    """Phi 4 mini; also templates of others that took its marks over."""

    name = "phi"
    block = ("<|tool_call|>", "<|/tool_call|>")


class Nemotron(Listed):
    """Nemotron Nano 2, which is told in its system turn not to think."""

    name = "nemotron"
    block = ("<TOOLCALL>", "</TOOLCALL>")

    def messages(self, conversation: Conversation) -> list[Message]:
        if self.thinking.wanted(conversation) is False:
            return with_system(conversation.messages, "/no_think")
        return conversation.messages


class Apriel(Listed):
    """Apriel 1.5 and 1.6, which open a thought with words."""

    name = "apriel"
    block = ("<tool_calls>", "</tool_calls>")
    think = ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]")

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.thinking = msgspec.structs.replace(self.thinking, always_opens="reasoning_asst_turn_start" in template)


class MiniMaxM1(Listed):
    """MiniMax M1: an object on each line instead of a list."""

    name = "minimax-m1"
    block = ("<tool_calls>", "</tool_calls>")

    def call_rules(self, conversation: Conversation) -> str:
        opened, closed = map(grammars.mark, self.block)
        around = f"{opened} ws_? {{}} ws_? {closed}"
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            has_several=conversation.parallel,
            around=around,
            further=self.json_rules,
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape = reading.tape
        yield from json_calls(reading, self.keys)
        while (yield from tape.blank()) == "{":
            tape.attempt()
            yield from json_calls(reading, self.keys)
        yield from tape.starts(self.block[1])
