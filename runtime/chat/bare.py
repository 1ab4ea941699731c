"""Calls without a mark: the answer begins with the JSON object of a call, maybe behind a fence or a tag."""

from runtime.chat import grammars
from runtime.chat.calls import Keys, json_call
from runtime.chat.conversation import Conversation
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected
from runtime.engine.protocol import Trigger

BARE_KEYS = Keys(names=("name", "function"), arguments=("arguments", "parameters"), only_offered=True)
FENCES = ("```json", "```tool_code", "```")


class Bare(Family):
    """An answer that begins with `{` is read as calls, one after the other; what turns out to be none is text."""

    calls_at_once = True
    keys = BARE_KEYS
    arguments = "arguments"
    tags: tuple[str, ...] = ()

    def mixed_rules(self, conversation: Conversation) -> str:
        """As schemas: the beginning of a call must not be read as a whole where other JSON may begin as well."""
        return grammars.calls(
            conversation.callable, lambda tool: grammars.call_schema(tool, self.arguments), has_several=False
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        yield from bare_calls(reading, self.keys, self.tags)

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        before = "".join(f"(?:{tag})?" for tag in map(grammars.escaped, self.tags))
        return [bare_trigger(self.thinking.close, before=before)]


def bare_calls(reading: Reading, keys: Keys, tags: tuple[str, ...] = ()) -> Script[None]:
    """Read the calls that come next, one after the other, maybe behind a fence or one of `tags`. Raises: Unexpected."""
    tape = reading.tape
    yield from tape.blank()
    for fence in (*tags, *FENCES):
        if (yield from tape.starts(fence)):
            break
    if (yield from tape.blank()) != "{":
        raise Unexpected("a call")
    while (yield from tape.blank()) in ("{", ";", ","):
        if not (yield from tape.starts(";")) and not (yield from tape.starts(",")):
            tape.attempt()
            yield from json_call(reading, keys)
    yield from tape.starts("```")


def bare_trigger(thought_end: str, *, before: str = "", names: str = "") -> Trigger:
    """Return what such calls begin with. before: a pattern for tags. names: one for tools, where others are no call."""
    after_thought = grammars.escaped(thought_end)
    head = rf'\{{\s*"name"\s*:\s*"{names}'
    return Trigger(kind="pattern", value=rf"(?:^|{after_thought}){before}\s*(?:```\w*\s*)?({head})")
