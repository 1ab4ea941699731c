"""DeepSeek R1, V3 and V3.1: calls between marks with wide bars, in R1 and V3 as a fenced block of JSON."""

from runtime.chat import grammars
from runtime.chat.calls import arguments
from runtime.chat.conversation import Conversation, Message, Tool
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks
from runtime.chat.turns import functions_in_words, with_system

CALLS, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL, SEP, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
WORDS = "To call one of these functions, write only\n{call}\nThe functions are:\n{functions}"


class DeepSeek(Family):
    """All calls of a turn between one pair of marks; tools that the template does not show stand in the system turn."""

    name = "deepseek"
    call_marks = (CALLS,)
    shown = (CALLS_END, CALL, SEP, CALL_END)

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self._fenced = "```json" in template
        self.shows_tools = "tools" in template

    def call_rules(self, conversation: Conversation) -> str:
        def write(tool: Tool) -> str:
            head = f"function{SEP}{tool.name}\n```json\n" if self._fenced else f"{tool.name}{SEP}"
            parts = [grammars.mark(CALL), *_marked(head), grammars.schema(tool.parameters)]
            return " ".join([*parts, *(['"\\n```"'] if self._fenced else []), grammars.mark(CALL_END)])

        around = f"{grammars.mark(CALLS)} {{}} ws_? {grammars.mark(CALLS_END)}"
        return grammars.calls(conversation.callable, write, has_several=conversation.parallel, around=around)

    def messages(self, conversation: Conversation) -> list[Message]:
        if self.shows_tools or not conversation.callable:
            return conversation.messages
        inside = '{"parameter": "value"}'
        call = f"function{SEP}name\n```json\n{inside}\n```" if self._fenced else f"name{SEP}{inside}"
        call = f"{CALLS}{CALL}{call}{CALL_END}{CALLS_END}"
        words = WORDS.format(call=call, functions=functions_in_words(conversation.callable))
        return with_system(conversation.messages, words)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape, n_read = reading.tape, 0
        while (yield from tape.blank()) and (yield from tape.starts(CALL)):
            name, _ = yield from tape.short_until(marks(SEP))
            if (yield from tape.blank()) != "{":
                name, _ = yield from tape.short_until(marks("\n"))
                yield from tape.blank()
                yield from tape.starts("```json")
            reading.begin(name.strip())
            n_read += 1
            yield from arguments(reading)
            yield from tape.blank()
            yield from tape.starts("```")
            yield from tape.starts(CALL_END)
        if not n_read:
            raise Unexpected("a call")
        yield from tape.starts(CALLS_END)


def _marked(head: str) -> list[str]:
    before, _, after = head.partition(SEP)
    return [grammars.literal(before), grammars.mark(SEP), *([grammars.literal(after)] if after else [])]
