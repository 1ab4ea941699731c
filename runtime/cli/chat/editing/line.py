"""The text that is being written, and what keys do to it. Knows neither terminal nor history."""

from runtime.cli.chat.draft import MAX_CHARACTERS
from runtime.cli.chat.editing.cells import UNPRINTABLE, next_stop, previous_stop


class Line:
    """`text`, which may have several lines, and the place of the cursor in it."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self._cut = ""

    def set(self, text: str) -> None:
        """Begin again with this, the cursor behind it."""
        self.text, self.at = text, len(text)

    def insert(self, text: str) -> None:
        """Write at the cursor what an editor can show of `text`."""
        room = max(0, MAX_CHARACTERS - len(self.text))
        text = UNPRINTABLE.sub("", text)[:room]
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def do(self, name: str) -> None:
        """Do what the key of this name means, if it means anything here."""
        deed = DEEDS.get(name)
        if deed:
            deed(self)

    @property
    def line_start(self) -> int:
        """Where the line of the cursor begins."""
        return self.text.rfind("\n", 0, self.at) + 1

    @property
    def line_end(self) -> int:
        """Where the line of the cursor ends."""
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _left(self) -> None:
        if self.at:
            self.at = previous_stop(self.text, self.at)

    def _right(self) -> None:
        if self.at < len(self.text):
            self.at = next_stop(self.text, self.at)

    def _home(self) -> None:
        self.at = self.line_start

    def _end(self) -> None:
        self.at = self.line_end

    def _word_left(self) -> None:
        before = self.text[: self.at]
        word = before.rstrip()
        blank = max(word.rfind(" "), word.rfind("\n"), word.rfind("\t"))
        self.at = blank + 1

    def _word_right(self) -> None:
        at = self.at
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        while at < len(self.text) and not self.text[at].isspace():
            at += 1
        self.at = at

    def _backspace(self) -> None:
        end = self.at
        self._left()
        self.text = self.text[: self.at] + self.text[end:]

    def _delete(self) -> None:
        if self.at < len(self.text):
            self.text = self.text[: self.at] + self.text[next_stop(self.text, self.at) :]

    def _cut_word(self) -> None:
        end = self.at
        self._word_left()
        self._take(self.at, end)

    def _cut_word_right(self) -> None:
        start = self.at
        self._word_right()
        self._take(start, self.at)

    def _cut_end(self) -> None:
        self._take(self.at, max(self.line_end, min(self.at + 1, len(self.text)) if self.line_end == self.at else 0))

    def _cut_start(self) -> None:
        self._take(self.line_start, self.at)

    def _put(self) -> None:
        self.insert(self._cut)

    def _newline(self) -> None:
        self.insert("\n")

    def _take(self, start: int, end: int) -> None:
        """Cut a part out; `put` brings it back."""
        if start < end:
            self._cut = self.text[start:end]
            self.text, self.at = self.text[:start] + self.text[end:], start


DEEDS = {
    "left": Line._left,
    "right": Line._right,
    "home": Line._home,
    "end": Line._end,
    "alt-b": Line._word_left,
    "alt-f": Line._word_right,
    "backspace": Line._backspace,
    "delete": Line._delete,
    "cut-word": Line._cut_word,
    "alt-backspace": Line._cut_word,
    "alt-d": Line._cut_word_right,
    "cut-end": Line._cut_end,
    "cut-start": Line._cut_start,
    "put": Line._put,
    "newline": Line._newline,
}
"""What keys do, by their names."""
