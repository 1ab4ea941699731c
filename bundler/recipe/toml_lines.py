"""The line on which each key of a TOML text stands, for errors that point at it: `tomllib` does not tell.

The text is one that `tomllib` has read, so this only has to find where keys, values and tables begin and end.
"""

import re
import tomllib
from typing import Any

Keys = tuple[str | int, ...]
"""The way to a value: keys of tables, and indices of arrays."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"{_WORD}(?:[ \t]*\.[ \t]*{_WORD})*")
_TEXT = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")'''
    r"""|\'\'\'.*?'{3,5}(?!')"""
    r"""|"(?:[^"\\]|\\.)*"|'[^']*'""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\s,\]}#]+(?:[ ][0-9][^\s,\]}#]*)?")
"""A number, a word or a date, whose time may stand behind a space."""


def lines(text: str) -> dict[Keys, int]:
    """The line, from 1, of each key and of each item of an array. `text` is TOML with line feeds alone."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Keys, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._tables: dict[Keys, int] = {}
        """Of each array of tables, the index of its last one."""

    def document(self) -> None:
        table: Keys = ()
        while self._skip(_BLANK) and self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> Keys:
        """`[a.b]` or `[[a.b]]`; a key on the way that is an array of tables means its last one."""
        self._at += brackets
        line = self._here()
        *way, last = self._key()
        self._skip(_SPACE)
        self._at += brackets
        path: Keys = ()
        for key in way:
            path = self._last((*path, key))
            self.found.setdefault(path, line)
        path = (*path, last)
        if brackets == 2:
            self._tables[path] = self._tables.get(path, -1) + 1
            self.found.setdefault(path, line)
        path = self._last(path)
        self.found[path] = line
        return path

    def _last(self, path: Keys) -> Keys:
        return (*path, self._tables[path]) if path in self._tables else path

    def _pair(self, table: Keys) -> None:
        line = self._here()
        path = table
        for key in self._key():
            path = (*path, key)
            self.found.setdefault(path, line)
        self._skip(_SPACE)
        self._at += 1  # the sign between
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Keys) -> None:
        start = self._text[self._at]
        if start == "[":
            self._array(path)
        elif start == "{":
            self._inline(path)
        else:
            self._skip(_TEXT if start in "\"'" else _PLAIN)

    def _array(self, path: Keys) -> None:
        self._at += 1
        index = 0
        while self._skip(_BLANK) and self._text[self._at] != "]":
            self.found[(*path, index)] = self._here()
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            self._at += self._text[self._at] == ","
        self._at += 1

    def _inline(self, path: Keys) -> None:
        self._at += 1
        while self._skip(_BLANK) and self._text[self._at] != "}":
            self._pair(path)
            self._skip(_BLANK)
            self._at += self._text[self._at] == ","
        self._at += 1

    def _key(self) -> list[str]:
        self._skip(_SPACE)
        start = self._at
        self._skip(_KEY)
        table: Any = tomllib.loads(f"{self._text[start : self._at]} = 0")
        keys = []
        while isinstance(table, dict):
            ((key, table),) = table.items()
            keys.append(key)
        return keys

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at = found.end()
        return True

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
