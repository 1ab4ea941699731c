"""Kimi K2: `functions.name:0`, which is name and id at once, and arguments, in a section of calls."""

from runtime.chat import grammars
from runtime.chat.calls import arguments
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks

SECTION, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, ARGUMENTS, CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"


class Kimi(Family):
    """All calls of a turn in one section."""

    name = "kimi"
    call_marks = (SECTION,)
    shown = (SECTION_END, CALL, ARGUMENTS, CALL_END)

    def call_rules(self, conversation: Conversation) -> str:
        def write(tool: Tool) -> str:
            head = grammars.pattern(grammars.escaped(f"functions.{tool.name}:"), "[0-9]{1,3}")
            marked = f"{grammars.mark(CALL)} {head} {grammars.mark(ARGUMENTS)}"
            return f"{marked} {grammars.schema(tool.parameters)} {grammars.mark(CALL_END)}"

        around = f"{grammars.mark(SECTION)} {{}} {grammars.mark(SECTION_END)}"
        return grammars.calls(conversation.callable, write, has_several=conversation.parallel, around=around)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape, n_read = reading.tape, 0
        while (yield from tape.blank()) and (yield from tape.starts(CALL)):
            call_id, _ = yield from tape.short_until(marks(ARGUMENTS))
            name = call_id.strip().removeprefix("functions.").rpartition(":")[0] or call_id.strip()
            reading.begin(name, call_id.strip())
            n_read += 1
            yield from arguments(reading)
            yield from tape.blank()
            yield from tape.starts(CALL_END)
        if not n_read:
            raise Unexpected("a call")
        yield from tape.starts(SECTION_END)
