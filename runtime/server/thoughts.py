"""The fields for how long a model may think, and what the engine is asked from them. Names are llama-server's."""

from typing import Annotated

from msgspec import Meta

from runtime import chat
from runtime.engine.protocol import Thought
from runtime.server.constraints import ConstraintFields

Mark = Annotated[str, Meta(max_length=256)]
Marks = Annotated[list[Mark], Meta(max_length=16)]
Budget = Annotated[int, Meta(ge=-1, le=1 << 24)]

RAW = chat.Conversation(messages=[])
"""Of a prompt that is no conversation, the model's template says no more than how it thinks."""


class ThoughtFields(ConstraintFields, kw_only=True):
    """reasoning_budget_tokens: after so many tokens of thought the model has to answer; -1: when it likes.

    reasoning_budget_message: what it says before it breaks off. The marks are the model's own unless
    `reasoning_budget_start_tag` and `reasoning_budget_end_tags` name others, of which the first is said.
    """

    reasoning_budget_tokens: Budget | None = None
    thinking_budget_tokens: Budget | None = None
    reasoning_budget_message: Annotated[str, Meta(max_length=4096)] | None = None
    reasoning_budget_start_tag: Mark | None = None
    reasoning_budget_end_tags: Mark | Marks | None = None
    reasoning_budget_end_tag: Mark | None = None

    def settle_thoughts(self, budget_tokens: int, message: str) -> None:
        """Let these be what was not given."""
        if self.reasoning_budget_tokens is None and self.thinking_budget_tokens is None:
            self.reasoning_budget_tokens = budget_tokens
        if self.reasoning_budget_message is None:
            self.reasoning_budget_message = message

    @property
    def thought_budget(self) -> int:
        """Tokens of thought; -1: no limit."""
        for given in (self.reasoning_budget_tokens, self.thinking_budget_tokens):
            if given is not None:
                return given
        return -1

    def thought(self, form: chat.Form, conversation: chat.Conversation = RAW) -> Thought | None:
        """Return the limit of the answer's thoughts; None: there is none, or the model does not think."""
        if self.thought_budget < 0:
            return None
        begin, ends = self.reasoning_budget_start_tag or "", self._ends()
        marks = form.thought_marks(conversation)
        if marks:
            begin, ends = begin or marks.begin, ends or list(marks.ends)
        if not begin or not ends:
            return None
        message = self.reasoning_budget_message or ""
        return Thought(begin=begin, ends=ends, budget_tokens=self.thought_budget, message=message)

    def _ends(self) -> list[str]:
        given = self.reasoning_budget_end_tags or self.reasoning_budget_end_tag or []
        return [end for end in ([given] if isinstance(given, str) else given) if end.strip()]
