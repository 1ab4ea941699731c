"""Mistral: a list of calls behind `[TOOL_CALLS]` in Nemo and before, `[TOOL_CALLS]name[ARGS]{…}` in the newer ones.

Ids of calls are nine letters or digits; other ones no template takes.
"""

from runtime.chat import grammars
from runtime.chat.calls import Keys, arguments, json_calls
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, marks

CALLS, CALL_ID, ARGS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
ID = "[a-zA-Z0-9]{9}"


class Nemo(Family):
    """`[TOOL_CALLS][{"name": …, "arguments": {…}, "id": …}]`"""

    name = "mistral-nemo"
    call_marks = (CALLS,)
    think = ("[THINK]", "[/THINK]")
    ids = ("", 9)

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            grammars.json_call,
            between='"," ws_?',
            has_several=conversation.parallel,
            around=f'{grammars.mark(CALLS)} ws_? "[" ws_? {{}} ws_? "]"',
            further=grammars.json_rules(after=f'(, ?"id": ?"{ID}")?'),
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        yield from json_calls(reading, Keys())


class Ministral(Nemo):
    """`[TOOL_CALLS]name[ARGS]{…}`, the mark before each call; Small 3.2 writes an id between name and arguments."""

    name = "mistral"
    shown = (CALL_ID, ARGS)

    def call_rules(self, conversation: Conversation) -> str:
        has_id = CALL_ID in self.template
        call_id = f"{grammars.mark(CALL_ID)} {grammars.pattern(ID)}" if has_id else ""

        def write(tool: Tool) -> str:
            head = f"{grammars.mark(CALLS)} {grammars.literal(tool.name)} {call_id} {grammars.mark(ARGS)}"
            return f"{head} ws_? {grammars.schema(tool.parameters)}"

        return grammars.calls(conversation.callable, write, has_several=conversation.parallel)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape = reading.tape
        if (yield from tape.blank()) == "[":
            yield from json_calls(reading, Keys())
            return
        name, end = yield from tape.short_until(marks(CALL_ID, ARGS))
        call_id = ""
        if end == CALL_ID:
            call_id, _ = yield from tape.short_until(marks(ARGS))
        reading.begin(name.strip(), call_id.strip())
        yield from arguments(reading)
