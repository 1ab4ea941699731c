"""How a family of models thinks: the marks around a thought, and the words of its template for it."""

import re

import msgspec

from runtime.chat.conversation import Conversation

SWITCHES = ("enable_thinking", "thinking")
"""Variables of templates: whether the model thinks."""

SWITCH = re.compile(r"\benable_thinking\b|\b(?:if|elif|not|and|or)\s+thinking\b|(?<![.\w])thinking is (?:not )?defined")

EFFORTLESS = ("none", "off")


class Thinking(msgspec.Struct, frozen=True):
    """The marks, `open` and `close`; `template` is the model's.

    always_opens: it begins a thought in words that are not looked for.
    """

    open: str
    close: str
    template: str
    always_opens: bool = False

    def values(self, conversation: Conversation) -> dict[str, object]:
        """Return what the template is told; the request's own values of its variables come first."""
        found: dict[str, object] = {}
        thinks = self.wanted(conversation)
        if thinks is not None:
            found |= dict.fromkeys(SWITCHES, thinks)
        if conversation.effort and conversation.effort not in EFFORTLESS:
            found["reasoning_effort"] = conversation.effort
        return found | conversation.values

    def wanted(self, conversation: Conversation) -> bool | None:
        """Return whether the model is to think; None: as it likes."""
        told = next((conversation.values[name] for name in SWITCHES if name in conversation.values), None)
        if isinstance(told, bool):
            return told
        return False if conversation.effort in EFFORTLESS else conversation.thinking

    @property
    def has_switch(self) -> bool:
        """Whether the template can be told not to think."""
        return bool(SWITCH.search(self.template))

    @property
    def opens(self) -> bool:
        """Whether the template begins the model's turn with an opened thought, unless it is told otherwise."""
        if self.always_opens:
            return True
        _, asked, tail = self.template.rpartition("add_generation_prompt")
        closed = re.compile(re.escape(self.open) + r"(?:\s|\\n)*" + re.escape(self.close))
        return bool(asked) and self.open in closed.sub("", tail)

    @property
    def closed(self) -> str:
        """What an answer begins with that is to do without a thought, if its template has no switch."""
        return f"\n{self.close}\n\n" if self.opens else f"{self.open}\n\n{self.close}\n\n"

    def is_open(self, prompt: str, prefill: str) -> bool:
        """Tell whether the prompt ends inside a thought; `prefill` is its end."""
        before = prompt.removesuffix(prefill).rstrip()
        opened, closed = prefill.rfind(self.open), prefill.rfind(self.close)
        return closed < opened or (closed < 0 and before.endswith(self.open.rstrip()))
