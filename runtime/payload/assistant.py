"""The publisher's assistant: the name, looks and words that an executable shows in place of ours.

Each value is bounded and checked here, for the packer that writes it and for the start that reads it.
"""

from typing import Any, NamedTuple

ICON_ROLE = "icon"
ICON_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
MAX_ICON_BYTES = 256 << 10
MAX_NAME = 80
MAX_GREETING = 500
MAX_SYSTEM_PROMPT = 20_000
MAX_STARTER = 300
MAX_STARTERS = 8
MAX_MESSAGES = 64
MAX_CONVERSATION = 20_000
"""Characters of all messages."""
SPEAKERS = ("user", "assistant")

_HEX = frozenset("0123456789abcdef")


class Message(NamedTuple):
    """What a user or the assistant has said before; `role` is one of `SPEAKERS`."""

    role: str
    content: str


class Assistant(NamedTuple):
    """What is empty was not said. `color` is `#rrggbb`; `starters` are first questions; `icon` is its member's path.

    messages: a conversation that stands before every other, behind the system prompt.
    """

    name: str = ""
    color: str = ""
    greeting: str = ""
    system_prompt: str = ""
    starters: tuple[str, ...] = ()
    icon: str = ""
    messages: tuple[Message, ...] = ()

    def check(self) -> None:
        """Raise a ValueError that names the first field that cannot be so."""
        for field, limit in (("name", MAX_NAME), ("greeting", MAX_GREETING), ("system_prompt", MAX_SYSTEM_PROMPT)):
            _check_text(field, getattr(self, field), limit)
        if len(self.starters) > MAX_STARTERS:
            raise ValueError(f"`starters` has {len(self.starters)} texts, more than {MAX_STARTERS}")
        for starter in self.starters:
            _check_text("starters", starter, MAX_STARTER)
        _check_messages(self.messages)
        if not self.name.isprintable():
            raise ValueError("`name` is not one line of plain text")
        if self.color and not (len(self.color) == 7 and self.color[0] == "#" and set(self.color[1:]) <= _HEX):
            raise ValueError("`color` is not written as #rrggbb")
        if self.icon and self.icon[-4:] not in ICON_TYPES:
            raise ValueError("`icon` is neither a PNG nor an SVG")

    @classmethod
    def read(cls, table: dict[str, Any]) -> "Assistant":
        """From a manifest's JSON, where each key may be absent. Raises: ValueError."""
        starters = table.get("starters", [])
        if not isinstance(starters, list):
            raise ValueError("`starters` is not a list")
        texts = {key: table.get(key, "") for key in cls._fields if key not in ("starters", "messages")}
        assistant = cls(**texts, starters=tuple(starters), messages=_messages(table.get("messages", [])))
        assistant.check()
        return assistant


def _messages(table: object) -> tuple[Message, ...]:
    if not isinstance(table, list) or not all(isinstance(one, dict) for one in table):
        raise ValueError("`messages` is not a list of messages")
    return tuple(Message(one.get("role", ""), one.get("content", "")) for one in table)


def _check_messages(messages: tuple[Message, ...]) -> None:
    if len(messages) > MAX_MESSAGES:
        raise ValueError(f"`messages` has {len(messages)} messages, more than {MAX_MESSAGES}")
    for message in messages:
        if message.role not in SPEAKERS:
            raise ValueError(f"`messages` has one whose role is neither {' nor '.join(SPEAKERS)}")
        _check_text("messages", message.content, MAX_CONVERSATION)
    if (length := sum(len(message.content) for message in messages)) > MAX_CONVERSATION:
        raise ValueError(f"`messages` has {length} characters, more than {MAX_CONVERSATION}")


def _check_text(field: str, text: object, limit: int) -> None:
    """Text that can be shown: bounded, without control characters but line breaks and tabs, and valid Unicode."""
    if not isinstance(text, str):
        raise ValueError(f"`{field}` is no text")
    if len(text) > limit:
        raise ValueError(f"`{field}` has {len(text)} characters, more than {limit}")
    if any((character < " " and character not in "\n\t") or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"`{field}` has characters that cannot be shown")
