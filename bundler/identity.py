"""The publisher's assistant of a build: what the options of `lmfile build` say, as a record and an icon's member."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bundler import icon
from bundler.container import Part
from runtime.errors import UsageError
from runtime.payload.assistant import ICON_ROLE, MAX_SYSTEM_PROMPT, Assistant


class Wanted(NamedTuple):
    """The options as they were written; None and empty: not given."""

    name: str | None = None
    icon: Path | None = None
    color: str | None = None
    greeting: str | None = None
    system_prompt: str | None = None
    starters: Sequence[str] = ()


class Packed(NamedTuple):
    """What the manifest says, and the icon if there is one."""

    record: Assistant
    parts: list[Part]


def packed(wanted: Wanted) -> Packed:
    """Read and check what was wanted. Raises: UsageError that names the option."""
    parts = []
    if wanted.icon is not None:
        content, ending = icon.read(wanted.icon)
        parts.append(Part(f"icon{ending}", ICON_ROLE, content))
    record = Assistant(
        name=wanted.name or "",
        color=(wanted.color or "").lower(),
        greeting=wanted.greeting or "",
        system_prompt=_text(wanted.system_prompt or ""),
        starters=tuple(wanted.starters),
        icon=parts[0].path if parts else "",
    )
    try:
        record.check()
    except ValueError as error:
        raise UsageError(f"Reading the command line: the assistant's {error}; correct it.") from error
    return Packed(record, parts)


def _text(given: str) -> str:
    """The text itself; for `@FILE` what stands in the file, without its last line break. Raises: UsageError."""
    if not given.startswith("@"):
        return given
    path = Path(given[1:]).expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_SYSTEM_PROMPT + 2)
    except UnicodeDecodeError as error:
        raise UsageError(f"Reading the system prompt `{path}`: it is not UTF-8; save it as such.") from error
    except OSError as error:
        raise UsageError(f"Reading the system prompt `{path}`: {(error.strerror or str(error)).lower()}.") from error
    return text.removesuffix("\n")
