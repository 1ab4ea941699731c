"""The form of models that mark their calls and thoughts: what all families of them have in common.

A family says how its calls are written (`call_rules`, for the grammar) and reads them (`read_calls`, behind
one of its `call_marks`); what is asked of the engine, thoughts and text follow from that.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial

import msgspec

from runtime.chat import grammars
from runtime.chat.conversation import Conversation, Message
from runtime.chat.form import Prepared, Reader, ThoughtMarks, Unsuitable
from runtime.chat.reading import Reading
from runtime.chat.tape import Script, Unexpected, marks
from runtime.chat.thinking import Thinking
from runtime.engine.protocol import Chat, Grammar, Trigger


class Family(ABC):
    """One family of models, for the template of one of them.

    call_marks: what calls begin with. shown: further marks that may be special tokens. think: the marks of a thought.
    around_answer: marks before and behind what is said, where the family has some.
    """

    name: str
    call_marks: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    around_answer: tuple[str, ...] = ()
    think: tuple[str, str] = ("<think>", "</think>")
    ids = ("call_", 24)
    calls_at_once = False
    """Whether an answer may begin with a call that has no mark: `read_calls` with an empty one reads it."""
    shows_tools = True
    """Whether the template is given the tools; else `messages` tell of them."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.thinking = Thinking(*self.think, template)
        self.thinks = self.think[0] in template or self.think[1] in template

    @abstractmethod
    def call_rules(self, conversation: Conversation) -> str:
        """Return the grammar's rules for the calls of this turn: `calls_`, `ws_`, and what they need."""

    def mixed_rules(self, conversation: Conversation) -> str:
        """Return the same rules for a grammar of which calls are one way and an answer of a schema is another."""
        return self.call_rules(conversation)

    @abstractmethod
    def read_calls(self, reading: Reading, mark: str) -> Script[None]:
        """Read the call, or the calls, behind `mark`. Raises: Unexpected."""

    def messages(self, conversation: Conversation) -> list[Message]:
        """Return the turns for the template."""
        return conversation.messages

    def values(self, conversation: Conversation) -> dict[str, object]:
        """Return the variables for the template."""
        return self.thinking.values(conversation)

    def prepare(self, conversation: Conversation, grammar: Grammar | None) -> Prepared:
        """Return what to ask. Raises: Unsuitable."""
        tools = conversation.tools if conversation.choice != "none" and self.shows_tools else []
        if grammar is not None and grammars.answer(grammar) is None and conversation.thinking is None:
            conversation = msgspec.structs.replace(conversation, thinking=False)
        chat = Chat(
            messages=self.messages(conversation),
            tools=[tool.described for tool in tools],
            values=self.values(conversation),
            add_generation_prompt=conversation.add_generation_prompt,
            prefill=self.prefill(conversation),
        )
        wanted = self._grammar(conversation, grammar)
        return Prepared(chat=chat, grammar=wanted, shown=[*dict.fromkeys(self._shown())])

    def thought_marks(self, conversation: Conversation) -> ThoughtMarks | None:
        """Return what stands around a thought; a call ends it as well, where the answer is free up to one."""
        if not self.thinks:
            return None
        calls = self.call_marks if conversation.callable and not conversation.must_call else ()
        return ThoughtMarks(self.think[0], [self.think[1], *calls])

    def reader(self, conversation: Conversation, prompt: str) -> Reader:
        """Return what reads the answer to `prompt`."""
        parser = partial(self.answer, conversation=conversation, prompt=prompt)
        return Reading(parser, conversation.callable, self.ids)

    def answer(self, reading: Reading, conversation: Conversation, prompt: str) -> Script[None]:
        """Read a whole answer."""
        if self.thinks and self.thinking.is_open(prompt, conversation.prefill):
            yield from self.thought(reading, conversation)
        if self.thinks:
            yield from self.thoughts(reading, conversation)
        if self.calls_at_once and conversation.callable:
            yield from self.attempt(reading, "")
        wanted = marks(*(self.call_marks if conversation.callable else ()), *self.around_answer)
        while True:
            mark = yield from reading.tape.until(wanted, reading.say)
            if not mark:
                return
            if mark in self.around_answer:
                reading.seam()
            else:
                yield from self.attempt(reading, mark)
            if self.thinks:
                yield from self.thoughts(reading, conversation)

    def thoughts(self, reading: Reading, conversation: Conversation) -> Script[None]:
        """Read the thoughts that come next, if any do."""
        while True:
            reading.tape.attempt()
            yield from reading.tape.blank()
            if not (yield from reading.tape.starts(self.thinking.open)):
                reading.say(reading.tape.raw())
                return
            reading.tape.succeed()
            yield from self.thought(reading, conversation)

    def thought(self, reading: Reading, conversation: Conversation) -> Script[None]:
        """Read a thought up to its end.

        In an answer that is free up to a call, the mark of a call in a thought has begun the grammar, and so a call.
        """
        close, tape = self.thinking.close, reading.tape
        wanted = marks(close, *(self.call_marks if conversation.callable and not conversation.must_call else ()))
        reading.seam()
        while (mark := (yield from tape.until(wanted, reading.think))) not in ("", close):
            tape.attempt(len(mark))
            try:
                yield from self.read_calls(reading, mark)
            except Unexpected:
                reading.think(tape.raw())
            else:
                break
        tape.succeed()
        reading.seam()

    def attempt(self, reading: Reading, mark: str) -> Script[None]:
        """Read calls behind `mark`; what turns out to be none is text."""
        reading.tape.attempt(len(mark))
        try:
            yield from self.read_calls(reading, mark)
        except Unexpected:
            reading.say(reading.tape.raw())
        else:
            reading.tape.succeed()

    def triggers(self, conversation: Conversation) -> list[Trigger]:
        """Return what a call begins with in an answer that is free up to there."""
        return [Trigger(kind="word", value=mark) for mark in self.call_marks]

    def _shown(self) -> Iterator[str]:
        yield from self.call_marks
        yield from self.shown
        if self.thinks:
            yield from self.think
        yield from self.around_answer

    def prefill(self, conversation: Conversation) -> str:
        """Return what the answer begins with: a thought that is over already, if there shall be none."""
        unswitched = self.thinks and self.thinking.wanted(conversation) is False and not self.thinking.has_switch
        if unswitched and conversation.add_generation_prompt:
            return self.thinking.closed + conversation.prefill
        return conversation.prefill

    def _grammar(self, conversation: Conversation, grammar: Grammar | None) -> Grammar | None:
        answer = grammars.answer(grammar) if grammar else ""
        before = self.before(conversation)
        if not conversation.callable:
            said = self.said(conversation)
            if not grammar or not answer or (not before and said == "answer_"):
                return grammar
            return _lark(f"{before} {said}", f"{grammars.WS}\n{answer}", field=grammar.field)
        if conversation.must_call:
            return _lark(f"{before} calls_", self.call_rules(conversation))
        if answer is None:
            raise Unsuitable("`grammar` cannot be combined with `tools`; use `response_format`, or leave one out.")
        if not answer:
            return _lark("calls_", self.call_rules(conversation), self.triggers(conversation))
        rules = self.mixed_rules(conversation)
        either = f"{before} (calls_ | {self.said(conversation)})"
        return _lark(either, f"{rules}\n{answer}", field=grammar.field if grammar else "")

    def said(self, conversation: Conversation) -> str:
        """Return the rule for what is said, when that has to be `answer_`."""
        if not self.around_answer:
            return "answer_"
        opened, closed = (f"({grammars.mark(mark)} ws_?)?" for mark in self.around_answer)
        return f"{opened} answer_ ws_? {closed}"

    def before(self, conversation: Conversation) -> str:
        """Return what may stand before the answer proper: the thought."""
        if not self.thinks or self.thinking.wanted(conversation) is False:
            return ""
        rest = f"{grammars.until(self.thinking.close)} ws_?"
        if conversation.prefill or not conversation.add_generation_prompt:
            return rest if self.thinking.is_open("", conversation.prefill) else ""
        if self.thinking.opens:
            return rest
        return f"(ws_? {grammars.mark(self.thinking.open)} {rest})?"


def _lark(start: str, rules: str, triggers: list[Trigger] | None = None, field: str = "") -> Grammar:
    return Grammar(kind="lark", text=f"start: {start.strip()}\n{rules}\n", triggers=triggers or [], field=field)
