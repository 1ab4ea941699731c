"""What every dialect makes of a request for the next turn of a conversation."""

from typing import Any, Literal

import msgspec

Choice = Literal["auto", "none", "required"]
Message = dict[str, object]


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. parameters: the JSON schema of its arguments, an object's."""

    name: str
    description: str = ""
    parameters: dict[str, object] = msgspec.field(default_factory=dict)

    @property
    def described(self) -> dict[str, object]:
        """The tool as templates know it, in OpenAI's form."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    @property
    def properties(self) -> dict[str, Any]:
        """The schema of each argument that is named."""
        found = self.parameters.get("properties")
        return found if isinstance(found, dict) else {}

    @property
    def required(self) -> list[object]:
        """The arguments that have to be there."""
        found = self.parameters.get("required")
        return found if isinstance(found, list) else []


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The turns so far, and how the next one may look.

    messages: as `protocol.Chat.messages`: OpenAI's form, content as text, arguments of calls as objects.
    choice: whether a tool is called; required: one must be. named: the only tool that may be called, if one is
    named. parallel: whether one turn may call several tools.
    thinking: whether the model thinks before it answers; None: as it likes.
    effort: how much, in the words of the model's template; empty: as it likes.
    values: further variables of the template. prefill: what the answer begins with already.
    """

    messages: list[Message]
    tools: list[Tool] = msgspec.field(default_factory=list)
    choice: Choice = "auto"
    named: str = ""
    parallel: bool = True
    thinking: bool | None = None
    effort: str = ""
    values: dict[str, object] = msgspec.field(default_factory=dict)
    add_generation_prompt: bool = True
    prefill: str = ""

    @property
    def callable(self) -> list[Tool]:
        """The tools that this turn may call."""
        if self.choice == "none":
            return []
        return [tool for tool in self.tools if not self.named or tool.name == self.named]

    @property
    def must_call(self) -> bool:
        """Whether this turn has to call a tool."""
        return bool(self.callable) and (self.choice == "required" or bool(self.named))
