"""Makes the prompt of chat turns with the model's own template, as `transformers` and llama-server do.

A model without a template gets ChatML. What a template cannot take is adapted: a system
turn that it refuses goes into the turn after it, and so on (template_turns.py).

Does not know: the model, the request's other fields.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from jinja2 import TemplateError

from runtime.engine.backend import Backend, InvalidRequest
from runtime.engine.protocol import Chat
from runtime.engine.template_calls import Message, described, single_calls
from runtime.engine.template_given import NAMED
from runtime.engine.template_program import RUNTIME_FAILURES, TemplateProgram
from runtime.engine.template_turns import (
    adapted,
    extended,
    in_parts,
    merged_system,
    plain_turn,
    text_of,
    without_thoughts,
)

Tools = list[Message] | None

THOUGHT_MARK = re.compile(r"[<\[][^<>\[\]\s]*(?:think|channel)|\[BEGIN FINAL RESPONSE\]", re.IGNORECASE)
"""As in `</think>`, `[/THINK]`, `<|END_THINKING|>`, `<channel|>`."""

CUT = "cut-here-7d1f "
"""Marks in the output where the final turn's content ends. A template that trims it takes the space away."""


class ChatTemplate:
    """One model's template, and the one it has for conversations with tools; compiled when first used.

    strip_bos, strip_eos: these tokens are added when the prompt is cut into tokens, so the
    template's own are taken away. now: the clock of templates that say which day it is.
    """

    def __init__(
        self,
        source: str,
        bos: str,
        eos: str,
        strip_bos: bool = False,
        strip_eos: bool = False,
        tool_template: str = "",
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        special = {"bos_token": bos, "eos_token": eos}
        self._program = TemplateProgram(source or NAMED["chatml"], special, now)
        self._tool_program = TemplateProgram(tool_template, special, now) if tool_template else self._program
        self._strip_bos = bos if strip_bos else ""
        self._strip_eos = eos if strip_eos else ""

    def render(self, chat: Chat) -> str:
        """Return the prompt, which `chat` may leave open in three ways.

        `add_generation_prompt`: it ends with the head of the assistant's next turn, or with a `prefill` as
        the beginning of what that turn says: behind its thought, if the template would begin one. A prefill
        with marks of thoughts in it comes right after the head.
        No `add_generation_prompt`, but a `prefill` that ends the content of the last turn, the assistant's:
        that turn is to be continued; the prompt ends with its content, without the marks of its end.
        Neither: it ends with the end of the last turn, and then `prefill`.

        Raises: InvalidRequest, with the template's own words if it refused.
        """
        try:
            return self._first_success(chat)
        except TemplateError as refusal:
            raise InvalidRequest(f"the model's chat template refused the messages: {refusal}") from refusal
        except RUNTIME_FAILURES as failure:
            raise InvalidRequest(f"the messages do not have the form of a chat's: {failure}") from failure

    def _first_success(self, chat: Chat) -> str:
        program = self._tool_program if chat.tools else self._program
        refusal = TemplateError("nothing to render")
        for turns, tools in _attempts(program, chat):
            try:
                return self._opened(program, chat, turns, tools)
            except TemplateError as error:
                refusal = error
        raise refusal

    def _opened(self, program: TemplateProgram, chat: Chat, turns: list[Message], tools: Tools) -> str:
        if _continues(chat):
            return _continued(program, chat, turns, tools).removeprefix(self._strip_bos)
        begun = _begun(program, chat, turns, tools)
        if begun:
            return begun.removeprefix(self._strip_bos)
        text = program.run(turns, tools, chat.add_generation_prompt, chat.values)
        return text.removeprefix(self._strip_bos).removesuffix(self._strip_eos) + chat.prefill


def template_of(backend: Backend, now: Callable[[], datetime] = datetime.now) -> ChatTemplate:
    """Return the template of conversations with a model."""
    facts = backend.facts
    return ChatTemplate(
        facts.chat_template,
        facts.bos_token,
        facts.eos_token,
        strip_bos=backend.adds_bos,
        strip_eos=backend.adds_eos,
        tool_template=facts.tool_template,
        now=now,
    )


def _attempts(program: TemplateProgram, chat: Chat) -> Iterator[tuple[list[Message], Tools]]:
    """Yield turns and tools in the form nearest to what was asked, then in others for templates that refuse it."""
    given = [plain_turn(message) for message in chat.messages]
    turns = adapted(given, program.abilities(given))
    tools = chat.tools or None
    yield turns, tools
    if tools is None:
        yield turns, []  # a template that is only meant for tools
    if given and given[0].get("role") == "system":
        turns = merged_system(turns)
        yield turns, tools
    yield single_calls(without_thoughts(turns)), described(chat.tools)


def _continues(chat: Chat) -> bool:
    if chat.add_generation_prompt or not chat.prefill or not chat.messages:
        return False
    return chat.messages[-1].get("role") == "assistant"


def _continued(program: TemplateProgram, chat: Chat, turns: list[Message], tools: Tools) -> str:
    """Render with the last turn left open."""
    *before, last = turns
    if not text_of(last).endswith(chat.prefill):
        raise InvalidRequest("the text to continue is not the end of the last message")
    return _left_open(program, chat, turns, tools) or program.run(before, tools, True, chat.values) + text_of(last)


def _begun(program: TemplateProgram, chat: Chat, turns: list[Message], tools: Tools) -> str:
    """Render with `prefill` as the beginning of the next turn; return nothing if the template does not show it so."""
    prefill = chat.prefill
    if not chat.add_generation_prompt or not prefill.strip() or THOUGHT_MARK.search(prefill):
        return ""
    turn: Message = {"role": "assistant", "content": prefill}
    if turns and isinstance(turns[-1]["content"], list):
        turn = in_parts(turn)
    try:
        text = _left_open(program, chat, [*turns, turn], tools)
    except TemplateError:
        return ""
    trimmed = text.rstrip()
    return trimmed.removesuffix(prefill.strip()) + prefill if trimmed.endswith(prefill.strip()) else ""


def _left_open(program: TemplateProgram, chat: Chat, turns: list[Message], tools: Tools) -> str:
    """Render up to the end of what the last turn says, as `continue_final_message` does in `transformers`."""
    *before, last = turns
    text = program.run([*before, extended(last, CUT)], tools, False, chat.values)
    at = text.rfind(CUT.strip())
    if at < 0:  # the template does not show the last turn
        return ""
    return text[:at] if text.startswith(CUT, at) else text[:at].rstrip()
