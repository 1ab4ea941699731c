"""Cuts a llamafile's `.args` into arguments, each with its line.

One argument stands on a line, spaces and all. Newer llamafiles read it more as a shell does: comments, quotes,
escapes, and several words on a line. What begins with a dash or a quote is read so, and the rest as one argument.
"""

import re
from typing import NamedTuple

_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_HEX = re.compile(r"\\x([0-9a-fA-F]{1,2})")
_OCTAL = re.compile(r"\\([0-7]{1,3})")
_VARIABLE = re.compile(r"\$(?:\w+|\{)")


class Word(NamedTuple):
    """One argument, and the line, from 1, on which it begins."""

    text: str
    line: int


class Unreadable(Exception):
    """Why the text cannot be cut, at `line`."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def words(text: str) -> list[Word]:
    """The arguments of the file. `text` has line feeds alone. Raises: Unreadable."""
    found: list[Word] = []
    at = 0
    while at < len(text):
        end = _end_of_line(text, at)
        line = text[at:end].strip()
        if line and line[0] in "-'\"":
            at = _shell_words(text, at, found)
            continue
        if line and line[0] != "#":
            found.append(Word(line.replace("\\n", "\n"), text.count("\n", 0, at) + 1))
        at = end + 1
    return found


def _shell_words(text: str, at: int, found: list[Word]) -> int:
    """Add the words from `at` to the end of a line; quotes may hold line breaks. Return where the next line begins."""
    while at < len(text) and text[at] != "\n":
        if text[at].isspace():
            at += 1
        elif text[at] == "#":
            at = _end_of_line(text, at)
        else:
            line = text.count("\n", 0, at) + 1
            word, at = _word(text, at, line)
            found.append(Word(word, line))
    return at + 1


def _word(text: str, at: int, line: int) -> tuple[str, int]:
    made: list[str] = []
    while at < len(text) and not text[at].isspace():
        character = text[at]
        if character == "'":
            at, inside = _quoted(text, at, line)
            made.append(inside)
        elif character == '"':
            at = _double_quoted(text, at + 1, line, made)
        elif character == "\\" and at + 1 < len(text):
            made.append(_ESCAPED.get(text[at + 1], "" if text[at + 1] == "\n" else text[at + 1]))
            at += 2
        else:
            _check_variable(text, at, line)
            made.append(character)
            at += 1
    return "".join(made), at


def _quoted(text: str, at: int, line: int) -> tuple[int, str]:
    end = text.find("'", at + 1)
    if end < 0:
        raise Unreadable(line, "has a quote that does not end")
    return end + 1, text[at + 1 : end]


def _double_quoted(text: str, at: int, line: int, made: list[str]) -> int:
    while at < len(text):
        character = text[at]
        if character == '"':
            return at + 1
        if found := _HEX.match(text, at) or _OCTAL.match(text, at):
            made.append(chr(int(found[1], 16 if character == "\\" and text[at + 1] == "x" else 8)))
            at = found.end()
        elif character == "\\" and at + 1 < len(text):
            made.append(_ESCAPED.get(text[at + 1], "" if text[at + 1] == "\n" else text[at + 1]))
            at += 2
        else:
            _check_variable(text, at, line)
            made.append(character)
            at += 1
    raise Unreadable(line, "has a quote that does not end")


def _check_variable(text: str, at: int, line: int) -> None:
    if found := _VARIABLE.match(text, at):
        raise Unreadable(line, f"takes `{found[0]}` from the environment of whoever starts it; write what it means")


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
