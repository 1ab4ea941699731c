"""The publisher's assistant of a build: what the recipe says of it, as a record and an icon's member."""

from typing import NamedTuple

from bundler import icon
from bundler.container import Part
from bundler.recipe import Recipe
from runtime.errors import UsageError
from runtime.payload.assistant import ICON_ROLE, Assistant, Message


class Packed(NamedTuple):
    """What the manifest says, and the icon if there is one."""

    record: Assistant
    parts: list[Part]


def packed(wanted: Recipe) -> Packed:
    """Read and check what was wanted. Raises: UsageError that names the option."""
    parts = []
    if wanted.icon is not None:
        content, ending = icon.read(wanted.icon)
        parts.append(Part(f"icon{ending}", ICON_ROLE, content))
    record = Assistant(
        name=wanted.name,
        color=wanted.color.lower(),
        greeting=wanted.greeting,
        system_prompt=wanted.system_prompt,
        starters=wanted.starters,
        icon=parts[0].path if parts else "",
        messages=tuple(Message(one.role, one.content) for one in wanted.messages),
    )
    try:
        record.check()
    except ValueError as error:
        raise UsageError(f"Reading the recipe: the assistant's {error}; correct it.") from error
    return Packed(record, parts)
