"""Calls without a mark: the answer begins with the JSON object of a call, maybe behind a fence or a tag."""

from runtime.chat import grammars
from runtime.chat.calls import Keys, json_call
from runtime.chat.conversation import Conversation
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks
from runtime.engine.protocol import Trigger

FENCES = ("```json", "```tool_code", "```")


class Bare(Family):
    """An answer that begins with `{` is read as calls, one after the other; what turns out to be none is text."""

    keys = Keys(names=("name", "function"), arguments=("arguments", "parameters"), only_offered=True)
    arguments = "arguments"
    tags: tuple[str, ...] = ()

    def mixed_rules(self, conversation: Conversation) -> str:
        """As schemas: the beginning of a call must not be read as a whole where other JSON may begin as well."""
        return grammars.calls(
            conversation.callable, lambda tool: grammars.call_schema(tool, self.arguments), has_several=False
        )

    def answer(self, reading: Reading, conversation: Conversation, prompt: str) -> Script[None]:
        if self.thinks and self.thinking.is_open(prompt, conversation.prefill):
            yield from self.thought(reading, conversation)
        if self.thinks:
            yield from self.thoughts(reading, conversation)
        if conversation.callable:
            reading.tape.attempt()
            yield from self.attempt(reading, "")
        yield from reading.tape.until(marks(), reading.say)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape = reading.tape
        yield from tape.blank()
        for fence in (*self.tags, *FENCES):
            if (yield from tape.starts(fence)):
                break
        if (yield from tape.blank()) != "{":
            raise Unexpected("a call")
        while (yield from tape.blank()) in ("{", ";", ","):
            if not (yield from tape.starts(";")) and not (yield from tape.starts(",")):
                tape.attempt()
                yield from json_call(reading, self.keys)
        yield from tape.starts("```")

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        before = "".join(f"(?:{tag})?" for tag in map(grammars.escaped, self.tags))
        after_thought = grammars.escaped(self.thinking.close)
        pattern = rf'(?:^|{after_thought}){before}\s*(?:```\w*\s*)?(\{{\s*"name"\s*:\s*")'
        return [Trigger(kind="pattern", value=pattern)]
