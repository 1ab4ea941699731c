"""Functionary: 3.1 writes `<function=name>{…}</function>`, 3.2 names whom each part of the answer is for."""

from runtime.chat import grammars
from runtime.chat.calls import arguments
from runtime.chat.conversation import Conversation
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks
from runtime.engine.protocol import Trigger

TO = ">>>"
EVERYBODY = "all"


class Functionary31(Family):
    """`<function=name>{…}</function>`, one after the other."""

    name = "functionary-3.1"
    call_marks = ("<function=",)
    shown = ("<|python_tag|>",)

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            lambda tool: (
                f"{grammars.mark(self.call_marks[0])} {grammars.literal(f'{tool.name}>')} "
                f"{grammars.schema(tool.parameters)} "
                f"{grammars.literal('</function>')}"
            ),
            has_several=conversation.parallel,
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        name, _ = yield from reading.tape.short_until(marks(">"))
        if (yield from reading.tape.blank()) != "{":
            raise Unexpected("arguments")
        reading.begin(name.strip())
        yield from arguments(reading)
        yield from reading.tape.blank()
        yield from reading.tape.starts("</function>")


class Functionary32(Family):
    """`all` and a line of its own before text, `name` before arguments; `>>>` between the parts.

    The prompt ends with the first `>>>`.
    """

    name = "functionary-3.2"

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            lambda tool: f"{grammars.literal(tool.name + chr(10))} {grammars.schema(tool.parameters)}",
            between=f"ws_? {grammars.literal(TO)}",
            has_several=conversation.parallel,
        )

    def said(self, conversation: Conversation) -> str:
        return "answer_" if conversation.prefill else f"{grammars.literal(EVERYBODY + chr(10))} answer_"

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        names = "|".join(grammars.escaped(tool.name) for tool in conversation.callable)
        return [Trigger(kind="pattern", value=f"(?:^|{TO})((?:{names})\\n)")]

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        name, _ = yield from reading.tape.short_until(marks("\n"))
        if name.strip() == EVERYBODY:
            reading.tape.succeed()
            reading.seam()
        elif name.strip() in reading.tools:
            reading.begin(name.strip())
            yield from arguments(reading)
            reading.seam()
        else:
            raise Unexpected("a name")

    def answer(self, reading: Reading, conversation: Conversation, prompt: str) -> Script[None]:
        if not conversation.prefill:
            yield from self.attempt(reading, "")
        while mark := (yield from reading.tape.until(marks(TO), reading.say)):
            yield from self.attempt(reading, mark)
