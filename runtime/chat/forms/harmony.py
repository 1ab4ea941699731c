"""gpt-oss: messages on channels: thoughts on `analysis`, calls on `commentary`, the answer on `final`.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…
    <|channel|>commentary to=functions.name <|constrain|>json<|message|>{…}<|call|>

The prompt ends with `<|start|>assistant`. A call ends the turn, so there is one at most.
"""

import re

from runtime.chat import grammars
from runtime.chat.calls import arguments
from runtime.chat.conversation import Conversation, Tool
from runtime.chat.family import Family
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks
from runtime.engine.protocol import Trigger

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
END, CALL, RETURN = "<|end|>", "<|call|>", "<|return|>"
RECIPIENT = re.compile(r"\bto=(?:functions\.)?([^\s<]+)")
CHANNELS = re.compile(r"<\|channel\|>\s*(\w+)")
ANALYSIS = "analysis"
FINAL = f"{CHANNEL}final{MESSAGE}"
TO = " to=functions."


class Harmony(Family):
    """The thought cannot be left out; it is short where none is wanted."""

    name = "harmony"
    shown = (START, CHANNEL, CONSTRAIN, MESSAGE, END, CALL, RETURN)
    think = (f"{CHANNEL}{ANALYSIS}{MESSAGE}", END)

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.thinks = True

    def prefill(self, conversation: Conversation) -> str:
        begins = conversation.prefill and conversation.add_generation_prompt
        return FINAL + conversation.prefill if begins else conversation.prefill

    def values(self, conversation: Conversation) -> dict[str, object]:
        low = {"reasoning_effort": "low"} if self.thinking.wanted(conversation) is False else {}
        return low | super().values(conversation)

    def call_rules(self, conversation: Conversation) -> str:
        return self._rules(conversation, begins=conversation.must_call)

    def mixed_rules(self, conversation: Conversation) -> str:
        return self._rules(conversation, begins=True)

    def _rules(self, conversation: Conversation, begins: bool) -> str:
        """begins: the message begins here; else the grammar begins with the recipient, wherever it stands."""
        commentary, message = f'{grammars.mark(CHANNEL)} "commentary"', grammars.mark(MESSAGE)
        kind = f'(" "? {grammars.mark(CONSTRAIN)} "json" | " json")?'

        def write(tool: Tool) -> str:
            to = grammars.literal(TO + tool.name)
            head = f"({commentary} {to} | {to} {commentary})" if begins else f"{to} ({commentary})?"
            return f"{head} {kind} {message} {grammars.schema(tool.parameters)}"

        return grammars.calls(conversation.callable, write, has_several=False)

    def before(self, conversation: Conversation) -> str:
        if conversation.prefill:
            return ""
        head = f'{grammars.mark(CHANNEL)} "analysis" {grammars.mark(MESSAGE)}'
        return f'({head} {grammars.until(END)} {grammars.mark(START)} "assistant")?'

    def said(self, conversation: Conversation) -> str:
        if conversation.prefill:
            return "answer_"
        return f'{grammars.mark(CHANNEL)} "final" {grammars.mark(MESSAGE)} answer_'

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        return [Trigger(kind="word", value=TO)]

    def answer(self, reading: Reading, conversation: Conversation, prompt: str) -> Script[None]:
        if conversation.prefill:
            yield from self._text(reading, "final")
        while (yield from reading.tape.blank()):
            reading.tape.attempt()
            try:
                yield from self.read_calls(reading, "")
            except Unexpected:
                reading.say(reading.tape.raw())
                yield from self._text(reading, "final")

    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        """Read one message."""
        tape = reading.tape
        yield from tape.starts(START)
        head, _ = yield from tape.short_until(marks(MESSAGE))
        recipient, channel = RECIPIENT.search(head), CHANNELS.search(head)
        if recipient is None and channel is None:
            raise Unexpected("a channel")
        reading.tape.succeed()
        reading.seam()
        if recipient is not None and recipient[1] in reading.tools:
            reading.begin(recipient[1])
            yield from arguments(reading)
            yield from tape.until(marks(END, CALL, RETURN), lambda _: None)
        else:
            yield from self._text(reading, channel[1] if channel else ANALYSIS)

    def _text(self, reading: Reading, channel: str) -> Script[None]:
        take = reading.think if channel == ANALYSIS else reading.say
        yield from reading.tape.until(marks(END, CALL, RETURN), take)
        reading.seam()
