"""Draws the text that is being written, wrapped below the prompt, and leaves the cursor at its place.

Where the cursor stands within its row is left to the terminal: the row is written again up to there. So a character
that the terminal shows wider than this program thinks moves no more than itself.
"""

from collections.abc import Callable

from runtime.cli.chat.editing.cells import Row, rows, shown, width

LEAST_COLUMNS = 8
LEAST_LINES = 2


class Screen:
    """draw: writes to the terminal. size: its columns and lines, now."""

    def __init__(self, draw: Callable[[str], None], size: Callable[[], tuple[int, int]]) -> None:
        self._draw = draw
        self._size = size
        self._widths: list[int] = []
        self._row = 0
        self._column = 0

    def show(self, text: str, at: int, prompt: str, painted: str = "") -> None:
        """Draw `text` with the cursor at `at` in place of what was drawn before. painted: the prompt in its colours."""
        columns, lines = self._room()
        indent = width(prompt)
        room = max(1, columns - 1 - indent)  # the last column stays free: terminals differ in what follows it
        visible, row = _window(text, at, room, max(LEAST_LINES, lines - 1))
        blank = " " * indent
        heads = [blank if visible[0].start else painted or prompt, *[blank] * (len(visible) - 1)]
        written = [head + shown(text[each.start : each.end]) for head, each in zip(heads, visible, strict=True)]
        self._draw(self._to_top() + "\r\n".join(written))
        below = len(visible) - 1 - row
        if below or at < visible[row].end:
            up = f"\x1b[{below}A" if below else ""
            self._draw(f"{up}\r{heads[row]}{shown(text[visible[row].start : at])}")
        self._widths, self._row = [indent + each.width for each in visible], row
        self._column = indent + width(text[visible[row].start : at])

    def leave(self, text: str, prompt: str, painted: str = "") -> None:
        """Draw all of it once more as it was entered, and go on below."""
        self.show(text, len(text), prompt, painted)
        self._draw("\r\n")
        self.forget()

    def clear(self) -> None:
        """Make the screen empty."""
        self._draw("\x1b[H\x1b[2J")
        self.forget()

    def forget(self) -> None:
        """What was drawn stays, and the next time begins where the cursor is."""
        self._widths, self._row, self._column = [], 0, 0

    def _room(self) -> tuple[int, int]:
        columns, lines = self._size()
        return max(columns, LEAST_COLUMNS), max(lines, LEAST_LINES)

    def _to_top(self) -> str:
        """Go to where the prompt begins, in a window that may have become narrower, and clear from there on."""
        columns = self._room()[0]
        up = sum(max(1, -(-each // columns)) for each in self._widths[: self._row])
        if self._widths:
            is_behind = self._column == self._widths[self._row]  # there it stays in the row that it filled
            up += max(0, self._column - is_behind) // columns
        return f"\r\x1b[{up}A\x1b[J" if up else "\r\x1b[J"


def _window(text: str, at: int, room: int, height: int) -> tuple[list[Row], int]:
    """The rows around the cursor that fit on the screen, and which of them is the cursor's.

    Only the lines that may be visible are looked at: a message may have a million characters.
    """
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    found = rows(text, start, end, room)
    row = next((place for place, each in enumerate(found) if at < each.end), len(found) - 1)
    if at == end and found[-1].width == room:
        found.append(Row(end, end, 0))
        row = len(found) - 1
    while start and row < height:
        above = text.rfind("\n", 0, start - 1) + 1
        more = rows(text, above, start - 1, room)
        found, row, start = [*more, *found], row + len(more), above
    while end < len(text) and len(found) - row <= height:
        below = text.find("\n", end + 1)
        below = len(text) if below < 0 else below
        found += rows(text, end + 1, below, room)
        end = below
    first = max(0, min(row - height // 2, len(found) - height)) if len(found) > height else 0
    return found[first : first + height], row - first
