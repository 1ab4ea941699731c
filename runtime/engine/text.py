"""Turns the bytes of tokens into text that may be shown: whole characters, nothing of a stop string.

The result does not depend on where the tokens were cut: of several stop strings the one
that is complete first wins, and of two that end together the longer.
"""

import codecs


class TextAssembler:
    """The text of one answer. `stopped_by` is the stop string that ended it, once one has.

    is_dedented: it ended at a line, other than its first, with fewer than `n_indent` blanks in front;
    of that line only these are shown, as by llama-server.
    """

    def __init__(self, stops: list[str], n_indent: int = 0) -> None:
        self._stops = [stop for stop in stops if stop]
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped_by = ""
        self.has_new_line = False
        self.is_dedented = False
        self._n_indent = n_indent
        self._n_blanks: int | None = None
        """At the beginning of the current line; None when more than blanks came, and in the first line."""

    def push(self, piece: bytes) -> str:
        """Add the bytes of a token and return what may be shown now."""
        text = self._decoder.decode(piece)
        if self._stops:
            text = self._filter(self._held + text)
        return self._seen(text)

    def finish(self) -> str:
        """Return what was still held back; a character that never became whole is U+FFFD."""
        if self.stopped_by or self.is_dedented:
            return ""
        text, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return self._seen(text)

    def _seen(self, text: str) -> str:
        if self._n_indent:
            text = self._indented(text)
        if "\n" in text:
            self.has_new_line = True
        return text

    def _indented(self, text: str) -> str:
        """Return the text up to the first line that is indented too little."""
        for at, character in enumerate(text):
            if self._n_blanks is not None:
                if character in " \t":
                    self._n_blanks += 1
                    continue
                if self._n_blanks < self._n_indent:
                    self.is_dedented, self.stopped_by, self._held = True, "", ""
                    return text[:at]
                self._n_blanks = None
            if character == "\n":
                self._n_blanks = 0
        return text

    def _filter(self, text: str) -> str:
        found = [(start + len(stop), start, stop) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            _, start, self.stopped_by = min(found)
            self._held = ""
            return text[:start]
        n_held = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that begins `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:n]):
            return n
    return 0
