"""GLM 4.5 to 4.7 and kin: `<tool_call>name`, then `<arg_key>` and `<arg_value>` for each argument."""

from runtime.chat import grammars
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.parameters import Tags
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, marks

NAME_END = marks("\n", "<arg_key>", "</tool_call>")


class Glm(Family):
    """Each call between marks of its own."""

    name = "glm"
    call_marks = ("<tool_call>",)
    shown = ("</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self._line = "" if "</arg_key><arg_value>" in template else "\n"
        self._tags = Tags("<arg_key>", ("</arg_key>",), "</arg_value>", then="<arg_value>", gap=self._line)

    def call_rules(self, conversation: Conversation) -> str:
        def write(tool: Tool) -> str:
            head = f"{grammars.mark('<tool_call>')} {grammars.literal(tool.name + self._line)}"
            return f"{head} {self._tags.rule(tool)} {grammars.mark('</tool_call>')}"

        return grammars.calls(conversation.callable, write, has_several=conversation.parallel)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        name, end = yield from reading.tape.short_until(NAME_END)
        reading.tape.at -= len(end)
        reading.begin(name.strip())
        yield from self._tags.read(reading, reading.tools.get(name.strip()))
        yield from reading.tape.starts("</tool_call>")
