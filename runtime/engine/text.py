"""Turns the bytes of tokens into text that may be shown: whole characters, nothing of a stop string.

The result does not depend on where the tokens were cut: of several stop strings the one
that is complete first wins, and of two that end together the longer.
"""

import codecs


class TextAssembler:
    """The text of one answer. `stopped_by` is the stop string that ended it, once one has."""

    def __init__(self, stops: list[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped_by = ""
        self.has_new_line = False

    def push(self, piece: bytes) -> str:
        """Add the bytes of a token and return what may be shown now."""
        text = self._decoder.decode(piece)
        if self._stops:
            text = self._filter(self._held + text)
        return self._seen(text)

    def finish(self) -> str:
        """Return what was still held back; a character that never became whole is U+FFFD."""
        if self.stopped_by:
            return ""
        text, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return self._seen(text)

    def _seen(self, text: str) -> str:
        if "\n" in text:
            self.has_new_line = True
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
