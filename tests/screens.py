"""The screen of a terminal, as far as programs here use one: what is written to it, and where the cursor stands."""

import re
import unicodedata

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    """`columns` by `lines` cells; what scrolls out at the top is kept in `gone`."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.columns, self.lines = columns, lines
        self.rows: list[list[str]] = [[]]
        self.gone: list[str] = []
        self.row = self.column = 0
        self.modes: set[str] = set()
        self.unknown: list[str] = []

    def write(self, text: str) -> None:
        """Do what a terminal does with `text`."""
        at = 0
        while at < len(text):
            found = SEQUENCE.match(text, at)
            if found:
                self._obey(found[1], found[2], found[3])
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    @property
    def text(self) -> list[str]:
        """The rows that are not empty, without the spaces at their ends."""
        shown = ["".join(row).rstrip() for row in self.rows]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._next_row()
        elif character < " " or "\x7f" <= character < "\xa0":
            self.unknown.append(character)
        else:
            self._print(character, cells(character))

    def _print(self, character: str, width: int) -> None:
        if width == 0:
            if self.column:
                self.rows[self.row][self.column - 1] += character
            return
        if self.column + width > self.columns:
            self.column = 0
            self._next_row()
        row = self.rows[self.row]
        row += [" "] * (self.column + width - len(row))
        row[self.column] = character
        if width == 2:
            row[self.column + 1] = ""
        self.column += width

    def _next_row(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])
        if self.row == self.lines:
            self.gone.append("".join(self.rows.pop(0)))
            self.row -= 1

    def _obey(self, private: str, numbers: str, final: str) -> None:
        n = int(numbers.split(";")[0] or 0)
        if private:
            (self.modes.add if final == "h" else self.modes.discard)(numbers)
        elif final == "A":
            self.row = max(0, self.row - max(1, n))
        elif final == "K" and n == 0:
            del self.rows[self.row][self.column :]
        elif final == "J" and n == 0:
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
        elif final == "J" and n == 2:
            self.rows = [[] for _ in self.rows]
        elif final == "H" and not numbers:
            self.row = self.column = 0
        elif final != "m":
            self.unknown.append(final)


def cells(character: str) -> int:
    """How many cells a character takes on common terminals."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
