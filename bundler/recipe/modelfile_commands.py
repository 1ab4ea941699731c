"""Cuts an Ollama Modelfile into its commands, by the rules of Ollama's own reader.

A command's name is letters of any case, and its value goes to the end of the line; a value that begins with `"` or
three of them goes on to a line that ends so. Nothing is escaped. `#` begins a comment where a command could begin.
Source: `parser/parser.go` of Ollama, read in 2026.
"""

import re
from typing import NamedTuple

from runtime.cli.nearest import nearest

NAMES = frozenset(
    "FROM PARAMETER TEMPLATE SYSTEM ADAPTER LICENSE MESSAGE REQUIRES RENDERER PARSER DRAFT CAPABILITY".split()
)
ROLES = ("system", "user", "assistant")

_NAME = re.compile(r"[A-Za-z]+")
_SPACE = re.compile(r"[ \t]+")
_FIRST = {"PARAMETER": re.compile(r"[A-Za-z0-9_]+"), "MESSAGE": _NAME}
"""Of the commands that name something before their value."""


class Command(NamedTuple):
    """`name` in capitals; first: the parameter, or who speaks; line: where it begins, from 1."""

    name: str
    first: str
    value: str
    line: int


class Unreadable(Exception):
    """Why the text cannot be cut: at `line`, in the command `key`."""

    def __init__(self, line: int, key: str, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.key = key


def commands(text: str) -> list[Command]:
    """The commands of the file. `text` has line feeds alone. Raises: Unreadable."""
    found: list[Command] = []
    at = 0
    line = 1
    for_lines = 0
    while at < len(text):
        line += text.count("\n", for_lines, at)
        for_lines = at
        if text[at] in " \t\n\r":
            at += 1
        elif text[at] == "#":
            at = _end_of_line(text, at)
        else:
            command, at = _command(text, at, line)
            found.append(command)
    return found


def _command(text: str, at: int, line: int) -> tuple[Command, int]:
    end = _end_of_line(text, at)
    word = _NAME.match(text, at)
    name = word[0].upper() if word else ""
    if word is None or name not in NAMES:
        shown = _shown(text[at:end].partition(" ")[0][:60]) or "?"
        hint = nearest(sorted(NAMES), name or shown.upper(), close=0.6)
        raise Unreadable(line, shown, f"is no command of a Modelfile; {hint.rstrip('.')}")
    at = _after_space(text, word.end(), line, name)
    first = ""
    if name in _FIRST:
        found = _FIRST[name].match(text, at)
        if found is None:
            raise Unreadable(line, name, "has nothing behind it")
        first = found[0]
        at = _after_space(text, found.end(), line, f"{name} {first}")
    key = f"{name} {first}".rstrip()
    if name == "MESSAGE" and first not in ROLES:
        raise Unreadable(line, key, f"is said by nobody; choose one of {', '.join(ROLES)}")
    value, at = _value(text, at, line, key)
    return Command(name, first, value, line), at


def _after_space(text: str, at: int, line: int, key: str) -> int:
    found = _SPACE.match(text, at)
    if found is None:
        raise Unreadable(line, key[:80], "has nothing behind it")
    return found.end()


def _value(text: str, at: int, line: int, key: str) -> tuple[str, int]:
    """What stands behind the name, without its quotes, and where the next line begins."""
    end = _end_of_line(text, at)
    while True:
        value = text[at:end].strip()
        mark = '"""' if value.startswith('"""') else '"'
        if not value.startswith(mark):
            return _shown(value), end
        if len(value) >= 2 * len(mark) and value.endswith(mark):
            return _shown(value[len(mark) : -len(mark)]), end
        if end == len(text):
            raise Unreadable(line, key, f"begins with {mark} and does not end so")
        end = _end_of_line(text, end + 1)


def _shown(value: str) -> str:
    """Without what Ollama leaves away: characters that cannot be shown, but spaces and line breaks."""
    return "".join(character for character in value if character in " \t\n\r" or character.isprintable())


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
