"""Families that write each argument between marks of its own: Qwen3-Coder and its kin, Seed, MiniMax, MiniCPM, DSML."""

import msgspec

from runtime.chat import grammars
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.parameters import Tags
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks


class Tagged(Family):
    """`open` name `name_end` parameters `close`, one or more of them between the marks of `block`."""

    block = ("<tool_call>", "</tool_call>")
    open = "<function="
    name_end = ">"
    close = "</function>"
    tags = Tags("<parameter=", (">",), "</parameter>", own_line=True)
    has_own_block = True
    """Whether each call has a block of its own."""

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.call_marks = (self.block[0],)
        self.shown = (self.block[1],)

    def call_rules(self, conversation: Conversation) -> str:
        opened, closed = map(grammars.mark, self.block)
        block = f"{opened} ws_? {{}} ws_? {closed}"

        def write(tool: Tool) -> str:
            head = grammars.literal(f"{self.open}{tool.name}{self.name_end}")
            call = f"{head} ws_? {self.tags.rule(tool)} {grammars.literal(self.close)}"
            return block.format(call) if self.has_own_block else call

        around = "{}" if self.has_own_block else block
        return grammars.calls(conversation.callable, write, has_several=conversation.parallel, around=around)

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        tape, n_read = reading.tape, 0
        while (yield from tape.blank()) == self.open[0] and (yield from tape.starts(self.open)):
            name, _ = yield from tape.short_until(marks(self.name_end))
            reading.begin(name)
            n_read += 1
            yield from self.tags.read(reading, reading.tools.get(name))
            yield from tape.blank()
            yield from tape.starts(self.close)
        if not n_read:
            raise Unexpected("a call")
        yield from tape.starts(self.block[1])


class QwenCoder(Tagged):
    """Qwen3-Coder, Qwen3.5, Nemotron 3, StepFun."""

    name = "qwen-coder"


class Seed(Tagged):
    """Seed-OSS."""

    name = "seed"
    block = ("<seed:tool_call>", "</seed:tool_call>")
    think = ("<seed:think>", "</seed:think>")
    tags = Tags("<parameter=", (">",), "</parameter>")


class MiniMax(Tagged):
    """MiniMax M2; all calls of a turn in one block."""

    name = "minimax"
    block = ("<minimax:tool_call>", "</minimax:tool_call>")
    open, name_end, close = '<invoke name="', '">', "</invoke>"
    tags = Tags('<parameter name="', ('">',), "</parameter>")
    has_own_block = False


class Dsml(Tagged):
    """DeepSeek V3.2 and V4; each parameter says whether it is a string."""

    name = "deepseek-dsml"
    open, name_end, close = '<｜DSML｜invoke name="', '">', "</｜DSML｜invoke>"
    tags = Tags('<｜DSML｜parameter name="', ('" string="true">', '" string="false">'), "</｜DSML｜parameter>")
    has_own_block = False

    def __init__(self, template: str) -> None:
        word = "function_calls" if "function_calls" in template else "tool_calls"
        self.block = (f"<｜DSML｜{word}>", f"</｜DSML｜{word}>")
        super().__init__(template)
        self.thinking = msgspec.structs.replace(self.thinking, always_opens="thinking_start_token" in template)


class MiniCPM(Tagged):
    """MiniCPM 5; no marks around the calls."""

    name = "minicpm"
    open, name_end, close = '<function name="', '">', "</function>"
    tags = Tags('<param name="', ('">',), "</param>")

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.call_marks, self.shown = (self.open,), ()

    def call_rules(self, conversation: Conversation) -> str:
        return grammars.calls(
            conversation.callable,
            lambda tool: (
                f"{grammars.mark(self.open)} {grammars.literal(tool.name + self.name_end)} ws_? "
                f"{self.tags.rule(tool)} {grammars.literal(self.close)}"
            ),
            has_several=conversation.parallel,
        )

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        name, _ = yield from reading.tape.short_until(marks(self.name_end))
        reading.begin(name)
        yield from self.tags.read(reading, reading.tools.get(name))
        yield from reading.tape.blank()
        yield from reading.tape.starts(self.close)
