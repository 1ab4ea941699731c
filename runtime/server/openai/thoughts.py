"""Where the thoughts of a model stand in an answer: apart, within its text between marks, or both.

These are the values of llama-server's `reasoning_format`.
"""

from runtime.server.options import ReasoningFormat

BEGIN, END = "<think>", "</think>\n"


class Thoughts:
    """Places the thoughts of one answer."""

    def __init__(self, wanted: ReasoningFormat | None) -> None:
        self._is_apart = wanted != "none"
        self._is_marked = wanted in ("none", "deepseek-legacy")
        self._is_open = False

    def placed(self, text: str) -> dict[str, object]:
        """The keys of a message that hold the next of them."""
        keys: dict[str, object] = {"reasoning_content": text} if self._is_apart else {}
        if self._is_marked:
            keys["content"] = text if self._is_open else BEGIN + text
            self._is_open = True
        return keys

    def end(self) -> str:
        """What stands in the text before something else follows."""
        was_open, self._is_open = self._is_open, False
        return END if was_open else ""
