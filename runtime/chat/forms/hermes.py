"""Hermes, Qwen 2.5 and 3, Granite 4 and their many kin: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.

Qwen2.5-Coder was trained for these marks like its kin, and still begins its answer with the fenced JSON of its calls.
"""

from runtime.chat import grammars
from runtime.chat.bare import BARE_KEYS, bare_calls, bare_trigger
from runtime.chat.calls import Keys, json_calls
from runtime.chat.conversation import Conversation
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script
from runtime.engine.protocol import Trigger

KEYS = Keys()

MOST_NAMED = 1024
"""Characters of tools' names that the pattern for calls without marks may have."""


class Hermes(Family):
    """Each call between marks of its own; several follow one another."""

    name = "hermes"
    call_marks = ("<tool_call>",)
    shown = ("</tool_call>",)
    calls_at_once = True

    def call_rules(self, conversation: Conversation) -> str:
        if conversation.must_call:
            return self.mixed_rules(conversation)
        marked, several = self._marked("call_"), conversation.parallel
        after, next_bare = (f" (ws_? {marked})*", " (ws_? call_)*") if several else ("", "")
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            has_several=False,
            around=f'{marked}{after} | call_{next_bare} (ws_? "```")?',
            further=grammars.json_rules(),
        )

    def mixed_rules(self, conversation: Conversation) -> str:
        """Only calls with marks: where other JSON may begin as well it would not be clear what begins."""
        return grammars.calls(
            conversation.callable,
            lambda tool: self._marked(grammars.json_call(tool)),
            has_several=conversation.parallel,
            further=grammars.json_rules(),
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        if not mark:
            yield from bare_calls(reading, BARE_KEYS)
            return
        yield from json_calls(reading, KEYS)
        yield from reading.tape.blank()
        yield from reading.tape.starts(self.shown[0])

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        names = "|".join(grammars.escaped(tool.name) for tool in conversation.callable)
        if len(names) > MOST_NAMED:
            return super().triggers(conversation)
        return [*super().triggers(conversation), bare_trigger(self.thinking.close, names=f'(?:{names})"')]

    def _marked(self, call: str) -> str:
        opened, closed = map(grammars.mark, (self.call_marks[0], self.shown[0]))
        return f"{opened} ws_? {call} ws_? {closed}"
