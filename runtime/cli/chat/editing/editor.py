"""Reads one message from the keys of a terminal, with history, search and completion."""

import os
import time
from collections.abc import Callable, Sequence

from runtime.cli.chat.draft import is_open, unfenced
from runtime.cli.chat.editing.history import History
from runtime.cli.chat.editing.keys import Key, Keys
from runtime.cli.chat.editing.line import Line
from runtime.cli.chat.editing.screen import Screen
from runtime.cli.chat.editing.tty import Tty

ESCAPE_S = 0.05
"""So long after an escape character, what follows is no part of its sequence."""
TWICE_S = 1.0
AGAIN = "Ctrl-C again, or Ctrl-D, ends the chat."


class End(Exception):
    """The person wants to go."""


class Editor:
    """complete: what a beginning may become. paint: the prompt in its colours."""

    def __init__(
        self,
        terminal: Tty,
        draw: Callable[[str], None],
        history: History,
        complete: Callable[[str], Sequence[str]],
        paint: Callable[[str], str],
    ) -> None:
        self._terminal = terminal
        self._screen = Screen(draw, terminal.size)
        self._draw = draw
        self._history = history
        self._complete = complete
        self._paint = paint
        self._keys = Keys()
        self._waiting: list[Key] = []
        self._interrupted_at = float("-inf")
        self._line = Line()
        self._prompt = ""
        self._place = 0
        self._draft = ""
        self._words: str | None = None

    def read(self, prompt: str) -> str | None:
        """The next message; None at the end: Ctrl-D, or Ctrl-C twice."""
        self._line, self._prompt, self._words = Line(), prompt, None
        self._waiting = [
            key for key in self._waiting if key.name != "interrupt"
        ]  # it was too late for the last message
        self._place, self._draft = len(self._history.entries), ""
        self._terminal.set("keys")
        try:
            while True:
                self._show()
                if self._take(self._next()):
                    return self._entered()
        except End:
            self._leave()
            return None
        finally:
            self._terminal.set("quiet")

    def interrupt(self) -> None:
        """Ctrl-C was pressed: a key as any other here. For the handler of its signal."""
        self._waiting.append(Key(name="interrupt"))

    def _next(self) -> Key:
        """The next key. Raises: End when the terminal has gone."""
        while not self._waiting:
            data = self._terminal.read(ESCAPE_S if self._keys.is_waiting else None)
            if data is None:
                raise End
            if self._terminal.changed:
                if self._terminal.changed == "owner":
                    self._screen.forget()
                self._terminal.changed = ""
                self._waiting.append(Key(name="redraw"))
            self._waiting += self._keys.feed(data) if data else self._keys.flush()
        return self._waiting.pop(0)

    def _take(self, key: Key) -> bool:
        """Do what the key says; tell whether the message is complete."""
        if self._words is not None and self._search(key):
            return False
        deed = DEEDS.get(key.name)
        if key.name == "enter":
            return self._enter()
        if deed:
            deed(self)
        elif key.text:
            self._line.insert(key.text)
        else:
            self._line.do(key.name)
        return False

    def _enter(self) -> bool:
        line = self._line
        if line.at == len(line.text) and is_open(line.text):
            if line.text.endswith("\\"):
                line.do("backspace")
            line.insert("\n")
            return False
        return True

    def _entered(self) -> str:
        self._leave()
        self._history.add(self._line.text)
        return unfenced(self._line.text)

    def _up(self) -> None:
        if self._line.line_start:
            self._move_line(self._line.line_start - 1)
        elif self._place:
            self._recall(self._place - 1)

    def _down(self) -> None:
        if self._line.line_end < len(self._line.text):
            self._move_line(self._line.line_end + 1)
        elif self._place < len(self._history.entries):
            self._recall(self._place + 1)

    def _move_line(self, into: int) -> None:
        """Move into the line that `into` is in, as far from its beginning as before."""
        offset = self._line.at - self._line.line_start
        self._line.at = into
        self._line.at = min(self._line.line_start + offset, self._line.line_end)

    def _recall(self, place: int) -> None:
        entries = self._history.entries
        if self._place == len(entries):
            self._draft = self._line.text
        self._place = place
        self._line.set(entries[place] if place < len(entries) else self._draft)

    def _begin_search(self) -> None:
        self._words = ""

    def _search(self, key: Key) -> bool:
        """Find what the typed words are in; False when the key ends the search and means something itself."""
        words = self._words or ""
        before = self._place
        if key.name == "backspace":
            words, before = words[:-1], len(self._history.entries)
        elif key.text:
            words, before = words + key.text, min(self._place + 1, len(self._history.entries))
        elif key.name != "search":
            self._words = None
            return key.name in ("cancel", "redraw")
        self._words = words
        place = self._history.search(words, before) if words else -1
        if place >= 0:
            self._recall(place)
        return True

    def _tab(self) -> None:
        line = self._line
        found = self._complete(line.text) if line.at == len(line.text) else []
        if len(found) == 1:
            line.set(f"{found[0]} ")
        elif found:
            common = os.path.commonprefix(list(found))  # noqa: RUF071 - character by character
            if common == line.text:
                self._leave()
                self._draw("  ".join(found) + "\r\n")
            line.set(common)

    def _interrupt(self) -> None:
        now = time.monotonic()
        if not self._line.text and now - self._interrupted_at < TWICE_S:
            raise End
        self._interrupted_at = now if not self._line.text else float("-inf")
        self._leave()
        if not self._line.text:
            self._draw(f"{AGAIN}\r\n")
        self._line.set("")
        self._place = len(self._history.entries)

    def _delete_or_end(self) -> None:
        if not self._line.text:
            raise End
        self._line.do("delete")

    def _clear(self) -> None:
        self._screen.clear()

    def _show(self) -> None:
        if self._words is None:
            self._screen.show(self._line.text, self._line.at, self._prompt, self._paint(self._prompt))
        else:
            self._screen.show(self._line.text, self._line.at, f"search `{self._words[-12:]}`: ")

    def _leave(self) -> None:
        self._screen.leave(self._line.text, self._prompt, self._paint(self._prompt))


DEEDS: dict[str, Callable[[Editor], None]] = {
    "up": Editor._up,
    "down": Editor._down,
    "search": Editor._begin_search,
    "tab": Editor._tab,
    "interrupt": Editor._interrupt,
    "delete-or-end": Editor._delete_or_end,
    "clear": Editor._clear,
}
"""What keys do that concern more than the text, by their names."""
