"""Writes the turns of a conversation in the form that a template can take.

Nothing here changes what it is given.

Does not know: Jinja, the template's text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runtime.engine.template_calls import THOUGHTS, Message, heard, told, with_calls, with_short_ids


@dataclass(frozen=True)
class Abilities:
    """What a template can take.

    parts: content only as a list of parts. arguments: of calls, as an object or as JSON text; empty: it does
    not show calls. results: it shows tool turns. null_content: it takes turns with calls and without content.
    short_ids: ids of calls have to have nine letters or digits.
    """

    parts: bool = False
    arguments: Literal["object", "text", ""] = "object"
    results: bool = True
    null_content: bool = True
    short_ids: bool = False


def plain_turn(message: Message) -> Message:
    """Return the turn with its content as one text, `developer` called `system`, its thought under both names."""
    turn = dict(message)
    content = turn.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
        turn["content"] = "\n".join(text for text in texts if isinstance(text, str))
    elif content is None:
        turn["content"] = None if turn.get("tool_calls") else ""
    if turn.get("role") == "developer":
        turn["role"] = "system"
    thought = next((turn[name] for name in THOUGHTS if turn.get(name) is not None), None)
    return turn if thought is None else {"thinking": thought, **turn, "reasoning_content": thought}


def copied(value: object) -> Any:
    """Return a copy of JSON data all the way down."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list | tuple) else value


def adapted(turns: list[Message], abilities: Abilities) -> list[Message]:
    """Return the turns in the form that a template with these abilities shows."""
    if not abilities.arguments:
        turns = [told(turn) for turn in turns]
    if not abilities.results:
        turns = _joined_users(heard(turn) for turn in turns)
    turns = [with_calls(turn, abilities.arguments == "text", abilities.null_content) for turn in turns]
    if abilities.short_ids:
        turns = with_short_ids(turns)
    return [in_parts(turn) for turn in turns] if abilities.parts else turns


def in_parts(turn: Message) -> Message:
    """Return the turn with its content as a list."""
    return {**turn, "content": [{"type": "text", "text": turn["content"] or ""}]}


def text_of(turn: Message) -> str:
    """Return the content of an adapted turn as text."""
    content = turn["content"]
    return str(content[0]["text"]) if isinstance(content, list) else content or ""


def extended(turn: Message, end: str) -> Message:
    """Return the adapted turn with `end` after its content."""
    longer = {**turn, "content": text_of(turn) + end}
    return in_parts(longer) if isinstance(turn["content"], list) else longer


def merged_system(turns: list[Message]) -> list[Message]:
    """Put the system turn at the head of the turn after it, or drop it if it is alone."""
    system, *rest = turns
    return [_joined(system, rest[0]), *rest[1:]] if rest else rest


def without_thoughts(turns: Iterable[Message]) -> list[Message]:
    """Leave the thoughts away where a turn has content and calls as well: gpt-oss refuses all three."""
    return [
        {key: value for key, value in turn.items() if key not in THOUGHTS}
        if turn.get("tool_calls") and turn.get("content")
        else turn
        for turn in turns
    ]


def _joined(first: Message, second: Message) -> Message:
    joined = {**second, "content": f"{text_of(first)}\n{text_of(second)}"}
    return in_parts(joined) if isinstance(second["content"], list) else joined


def _joined_users(turns: Iterable[Message]) -> list[Message]:
    """Join user turns that follow one another: templates that want roles in turn refuse them."""
    joined: list[Message] = []
    for turn in turns:
        if joined and turn.get("role") == joined[-1].get("role") == "user":
            joined[-1] = _joined(joined[-1], turn)
        else:
            joined.append(turn)
    return joined
